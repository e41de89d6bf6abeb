/** The limit on what goes on at once. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Limit } from "#agent/limit.ts";

suite("A limit", () => {
  test("lets no more go on at once than it says, first come first served", async () => {
    const limit = new Limit(3);
    const started: number[] = [];
    let inFlight = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        limit.run(async () => {
          started.push(index);
          inFlight += 1;
          most = Math.max(most, inFlight);
          await setTimeout(Math.random() * 5);
          inFlight -= 1;
        }),
      ),
    );
    assert.equal(most, 3);
    assert.deepEqual(
      started,
      Array.from({ length: 30 }, (_, index) => index),
    );
  });

  test("gives a place back when the work fails", async () => {
    const limit = new Limit(1);
    for (let index = 0; index < 5; index++)
      await assert.rejects(
        limit.run(async () => {
          throw new Error("failed");
        }),
        /failed/,
      );
    assert.equal(await limit.run(async () => "free"), "free");
  });

  test("hands a place to who waits, and keeps none for who does not", async () => {
    const limit = new Limit(1);
    const release = await limit.acquire();
    let got = false;
    const waiting = limit.acquire().then((next) => {
      got = true;
      return next;
    });
    await setTimeout(5);
    assert.equal(got, false);
    release();
    (await waiting)();
    (await limit.acquire())();
  });

  test("gives several places at once, and lets nobody overtake who waits for them", async () => {
    const limit = new Limit(4);
    const order: string[] = [];
    const work = async (name: string, places: number) => {
      const release = await limit.acquire(places);
      order.push(name);
      await setTimeout(5);
      release();
    };
    await Promise.all([work("one", 1), work("three and a half", 3.5), work("all", 100), work("last", 1)]);
    assert.deepEqual(order, ["one", "three and a half", "all", "last"]);
    const releases = await Promise.all([limit.acquire(2), limit.acquire(2)]);
    for (const release of releases) release();
  });

  test("holds with any mix of places, and gives all of them back", async () => {
    const limit = new Limit(5);
    let taken = 0;
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const places = (index * 7) % 6 || 1;
        const release = await limit.acquire(places);
        taken += places;
        assert.ok(taken <= 5);
        await setTimeout(Math.random() * 3);
        taken -= places;
        release();
      }),
    );
    (await limit.acquire(5))();
  });

  test("returns what the work returns", async () => {
    assert.equal(await new Limit(1).run(async () => 7), 7);
  });

  test("that grows lets in who waits", async () => {
    const limit = new Limit(1);
    const first = await limit.acquire();
    const waiting = [limit.acquire(), limit.acquire()];
    assert.ok(limit.isFull);
    limit.resize(3);
    for (const release of [first, ...(await Promise.all(waiting))]) release();
    assert.ok(!limit.isFull);
  });

  test("that shrinks lets in nobody before enough places are back", async () => {
    const limit = new Limit(3);
    const [first, second, third] = await Promise.all([limit.acquire(), limit.acquire(), limit.acquire()]);
    limit.resize(1);
    let got = false;
    const waiting = limit.acquire().then((release) => {
      got = true;
      return release;
    });
    first?.();
    second?.();
    await setTimeout(5);
    assert.equal(got, false);
    third?.();
    (await waiting)();
    assert.ok(!limit.isFull);
  });
});

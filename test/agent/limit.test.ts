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

  test("returns what the work returns", async () => {
    assert.equal(await new Limit(1).run(async () => 7), 7);
  });
});

/** How many files are worked on at once, before servers that are simulated in a time of their own. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { AdaptiveLimit, Concurrency, PROCESS_CLOCK } from "#agent/concurrency.ts";

const BOUNDS = { least: 4, first: 16, most: 64 };
const SIZE_BYTES = 4 * 1024;
/** How long a request rests at most that was refused. */
const MOST_BACKOFF_MS = 1_000;

interface Server {
  /** How long each request takes when nothing else goes on. */
  readonly wayMs: number;
  /** How long the server or the line is busy with each request, one after the other. */
  readonly busyMs: number;
  /** So many at once are served, others refused. */
  readonly serves: number;
  /** How much of the time the process that asks works itself. */
  readonly worksShare?: number;
}

class Simulation {
  readonly concurrency = new Concurrency(BOUNDS, { nowMs: () => this.#nowMs, workedMs: () => this.#workedMs });
  readonly #travelling: { readonly endMs: number; readonly refused: boolean; readonly restedMs: number }[] = [];
  #nowMs = 0;
  #workedMs = 0;
  #lineFreeMs = 0;
  #sent = 0;

  /** Sends as much as it may for so long, and returns how many requests a second were served. */
  run(server: Server, lengthMs: number, waited = true): number {
    const endMs = this.#nowMs + lengthMs;
    let served = 0;
    while (this.#nowMs < endMs) {
      while (this.#travelling.length < this.concurrency.places) this.#send(server);
      this.#travelling.sort((left, right) => left.endMs + left.restedMs - right.endMs - right.restedMs);
      const next = this.#travelling.shift();
      assert.ok(next);
      this.#workedMs += (next.endMs + next.restedMs - this.#nowMs) * (server.worksShare ?? 0.1);
      this.#nowMs = next.endMs + next.restedMs;
      if (!next.refused) {
        served += 1;
        this.concurrency.ended(SIZE_BYTES, waited);
      } else if (next.restedMs === 0) {
        this.concurrency.slowDown();
        this.#travelling.push({ ...next, restedMs: (this.#sent * 379) % MOST_BACKOFF_MS });
      } else this.#send(server);
    }
    return (served / lengthMs) * 1_000;
  }

  #send({ wayMs, busyMs, serves }: Server): void {
    const atServer = this.#travelling.filter((one) => one.restedMs === 0).length;
    const refused = atServer >= serves;
    // No two take the very same time.
    const ownWayMs = wayMs + (this.#sent++ % 7) / 7;
    if (!refused) this.#lineFreeMs = Math.max(this.#lineFreeMs, this.#nowMs) + busyMs;
    const endMs = refused ? this.#nowMs + ownWayMs : Math.max(this.#nowMs + ownWayMs, this.#lineFreeMs);
    this.#travelling.push({ endMs, refused, restedMs: 0 });
  }
}

const FAR: Server = { wayMs: 30, busyMs: 0, serves: Number.POSITIVE_INFINITY };

suite("The number of files at once", () => {
  test("grows to its most while the way is what they wait for", () => {
    const simulation = new Simulation();
    simulation.run(FAR, 3_000);
    assert.equal(simulation.concurrency.places, BOUNDS.most);
  });

  test("stays where more of them would only wait for the line", () => {
    // 12 at once fill the line.
    const line = { ...FAR, busyMs: 2.5 };
    const simulation = new Simulation();
    assert.ok(simulation.run(line, 10_000) > 380);
    let most = 0;
    let steps = 0;
    for (let window = 0; window < 100; window++) {
      simulation.run(line, 100);
      most = Math.max(most, simulation.concurrency.places);
      if (simulation.concurrency.places > BOUNDS.first) steps += 1;
    }
    assert.ok(most <= BOUNDS.first * 1.5, String(most));
    assert.ok(steps < 20, `${steps} of 100 windows above`);
  });

  test("finds what a line needs that is longer than it seemed at first", () => {
    // 40 at once fill the line: at 36 it is nine tenths full.
    const simulation = new Simulation();
    simulation.run({ ...FAR, busyMs: 0.75 }, 10_000);
    assert.ok(simulation.concurrency.places >= 36, String(simulation.concurrency.places));
  });

  test("is halved as long as the server refuses, and goes up when it does no more", () => {
    const simulation = new Simulation();
    const few = { ...FAR, serves: 10 };
    simulation.run(few, 5_000);
    assert.ok(simulation.concurrency.places <= 10, String(simulation.concurrency.places));
    // A server that serves 10 at once could answer 333 a second.
    assert.ok(simulation.run(few, 60_000) > 150);
    simulation.run(FAR, 30_000);
    assert.equal(simulation.concurrency.places, BOUNDS.most);
  });

  test("never falls below its least, whatever is refused", () => {
    const simulation = new Simulation();
    simulation.run({ ...FAR, serves: 0 }, 30_000);
    assert.equal(simulation.concurrency.places, BOUNDS.least);
  });

  test("does not grow while no request waits for a place", () => {
    const simulation = new Simulation();
    simulation.run(FAR, 5_000, false);
    assert.equal(simulation.concurrency.places, BOUNDS.first);
  });

  test("does not grow in a process that works all the time, though it sends ever more: it only gets under way", () => {
    const simulation = new Simulation();
    for (let wayMs = 60; wayMs > 10; wayMs *= 0.9) simulation.run({ ...FAR, wayMs, worksShare: 0.93 }, 400);
    assert.equal(simulation.concurrency.places, BOUNDS.first);
  });

  test("grows in one that has a fifth of its time left", () => {
    const simulation = new Simulation();
    simulation.run({ ...FAR, worksShare: 0.8 }, 3_000);
    assert.equal(simulation.concurrency.places, BOUNDS.most);
  });

  test("falls once for a burst of complaints about the same load", () => {
    let nowMs = 1_000;
    const concurrency = new Concurrency(BOUNDS, { nowMs: () => nowMs++, workedMs: () => 0 });
    for (let complaint = 0; complaint < 16; complaint++) concurrency.slowDown();
    assert.equal(concurrency.places, BOUNDS.first / 2);
    nowMs = 3_000;
    concurrency.slowDown();
    assert.equal(concurrency.places, BOUNDS.first / 4);
  });

  test("is within its bounds after any course of things", () => {
    const event = fc.record({
      sizeBytes: fc.nat(8 * 1024 * 1024),
      waited: fc.boolean(),
      refused: fc.integer({ min: 0, max: 20 }).map((roll) => roll === 0),
      afterMs: fc.nat(300),
      worksShare: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 2_000 }), (events) => {
        let nowMs = 0;
        let workedMs = 0;
        const concurrency = new Concurrency(BOUNDS, { nowMs: () => nowMs, workedMs: () => workedMs });
        for (const { sizeBytes, waited, refused, afterMs, worksShare } of events) {
          nowMs += afterMs;
          workedMs += afterMs * worksShare;
          if (refused) concurrency.slowDown();
          else concurrency.ended(sizeBytes, waited);
          assert.ok(Number.isInteger(concurrency.places));
          assert.ok(concurrency.places >= BOUNDS.least && concurrency.places <= BOUNDS.most);
        }
      }),
      { numRuns: 50 },
    );
  });
});

suite("A limit that adapts", () => {
  /** How many of so many files are worked on at once. */
  async function atOnce(limit: AdaptiveLimit, files: number): Promise<number> {
    let inFlight = 0;
    let most = 0;
    const work = async () => {
      const release = await limit.acquire();
      inFlight += 1;
      most = Math.max(most, inFlight);
      await setTimeout(1);
      inFlight -= 1;
      release(1);
    };
    await Promise.all(Array.from({ length: files }, work));
    return most;
  }

  test("begins with its first number, and goes on with half after a slow-down", async () => {
    const limit = new AdaptiveLimit(BOUNDS);
    assert.equal(await atOnce(limit, 40), BOUNDS.first);
    limit.slowDown();
    assert.equal(await atOnce(limit, 20), BOUNDS.first / 2);
  });

  for (const share of [0.5, 1])
    test(`${share < 1 ? "grows" : "stays"} where the process works ${share * 100} % of its time`, async () => {
      let nowMs = 0;
      const limit = new AdaptiveLimit(BOUNDS, { nowMs: () => nowMs, workedMs: () => nowMs * share });
      for (let round = 0; round < 100; round++) {
        // All at once that may be, in the same time however many they are.
        const files = Array.from({ length: limit.places * 4 }, async (_, index) => {
          const release = await limit.acquire();
          if (index % limit.places === 0) nowMs += 60;
          release(1);
        });
        await Promise.all(files);
      }
      assert.equal(limit.places > BOUNDS.first, share < 1, `${limit.places}`);
    });
});

test("The process's clock tells work from waiting", async () => {
  // Nothing has worked before the loop's first turn.
  await setTimeout(1);
  const begunMs = PROCESS_CLOCK.workedMs();
  for (const untilMs = performance.now() + 50; performance.now() < untilMs; );
  await setTimeout(1);
  const workedMs = PROCESS_CLOCK.workedMs();
  assert.ok(workedMs - begunMs >= 50, `${workedMs - begunMs}`);
  await setTimeout(200);
  assert.ok(PROCESS_CLOCK.workedMs() - workedMs < 150, `${PROCESS_CLOCK.workedMs() - workedMs}`);
});

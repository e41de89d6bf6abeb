/** Which calls to a local disk are made at once. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { CallsAtOnce } from "#agent/at-once.ts";

/** Makes calls, one after the other, of which each takes so many milliseconds when it is made at once; tells their ways. */
async function waysOf(tookMs: readonly number[]): Promise<string> {
  let nowMs = 0;
  const calls = new CallsAtOnce(() => nowMs);
  let ways = "";
  for (const ms of tookMs)
    ways += await calls.make(
      true,
      () => {
        nowMs += ms;
        return "a";
      },
      async () => "t",
    );
  return ways;
}

const [QUICK_MS, SLOW_MS] = [0.01, 4];
const times = (count: number, ms: number) => Array<number>(count).fill(ms);
const byThreads = (count: number) => "t".repeat(count);

/** Has the loop turn as often as it can; counts it. */
function countTurns() {
  let turns = 0;
  let next = setImmediate(function turn() {
    turns += 1;
    next = setImmediate(turn);
  });
  return {
    get turns() {
      return turns;
    },
    end: () => clearImmediate(next),
  };
}

suite("A call is made", () => {
  test("at once as long as that is quick", async () => {
    assert.equal(await waysOf(times(500, QUICK_MS)), "a".repeat(500));
  });

  test("by a thread where it must not be made at once", async () => {
    const calls = new CallsAtOnce();
    assert.equal(
      await calls.make(
        false,
        () => "a",
        async () => "t",
      ),
      "t",
    );
  });

  test("by a thread 8 times after one that had to wait; then another is tried", async () => {
    const ways = await waysOf([QUICK_MS, SLOW_MS, ...times(10, QUICK_MS)]);
    assert.equal(ways, `aa${byThreads(8)}aa`);
  });

  test("by a thread twice as often each time that the next one waits too, up to 4,096 times", async () => {
    const ways = await waysOf(times(20_000, SLOW_MS));
    assert.deepEqual(
      ways
        .split("a")
        .slice(1, 13)
        .map(({ length }) => length),
      [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 4096, 4096],
    );
  });

  test("by a thread 8 times again, when one between was quick", async () => {
    const ways = await waysOf([SLOW_MS, ...times(8, 0), SLOW_MS, ...times(16, 0), QUICK_MS, SLOW_MS, ...times(9, 0)]);
    assert.equal(ways, `a${byThreads(8)}a${byThreads(16)}aa${byThreads(8)}a`);
  });

  test("with the same error either way, which may take long too", async () => {
    let nowMs = 0;
    const calls = new CallsAtOnce(() => nowMs);
    const atOnce = () => {
      nowMs += SLOW_MS;
      throw new Error("at once");
    };
    const byThread = () => Promise.reject(new Error("by a thread"));
    await assert.rejects(calls.make(true, atOnce, byThread), /at once/);
    await assert.rejects(calls.make(true, atOnce, byThread), /by a thread/);
  });
});

suite("fault 51: signals, answers and timers have their turn after 64 calls", () => {
  const CALLS = 64 * 100;

  test("of one after the other", async () => {
    const calls = new CallsAtOnce(() => 0);
    const loop = countTurns();
    for (let call = 0; call < CALLS; call++)
      await calls.make(
        true,
        () => undefined,
        async () => undefined,
      );
    loop.end();
    assert.ok(loop.turns >= 98, `${loop.turns}`);
  });

  test("of many at the same time, in whatever order they are begun", async () => {
    const calls = new CallsAtOnce(() => 0);
    const loop = countTurns();
    const inTurn = new Map<number, number>();
    const atOnce = () => inTurn.set(loop.turns, (inTurn.get(loop.turns) ?? 0) + 1);
    const one = () => calls.make(true, atOnce, async () => assert.fail("by a thread"));
    await Promise.all(
      Array.from({ length: CALLS / 4 }, async () => {
        for (let call = 0; call < 4; call++) await one();
      }),
    );
    loop.end();
    assert.equal(
      [...inTurn.values()].reduce((sum, count) => sum + count, 0),
      CALLS,
    );
    // Within one turn they end before and begin after this count, so that two times 64 may seem to be in one.
    assert.ok(Math.max(...inTurn.values()) <= 128, `${Math.max(...inTurn.values())}`);
  });
});

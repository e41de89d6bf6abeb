/** The tally: each entry in one state, names up to a limit, counts without. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { STATES, type State, Tally } from "#agent/tally.ts";

suite("A tally", () => {
  test("I3: counts each entry once, in whatever state it ended", () => {
    const tally = new Tally();
    for (const state of Object.keys(STATES) as State[]) tally.count(state);
    assert.equal(tally.entries, Object.keys(STATES).length);
  });

  test("counts all problems, and names as many of each state as anybody reads", () => {
    const tally = new Tally();
    for (let index = 0; index < 5_000; index++) tally.problem({ state: "vanished", name: `v${index}`, reason: "r" });
    tally.problem({ state: "unreadable", name: "the one that matters", reason: "r" });
    assert.deepEqual([tally.counts.vanished, tally.counts.unreadable, tally.entries], [5_000, 1, 5_001]);
    assert.equal(tally.problems.length, 1_001);
    assert.equal(tally.problems.at(-1)?.name, "the one that matters");
  });

  test("counts all repairs, and names the first thousand", () => {
    const tally = new Tally();
    for (let index = 0; index < 1_500; index++) tally.repaired({ kind: "missing", path: `${index}` });
    assert.deepEqual([tally.repairCount, tally.repairs.length], [1_500, 1_000]);
  });
});

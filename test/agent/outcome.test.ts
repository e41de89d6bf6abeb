/** From verdict and tally to outcome, row by row. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outcome } from "#agent/exit-code.ts";
import { incompleteStates, outcomeOf } from "#agent/outcome.ts";
import { type State, Tally } from "#agent/tally.ts";
import { assembleReport, type Report, type Verdict } from "#shared/report.ts";
import { somePart } from "../shared/arbitrary.ts";

const ROWS: readonly (readonly [verdict: Verdict, state: State, ignoreWarnings: boolean, outcome: Outcome])[] = [
  ["match", "uploaded", false, "success"],
  ["match", "unchanged", false, "success"],
  ["match", "different", false, "success"],
  ["match", "vanished", false, "success"],
  ["match", "skipped", false, "success"],
  ["match", "unrepresentable", false, "incomplete"],
  ["match", "unrepresentable", true, "success"],
  ["match", "unreadable", false, "incomplete"],
  ["match", "unreadable", true, "incomplete"],
  ["match", "unstable", true, "incomplete"],
  ["match", "failed", true, "incomplete"],
  ["mismatch", "uploaded", true, "mismatch"],
  ["mismatch", "unreadable", false, "mismatch"],
  ["error", "uploaded", true, "no-verdict"],
  ["error", "unreadable", false, "no-verdict"],
];

for (const [verdict, state, ignoreWarnings, outcome] of ROWS)
  test(`verdict ${verdict} with one entry ${state}${ignoreWarnings ? " and -w" : ""} is ${outcome}`, () => {
    const tally = new Tally();
    tally.count(state);
    const report = { ...assembleReport([somePart()]), verdict };
    assert.equal(outcomeOf(report, tally, ignoreWarnings), outcome);
  });

const VANISHED: readonly (readonly [vanished: number, entries: number, outcome: Outcome])[] = [
  [10, 10, "success"],
  [11, 11, "incomplete"],
  [11, 109, "incomplete"],
  [11, 110, "success"],
  [1_000, 9_999, "incomplete"],
  [1_000, 10_000, "success"],
];

for (const [vanished, entries, outcome] of VANISHED)
  test(`verdict match with ${vanished} of ${entries} entries vanished is ${outcome}`, () => {
    const tally = new Tally();
    for (let index = 0; index < entries; index++) tally.count(index < vanished ? "vanished" : "unchanged");
    assert.equal(outcomeOf(assembleReport([somePart()]), tally, true), outcome);
    assert.deepEqual(incompleteStates(tally, true), outcome === "success" ? [] : ["vanished"]);
  });

test("fault 66: an error for agent and validator do not fit together is one of the configuration", () => {
  const report: Report = { ...assembleReport([somePart()]), verdict: "error", skew: true };
  assert.equal(outcomeOf(report, new Tally(), false), "configuration");
});

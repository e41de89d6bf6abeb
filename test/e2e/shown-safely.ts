/** What a run showed of names, as a terminal and a reader of logs get it. */
import assert from "node:assert/strict";
import { DANGEROUS } from "#test/nasty-names.ts";
import type { Ended } from "./agent-process.ts";

/** Nothing that a terminal would obey, and in the log each record on a line of its own. */
export function assertShownSafely({ stdout, stderr, log }: Ended): void {
  for (const text of [stdout, stderr, log]) {
    const [found] = DANGEROUS.exec(text.replaceAll("\n", "")) ?? [];
    assert.equal(found, undefined, JSON.stringify(found));
  }
  for (const line of log.trimEnd().split("\n"))
    assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d UTC --> \[(INFO {3}|WARNING|ERROR {2})\] /);
}

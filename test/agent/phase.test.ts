/** The line that tells where a run was interrupted, and what holds then. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { interruptionLine, type Phase } from "#agent/phase.ts";

const PHASES: Phase[] = ["preparing", "uploading", "deleting", "awaiting", "repairing"];

suite("An interruption", () => {
  test("is told in one line of a screen, of each phase and switch", () => {
    for (const phase of PHASES)
      for (const verifyOnly of [false, true]) {
        const line = interruptionLine(phase, verifyOnly);
        assert.match(line, /^Interrupted while [a-z ]+: .*\.$/);
        assert.ok(line.length <= 80, line);
      }
  });

  test("of a check says that nothing was changed", () => {
    for (const phase of PHASES) assert.match(interruptionLine(phase, true), /: nothing was sent or deleted\.$/);
    assert.match(interruptionLine("uploading", true), /^Interrupted while comparing: /);
  });
});

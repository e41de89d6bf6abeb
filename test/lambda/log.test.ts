import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { logLine } from "#lambda/log.ts";
import { character } from "#test/shared/arbitrary.ts";

describe("a line of the validator's log", () => {
  it("fault 75: stays one line of plain ASCII, whatever a name holds, and reads back as it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: character }), (prefix) => {
        const line = logLine({ level: "INFO", event: "shard-checked", prefix });
        assert.match(line, /^[\x20-\x7e]*$/);
        assert.equal(JSON.parse(line).prefix, prefix);
      }),
    );
  });

  it("fault 75: a name cannot begin a line or turn the terminal's text around", () => {
    const line = logLine({ level: "INFO", event: "shard-checked", prefix: "a\n2026 OK\u001b[2J\u009b\u202e\u2028" });
    assert.equal(
      line,
      String.raw`{"level":"INFO","event":"shard-checked","prefix":"a\n2026 OK\u001b[2J\u009b\u202e\u2028"}`,
    );
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Invocation, serve } from "#lambda/handler.ts";
import type { LogRecord } from "#lambda/log.ts";
import type { Counted } from "#lambda/metrics.ts";
import { decodeReport, reportKey } from "#shared/report.ts";
import { messageBody, newRun, record, startValidator, type Validator } from "./delivering.ts";
import { OWNER } from "./store.ts";

const invocation = (remainingMs: number): Invocation => ({
  getRemainingTimeInMillis: () => remainingMs,
  invokedFunctionArn: `arn:aws:lambda:eu-central-1:${OWNER}:function:validator`,
});

async function serveBodies(
  { services }: Validator,
  bodies: readonly string[],
  remainingMs = 60_000,
  count: (counted: Counted) => void = () => {},
) {
  const records = bodies.map((body) => record(body));
  const lines: LogRecord[] = [];
  const log = (line: LogRecord) => lines.push(line);
  const { batchItemFailures } = await serve({ Records: records }, invocation(remainingMs), services, log, count);
  const failed = batchItemFailures.map(({ itemIdentifier }) =>
    records.findIndex(({ messageId }) => messageId === itemIdentifier),
  );
  return { failed, lines };
}

describe("the validator's handler", () => {
  it("fault 63: names only the poisoned messages of a batch as failed, the others are served", async (test) => {
    const validator = await startValidator(test);
    const runs = [newRun(), newRun()];
    const [first, second] = runs.map((run) => messageBody([], { run }));
    const { failed, lines } = await serveBodies(validator, [
      "poison",
      first ?? "",
      messageBody([], { bucket: "victim" }),
      second ?? "",
    ]);
    assert.deepEqual(failed, [0, 2]);
    assert.deepEqual(
      lines.map(({ event }) => event),
      ["unreadable-message", "shard-checked", "foreign-bucket", "shard-checked"],
    );
    for (const run of runs) {
      const text = validator.store.text(reportKey("", run));
      assert.equal(decodeReport(text ?? "").verdict, "match");
    }
  });

  it("an empty batch is served", async (test) => {
    const validator = await startValidator(test);
    assert.deepEqual(await serveBodies(validator, []), { failed: [], lines: [] });
  });

  it("counts each delivery", async (test) => {
    const validator = await startValidator(test);
    const counted: Counted[] = [];
    await serveBodies(validator, ["poison", messageBody([])], 60_000, (one) => counted.push(one));
    assert.deepEqual(
      counted.map(({ event, verdict }) => [event, verdict]),
      [
        ["unreadable-message", undefined],
        ["shard-checked", "match"],
      ],
    );
  });

  it("fails no delivery that cannot be counted, and says so in the log", async (test) => {
    const validator = await startValidator(test);
    const { failed, lines } = await serveBodies(validator, [messageBody([]), messageBody([])], 60_000, () => {
      throw new RangeError("no such unit");
    });
    assert.deepEqual(failed, []);
    assert.deepEqual(
      lines.map(({ event }) => event),
      ["shard-checked", "not-counted", "shard-checked", "not-counted"],
    );
    assert.match(String(lines[1]?.reason), /no such unit/);
  });

  it("fault 64: stops a listing before Lambda stops the function, and has the message again soon", async (test) => {
    const validator = await startValidator(test);
    validator.store.fault = ({ action, query }) =>
      action === "list" && query.get("prefix") === "" ? "silence" : undefined;
    const { failed, lines } = await serveBodies(validator, [messageBody([])], 15_300);
    assert.deepEqual(failed, [0]);
    assert.equal(lines[0]?.event, "shard-failed");
    assert.ok(Number(validator.store.delays[0]) < 60);
  });
});

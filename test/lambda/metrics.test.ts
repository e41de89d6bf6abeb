import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Counted, measureDelivery, measureSilence, metricLine } from "#lambda/metrics.ts";
import { METRIC, METRIC_DIMENSION, METRIC_NAMESPACE } from "#shared/names.ts";
import { NO_TOTALS } from "#shared/report.ts";
import type { ShardRange } from "#shared/shard.ts";
import { deliverBody, MAX_RECEIVE_COUNT, messageBody, newRun, startValidator, type Validator } from "./delivering.ts";
import { failure } from "./store.ts";

const FOUND = { ...NO_TOTALS, missing: 1, sizeDiffers: 2, etagDiffers: 3, unexpected: 4 };

const MEASURED: Readonly<Record<string, [Counted, Record<string, number>]>> = {
  "a shard without findings": [
    { event: "shard-checked", totals: { ...NO_TOTALS, matched: 9 }, durationMs: 12 },
    { ShardsChecked: 1, ValidationTime: 12 },
  ],
  "a shard with findings of each kind": [
    { event: "shard-checked", totals: FOUND, durationMs: 12 },
    {
      ShardsChecked: 1,
      FindingsMissing: 1,
      FindingsSizeDiffers: 2,
      FindingsEtagDiffers: 3,
      FindingsUnexpected: 4,
      ValidationTime: 12,
    },
  ],
  "the last shard of a run that matches": [
    { event: "shard-checked", totals: NO_TOTALS, verdict: "match", durationMs: 0 },
    { ShardsChecked: 1, VerdictsMatch: 1, ValidationTime: 0 },
  ],
  "the last shard of a run that does not": [
    { event: "shard-checked", totals: NO_TOTALS, verdict: "mismatch", durationMs: 1 },
    { ShardsChecked: 1, VerdictsMismatch: 1, ValidationTime: 1 },
  ],
  "a shard that was checked before": [{ event: "shard-known", durationMs: 5 }, {}],
  "a delivery that finishes what another began": [
    { event: "shard-known", verdict: "match", durationMs: 5 },
    { VerdictsMatch: 1 },
  ],
  "a message that is refused": [
    { event: "shard-refused", totals: NO_TOTALS, verdict: "error", durationMs: 5 },
    { MessagesRefused: 1, VerdictsError: 1 },
  ],
  "a message without a header": [{ event: "unreadable-message", durationMs: 5 }, { MessagesRefused: 1 }],
  "a message for another bucket": [{ event: "foreign-bucket", durationMs: 5 }, { MessagesForeign: 1 }],
  "a delivery that S3 fails": [{ event: "shard-failed", durationMs: 5 }, {}],
  "the last delivery that S3 fails": [
    { event: "shard-given-up", verdict: "error", durationMs: 5 },
    { VerdictsError: 1 },
  ],
};

describe("what is measured", () => {
  for (const [title, [counted, expected]] of Object.entries(MEASURED)) {
    it(`of ${title}`, () => {
      const measured = Object.fromEntries(measureDelivery(counted).map(({ name, value }) => [name, value]));
      assert.deepEqual(measured, expected);
    });
  }

  it("of a silence check includes zeros, for no value at all means that it died", () => {
    assert.deepEqual(measureSilence({ silent: 0, damaged: 0 }), [
      { name: "SilentPrefixes", unit: "Count", value: 0 },
      { name: "DamagedStatuses", unit: "Count", value: 0 },
    ]);
  });

  it("has one name for each thing", () => {
    assert.equal(new Set(Object.values(METRIC)).size, Object.values(METRIC).length);
  });
});

describe("the line that CloudWatch reads", () => {
  it("follows its embedded metric format, with the bucket as the only dimension", () => {
    const now = new Date();
    const measurements = measureDelivery({ event: "shard-checked", totals: FOUND, verdict: "match", durationMs: 7.5 });
    const line = metricLine(measurements, "data", now) ?? "";
    assert.doesNotMatch(line, /\n/);
    const { _aws, ...values } = JSON.parse(line);
    assert.deepEqual(_aws, {
      Timestamp: now.getTime(),
      CloudWatchMetrics: [
        {
          Namespace: METRIC_NAMESPACE,
          Dimensions: [[METRIC_DIMENSION]],
          Metrics: measurements.map(({ name, unit }) => ({ Name: name, Unit: unit })),
        },
      ],
    });
    assert.deepEqual(values, {
      bucket: "data",
      ...Object.fromEntries(measurements.map(({ name, value }) => [name, value])),
    });
  });

  it("carries nothing over from the line before", () => {
    const now = new Date();
    metricLine(measureDelivery({ event: "foreign-bucket", durationMs: 1 }), "data", now);
    const line = metricLine(measureDelivery({ event: "unreadable-message", durationMs: 1 }), "other", now) ?? "";
    const { _aws, ...values } = JSON.parse(line);
    assert.deepEqual(values, { bucket: "other", MessagesRefused: 1 });
  });

  it("is not written when there is nothing to say", () => {
    assert.equal(metricLine([], "data", new Date()), undefined);
  });
});

describe("a verdict is counted", () => {
  const first: ShardRange = { index: 0, after: null, through: "b", last: false };
  const second: ShardRange = { index: 1, after: "b", through: null, last: true };
  const verdicts = async (validator: Validator, bodies: readonly string[]) => {
    const counted: (string | undefined)[] = [];
    for (const body of bodies) counted.push((await deliverBody(validator, body)).counted.verdict);
    return counted;
  };

  it("by the delivery that published the report, and by none before or after it", async (test) => {
    const validator = await startValidator(test);
    const run = newRun();
    const one = messageBody([], { run, shard: first });
    const two = messageBody([], { run, shard: second });
    assert.deepEqual(await verdicts(validator, [one, two, one, two]), [undefined, "match", undefined, undefined]);
  });

  it("once, of deliveries that finish the run at the same moment", async (test) => {
    const validator = await startValidator(test);
    const run = newRun();
    const body = messageBody([], { run });
    const delivered = await Promise.all([1, 2, 3, 4].map(() => deliverBody(validator, body)));
    assert.deepEqual(
      delivered.flatMap(({ counted }) => counted.verdict ?? []),
      ["match"],
    );
  });

  it("as an error when the last delivery has to give up", async (test) => {
    const validator = await startValidator(test);
    validator.store.fault = ({ action, query }) =>
      action === "list" && query.get("prefix") === "" ? failure(503, "SlowDown") : undefined;
    const body = messageBody([{ path: "a", sizeBytes: 1, etag: "e" }]);
    assert.equal((await deliverBody(validator, body)).counted.verdict, undefined);
    const { counted } = await deliverBody(validator, body, MAX_RECEIVE_COUNT);
    assert.deepEqual([counted.event, counted.verdict], ["shard-given-up", "error"]);
  });

  it("by the delivery that published the report, also when that fails to write the status", async (test) => {
    const validator = await startValidator(test);
    validator.store.fault = ({ action, key }) =>
      action === "put" && key === ".cback/status.json" ? failure(500, "InternalError") : undefined;
    const body = messageBody([]);
    const { done, counted } = await deliverBody(validator, body);
    assert.deepEqual([done, counted.event, counted.verdict], [false, "shard-failed", "match"]);
    validator.store.fault = () => undefined;
    assert.equal((await deliverBody(validator, body)).counted.verdict, undefined);
  });
});

it("the log names run and prefix of a message for another bucket", async (test) => {
  const validator = await startValidator(test);
  const run = newRun();
  const { log } = await deliverBody(validator, messageBody([], { run, bucket: "victim", prefix: "p/" }));
  assert.deepEqual([log.run, log.prefix, log.shard], [run, "p/", 0]);
});

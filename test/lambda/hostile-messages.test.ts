/**
 * Messages that mean harm, in front of the real handler: refused, counted, answered or left to the dead letters, while the
 * others of their batch are served as if nothing had been.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { awaitReport } from "#agent/await-report.ts";
import { Failure } from "#agent/errors.ts";
import { type Invocation, serve } from "#lambda/handler.ts";
import { type LogRecord, logLine } from "#lambda/log.ts";
import { type Counted, measureDelivery, metricLine } from "#lambda/metrics.ts";
import { encodeManifest } from "#shared/manifest.ts";
import { decodeMessage, MAX_MESSAGE_BYTES, type Message } from "#shared/message.ts";
import { METRIC } from "#shared/names.ts";
import { decodePart, decodeReport, partsPrefix, reportKey, runDigest } from "#shared/report.ts";
import type { ShardRange } from "#shared/shard.ts";
import { decodeStatus, statusKey } from "#shared/status.ts";
import { messageBody, NOW, newRun, record, startValidator, type Validator, WHOLE } from "./delivering.ts";
import { hostileMessages } from "./hostile-messages.ts";
import { OWNER, type Store } from "./store.ts";

const INVOCATION: Invocation = {
  getRemainingTimeInMillis: () => 60_000,
  invokedFunctionArn: `arn:aws:lambda:eu-central-1:${OWNER}:function:validator`,
};
/** What CloudWatch takes for one line of a log. */
const MAX_LOG_EVENT_BYTES = 256 * 1024;
/** Processor time, and not that of the clock: the machine may be busy with other tests. */
const MOST_MS = 4_000;

interface Served {
  /** By their place in the batch. */
  readonly failed: number[];
  readonly lines: LogRecord[];
  readonly counted: Counted[];
}

async function serveBodies({ services }: Validator, bodies: readonly string[], senderId?: string): Promise<Served> {
  const records = bodies.map((body) => {
    const one = record(body);
    return senderId === undefined ? one : { ...one, attributes: { ...one.attributes, SenderId: senderId } };
  });
  const lines: LogRecord[] = [];
  const counted: Counted[] = [];
  const { batchItemFailures } = await serve(
    { Records: records },
    INVOCATION,
    services,
    (line) => lines.push(line),
    (one) => counted.push(one),
  );
  const failed = batchItemFailures.map(({ itemIdentifier }) =>
    records.findIndex(({ messageId }) => messageId === itemIdentifier),
  );
  return { failed, lines, counted };
}

const metricsOf = (counted: Counted | undefined) =>
  counted === undefined ? [] : measureDelivery(counted).map(({ name }) => name);

/** A message without fault of a target of its own, about an object that is there. */
function mate(store: Store, name: string, run = newRun()): { body: string; run: string; prefix: string } {
  const prefix = `${name}/`;
  const { etag } = store.put(`${prefix}a`, "1");
  return { body: messageBody([{ path: "a", sizeBytes: 1, etag }], { run, prefix }), run, prefix };
}

const verdictOf = (store: Store, { run, prefix }: { run: string; prefix: string }) => {
  const text = store.text(reportKey(prefix, run));
  return text === undefined ? undefined : decodeReport(text, "self").verdict;
};

const WHOLE_MESSAGE: Message = decodeMessage(messageBody([{ path: "a", sizeBytes: 1, etag: "e" }]));
const HOSTILE = hostileMessages(WHOLE_MESSAGE);
const { run: RUN } = WHOLE_MESSAGE;

/** By the rows of the matrix: poison, another's bucket or prefix, bombs and hostile JSON. */
const ROWS = "faults 63, 71, 72";

describe("a message that means harm", () => {
  it("is one of many, of each fate, and each is different and may be sent", () => {
    const fates = Map.groupBy(HOSTILE, ({ fate }) => fate);
    for (const [fate, least] of [
      ["dead letter", 80],
      ["foreign", 9],
      ["answered", 80],
      ["no verdict", 7],
    ] as const)
      assert.ok((fates.get(fate)?.length ?? 0) >= least, fate);
    assert.equal(new Set(HOSTILE.map(({ body }) => body)).size, HOSTILE.length);
    const document = readFileSync(new URL("../../docs/reliability.md", import.meta.url), "utf8").replaceAll(
      /\s+/g,
      " ",
    );
    const count = (fate: string) => fates.get(fate as (typeof HOSTILE)[number]["fate"])?.length;
    for (const counted of [
      `has ${HOSTILE.length} that a host may send`,
      `${count("dead letter")} name no run that could be answered and ${count("foreign")} are for other buckets`,
      `${count("answered")} are answered with an error at once`,
      `${count("no verdict")} are parts of a run that can have no verdict`,
      `${Object.keys(FORGERIES).length} forgeries in a run's name`,
      `${OTHER_TIMES.length} forged runs`,
    ])
      assert.ok(document.includes(counted), `docs/reliability.md does not say: ${counted}`);
    for (const { what, body } of HOSTILE) assert.ok(Buffer.byteLength(body) <= MAX_MESSAGE_BYTES, what);
  });

  for (const { what, fate, body, reason } of HOSTILE)
    it(`${ROWS}: ${what}: ${fate}; its batch mates are served`, async (test) => {
      const validator = await startValidator(test);
      const { store } = validator;
      const [before, behind] = [mate(store, "before"), mate(store, "behind")];
      const { user } = process.cpuUsage();
      const { failed, lines, counted } = await serveBodies(validator, [before.body, body, behind.body]);
      assert.ok((process.cpuUsage().user - user) / 1_000 < MOST_MS, "it took too long");

      assert.deepEqual([verdictOf(store, before), verdictOf(store, behind)], ["match", "match"]);
      assert.deepEqual([lines.length, counted.length], [3, 3]);
      const [, line] = lines;
      const [, count] = counted;
      assert.ok(line !== undefined && count !== undefined);
      for (const shown of [logLine(line), metricLine(measureDelivery(count), "data", NOW) ?? ""]) {
        assert.match(shown, /^[\x20-\x7e]*$/);
        assert.ok(shown.length < MAX_LOG_EVENT_BYTES, `${shown.length} bytes of log`);
      }

      const own = store.keys(".cback/").filter((key) => key.includes(RUN));
      const report = store.text(reportKey("", RUN));
      switch (fate) {
        case "dead letter":
        case "foreign": {
          const event = fate === "foreign" ? "foreign-bucket" : "unreadable-message";
          assert.deepEqual([failed, line.level, line.event], [[1], "ERROR", event]);
          assert.deepEqual(metricsOf(count), [fate === "foreign" ? METRIC.messagesForeign : METRIC.messagesRefused]);
          assert.match(String(line.reason), reason);
          // Soon where somebody looks, and nothing written in anybody's name.
          assert.deepEqual(store.delays, [1]);
          assert.deepEqual(own, []);
          break;
        }
        case "answered":
          assert.deepEqual([failed, line.level, line.event, line.verdict], [[], "WARN", "shard-refused", "error"]);
          assert.ok(metricsOf(count).includes(METRIC.messagesRefused) && metricsOf(count).includes(METRIC.error));
          assert.match(String(line.reason), reason);
          assert.equal(decodeReport(report ?? "", "self").verdict, "error");
          break;
        case "no verdict":
          assert.deepEqual([failed, line.event], [[], "shard-checked"]);
          if (report === undefined) assert.equal(reason.source, "^$");
          else
            assert.match(
              decodeReport(report)
                .errors.map((error) => error.reason)
                .join(),
              reason,
            );
          assert.notEqual(verdictOf(store, { run: RUN, prefix: "" }), "match");
          break;
      }
      // Whatever it was, it has touched no data, and nothing of others.
      assert.deepEqual(
        store.keys().filter((key) => !key.startsWith(".cback/")),
        ["before/a", "behind/a"],
      );
      for (const { headers, key } of store.asked.filter(({ action }) => action === "put")) {
        assert.ok(key.startsWith(".cback/"), key);
        assert.ok(key.startsWith(".cback/status") || key.endsWith(".ndjson") || headers["if-none-match"] === "*", key);
      }
    });

  it(`${ROWS}: among all others in one batch harms none of the messages between them`, async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    // One of each kind is enough of the large ones.
    const some = HOSTILE.filter(({ body }, index) => body.length < 100_000 || index % 5 === 0);
    const mates = some.map((_, index) => mate(store, `mate-${index}`));
    const { failed } = await serveBodies(
      validator,
      some.flatMap(({ body }, index) => [body, mates[index]?.body ?? ""]),
    );
    for (const one of mates) assert.equal(verdictOf(store, one), "match");
    assert.deepEqual(
      failed,
      some.flatMap(({ fate }, index) => (fate === "dead letter" || fate === "foreign" ? [2 * index] : [])),
    );
    const [status] = store.keys(".cback/status.json");
    assert.ok(status !== undefined);
    assert.notEqual(decodeStatus(store.text(status) ?? "").latest.verdict, "match");
  });
});

/** Two shards over two objects, as an agent sends them, and its digest. */
function honestRun(store: Store, prefix = "mine/") {
  const run = newRun();
  const [a, b] = ["a", "b"].map((path) => ({ path, sizeBytes: 1, etag: store.put(prefix + path, "1").etag }));
  assert.ok(a !== undefined && b !== undefined);
  const first: ShardRange = { index: 0, after: null, through: "a", last: false };
  const second: ShardRange = { index: 1, after: "a", through: null, last: true };
  const manifests = [encodeManifest([a]), encodeManifest([b])];
  return {
    run,
    prefix,
    shards: [first, second] as const,
    bodies: [
      messageBody([a], { run, prefix, shard: first }),
      messageBody([b], { run, prefix, shard: second }),
    ] as const,
    digest: runDigest(manifests.map(({ digest }) => digest)),
  };
}
type Honest = ReturnType<typeof honestRun>;

/** Whether the agent of a run believes what is there, as it asks at the end. */
async function believed(store: Store, { run, prefix, digest }: Honest): Promise<string> {
  let nowMs = 0;
  const sleep = async (ms: number) => {
    nowMs += ms;
  };
  const clock = { now: () => NOW, monotonicMs: () => nowMs, sleep };
  const bucket = { read: async (key: string) => store.text(key) } as never;
  const awaited = { target: { bucket: "data", keyPrefix: prefix }, run, digest, shardCount: 2, mode: "sync" } as const;
  try {
    const report = await awaitReport({ ...awaited, timeoutMs: 1_000, check: () => {} }, {
      bucket,
      clock,
      diagnose: async () => [],
    } as never);
    return report.verdict;
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    return error.reason;
  }
}

/** What somebody does who may send to the queue, and knows a run that is not his, and what its agent believes then. */
const FORGERIES: Readonly<
  Record<
    string,
    {
      readonly forge: (honest: Honest, store: Store) => string[];
      readonly when: "before" | "between" | "after";
      readonly believes: RegExp;
    }
  >
> = {
  "sends its messages once more": { forge: ({ bodies }) => [...bodies], when: "after", believes: /^match$/ },
  "sends its messages once more, while it is under way": {
    forge: ({ bodies }) => [bodies[0]],
    when: "between",
    believes: /^match$/,
  },
  "sends other messages in its name, when it is done": {
    forge: ({ run, prefix, shards }) => shards.map((shard) => messageBody([], { run, prefix, shard })),
    when: "after",
    believes: /^match$/,
  },
  "is faster with another manifest": {
    forge: ({ run, prefix, shards }) => [messageBody([], { run, prefix, shard: shards[0] })],
    when: "before",
    believes: /about other messages than this run sent/,
  },
  "is faster with a manifest that matches what he has put there": {
    forge: ({ run, prefix, shards }, store) => {
      const entries = ["a", "b"].map((path) => ({ path, sizeBytes: 1, etag: store.put(prefix + path, "2").etag }));
      return shards.map((shard, index) => messageBody(entries.slice(index, index + 1), { run, prefix, shard }));
    },
    when: "before",
    believes: /about other messages than this run sent/,
  },
  "is faster with the very same messages, as those of a check": {
    forge: ({ bodies }) => bodies.map((body) => JSON.stringify({ ...JSON.parse(body), check: true })),
    when: "before",
    believes: /about other messages than this run sent/,
  },
  "is faster with a shard for the whole": {
    forge: ({ run, prefix }) => [messageBody([], { run, prefix, shard: WHOLE, extras: "listed" })],
    when: "before",
    believes: /about other messages than this run sent/,
  },
  "says that unexpected objects do not count": {
    forge: ({ run, prefix, shards }) => [messageBody([], { run, prefix, shard: shards[1], extras: "listed" })],
    when: "between",
    believes: /^error$/,
  },
  "says that it only checks": {
    forge: ({ run, prefix, shards }) => [messageBody([], { run, prefix, shard: shards[1], check: true })],
    when: "between",
    believes: /^error$/,
  },
  "sends what cannot be read": {
    forge: ({ run, prefix, shards }) => [
      JSON.stringify({ ...JSON.parse(messageBody([], { run, prefix, shard: shards[1] })), manifest: null }),
    ],
    when: "between",
    believes: /^error$/,
  },
  "adds a shard behind the last": {
    forge: ({ run, prefix }) => [
      messageBody([], { run, prefix, shard: { index: 2, after: "b", through: null, last: true } }),
    ],
    when: "before",
    believes: /^error$/,
  },
  "adds the hundred-thousandth shard": {
    forge: ({ run, prefix }) => [
      messageBody([], { run, prefix, shard: { index: 99_999, after: "b", through: null, last: true } }),
    ],
    when: "before",
    believes: /^there is none after/,
  },
  "uses its id for another target": {
    forge: ({ run }) => [messageBody([], { run, prefix: "other/" }), messageBody([], { run, prefix: "mine/x/" })],
    when: "between",
    believes: /^match$/,
  },
};

describe("a run in whose name somebody else sends messages", () => {
  for (const [what, { forge, when, believes }] of Object.entries(FORGERIES))
    it(`faults 62, 67, 68: who ${what} proves nothing to its agent`, async (test) => {
      const validator = await startValidator(test);
      const { store } = validator;
      const honest = honestRun(store);
      const forged = () => serveBodies(validator, forge(honest, store), "AIDAFORGER");
      if (when === "before") await forged();
      await serveBodies(validator, [honest.bodies[0]]);
      if (when === "between") await forged();
      await serveBodies(validator, [honest.bodies[1]]);
      const verdict = verdictOf(store, honest);
      const parts = store.keys(partsPrefix(honest.prefix, honest.run)).map((key) => store.text(key));
      if (when === "after") await forged();
      assert.match(await believed(store, honest), believes);
      // A verdict and a part that were there stay.
      assert.equal(verdictOf(store, honest), verdict);
      assert.deepEqual(
        store.keys(partsPrefix(honest.prefix, honest.run)).map((key) => store.text(key)),
        parts,
      );
      // Who sent what is told.
      if (verdict === undefined || believes.source !== "^match$") return;
      const text = store.text(reportKey(honest.prefix, honest.run)) ?? "";
      assert.deepEqual(decodeReport(text).senderIds, ["AIDAHOST"]);
    });

  it("fault 68: tells in parts and report who took part", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const honest = honestRun(store);
    await serveBodies(validator, [messageBody([], { ...honest, shard: honest.shards[0] })], "AIDAFORGER");
    await serveBodies(validator, honest.bodies);
    const report = decodeReport(store.text(reportKey(honest.prefix, honest.run)) ?? "");
    assert.deepEqual(report.senderIds, ["AIDAFORGER", "AIDAHOST"]);
    const senders = store
      .keys(partsPrefix(honest.prefix, honest.run))
      .map((key) => decodePart(store.text(key) ?? "").senderId);
    assert.deepEqual(senders, ["AIDAFORGER", "AIDAHOST"]);
  });
});

/** Run ids that would stay the newest for ever, and one that was. */
const OTHER_TIMES: [string, string, boolean][] = [
  ["of a month that there is not", `99999999T999999Z-${"0".repeat(32)}`, false],
  ["of next century", `21261122T120000Z-${"f".repeat(32)}`, false],
  ["of tomorrow", newRun(new Date(NOW.getTime() + 86_400_000)), false],
  ["of an hour ago", newRun(new Date(NOW.getTime() - 3_600_000)), false],
  ["of this very second", newRun(NOW), true],
];

describe("the status of a target to which somebody else sends runs", () => {
  for (const [what, run, isTaken] of OTHER_TIMES)
    it(`faults 62, 67: is ${isTaken ? "that" : "not that"} of a run ${what}, and goes on to the next`, async (test) => {
      const validator = await startValidator(test);
      const { store } = validator;
      const honest = honestRun(store);
      await serveBodies(validator, honest.bodies);
      const latest = () => decodeStatus(store.text(statusKey("mine/")) ?? "").latest.run;
      // A run of the same second may sort behind it, or not: the one that was first is to be the older one.
      const forged = isTaken ? `${run.slice(0, 17)}${"f".repeat(32)}` : run;
      const source = { host: "another", directory: "/elsewhere" };
      await serveBodies(validator, [messageBody([], { run: forged, prefix: "mine/", source })], "AIDAFORGER");
      assert.equal(latest(), isTaken ? forged : honest.run);
      const next = newRun(new Date(NOW.getTime() + 1_000));
      await serveBodies(validator, [messageBody([], { run: next, prefix: "mine/" })]);
      assert.equal(latest(), next);
    });
});

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { deliver } from "#lambda/delivery.ts";
import { logLine } from "#lambda/log.ts";
import type { KnownEntry, ManifestEntry } from "#shared/entry.ts";
import { type EncodedManifest, encodeManifest } from "#shared/manifest.ts";
import {
  assembleReport,
  decodePart,
  decodeReport,
  findingsKey,
  MAX_INLINE_FINDINGS,
  type Part,
  partKey,
  type Report,
  reportKey,
  runDigest,
} from "#shared/report.ts";
import type { ShardRange } from "#shared/shard.ts";
import { decodeStatus, type Status, statusKey } from "#shared/status.ts";
import { CONTRACT_VERSION } from "#shared/version.ts";
import { encodeVersioned } from "#shared/versioned.ts";
import {
  deliverBody,
  MAX_RECEIVE_COUNT,
  messageBody,
  NOW,
  newRun,
  record,
  startValidator,
  WHOLE,
} from "./delivering.ts";
import { BUCKET, type Fault, failure, page, type Store } from "./store.ts";

/** Puts an object, and gives the entry that an agent would send for it. */
function put(store: Store, path: string, body = path): KnownEntry {
  const { etag } = store.put(path, body);
  return { path, sizeBytes: Buffer.byteLength(body), etag };
}

function reportOf(store: Store, run: string, prefix = ""): Report {
  const text = store.text(reportKey(prefix, run));
  assert.ok(text !== undefined, "there is no report");
  return decodeReport(text, "self");
}

function partOf(store: Store, run: string, shard: ShardRange = WHOLE, prefix = ""): Part {
  const text = store.text(partKey(prefix, run, shard));
  assert.ok(text !== undefined, "there is no part");
  return decodePart(text);
}

function statusOf(store: Store, prefix = ""): Status {
  const text = store.text(statusKey(prefix));
  assert.ok(text !== undefined, "there is no status");
  return decodeStatus(text);
}

const shown = ({ findings }: Report) => findings.map(({ kind, path }) => `${kind} ${path}`);

/** Three shards over a few objects, each with its message. */
function threeShards(store: Store, run = newRun()): { run: string; bodies: string[]; shards: ShardRange[] } {
  const entries = ["a", "b", "c", "d", "e", "f"].map((path) => put(store, path));
  const shards: ShardRange[] = [
    { index: 0, after: null, through: "b", last: false },
    { index: 1, after: "b", through: "d", last: false },
    { index: 2, after: "d", through: null, last: true },
  ];
  const bodies = shards.map((shard, index) =>
    messageBody(entries.slice(index * 2, index * 2 + 2), { run, shard, source: { host: "h", directory: "/d" } }),
  );
  return { run, bodies, shards };
}

/** Faults for every request from the n-th on. */
function failingFrom(position: number): Fault {
  let seen = 0;
  return ({ action }) => (action === "visibility" || ++seen < position ? undefined : failure(500, "InternalError"));
}

const holdsNothing = (store: Store) => store.keys(".cback/").length === 0;

describe("a delivery of one shard", () => {
  it("writes part, report and status of a match", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const entries = [put(store, "a"), put(store, "b/c", "123")];
    const run = newRun();
    const { done, log } = await deliverBody(validator, messageBody(entries, { run }));
    assert.equal(done, true);
    assert.deepEqual(store.keys(".cback/"), [reportKey("", run), partKey("", run, WHOLE), ".cback/status.json"]);
    const report = reportOf(store, run);
    assert.equal(report.verdict, "match");
    assert.deepEqual(
      [report.totals.entries, report.totals.matched, report.totals.matchedBytes, report.shards],
      [2, 2, 4, 1],
    );
    assert.equal(report.digest, runDigest([encodeManifest(entries).digest]));
    assert.deepEqual(report.senderIds, ["AIDAHOST"]);
    assert.equal(report.validatorVersion, "9.9.9");
    assert.deepEqual(report.source, { host: "host", directory: "/home" });
    const status = statusOf(store);
    assert.equal(status.latest.run, run);
    assert.equal(status.latestMatch?.report, reportKey("", run));
    assert.deepEqual([log.level, log.event, log.run, log.verdict], ["INFO", "shard-checked", run, "match"]);
  });

  it("fault 49: of a check says so in part, report and status, and forgets no sync for it", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const entries = [put(store, "a")];
    const [synced, checked] = [newRun(new Date(NOW.getTime() - 1_000)), newRun()];
    await deliverBody(validator, messageBody(entries, { run: synced }));
    await deliverBody(validator, messageBody(entries, { run: checked, check: true }));
    assert.equal(partOf(store, checked).check, true);
    assert.deepEqual([reportOf(store, synced).check, reportOf(store, checked).check], [undefined, true]);
    const { latest, latestMatch, latestSync } = statusOf(store);
    assert.deepEqual([latest.run, latestMatch?.run, latestSync?.run], [checked, checked, synced]);
  });

  it("fault 69: names an object that was replaced by one of the same size, changed or deleted since the upload", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const entries = ["changed", "gone", "same-size", "untouched"].map((path) => put(store, path));
    store.put("changed", "longer than before");
    store.put("same-size", "size-same", "2026-11-21T00:00:00.000Z");
    store.objects.delete("gone");
    const run = newRun();
    await deliverBody(validator, messageBody(entries, { run }));
    const report = reportOf(store, run);
    assert.equal(report.verdict, "mismatch");
    assert.deepEqual(shown(report), ["size-differs changed", "missing gone", "etag-differs same-size"]);
    // The contract's word for it is the finding's kind; both ETags and the time of the change are told.
    const [, , replaced] = report.findings;
    assert.equal(replaced?.expected?.etag, createHash("md5").update("same-size").digest("hex"));
    assert.deepEqual(replaced?.actual, {
      sizeBytes: 9,
      etag: createHash("md5").update("size-same").digest("hex"),
      modified: "2026-11-21T00:00:00.000Z",
    });
  });

  for (const [extras, verdict] of [
    ["mismatch", "mismatch"],
    ["listed", "match"],
  ] as const) {
    it(`fault 70: extra objects are listed, and with extras "${extras}" are a ${verdict}; reports are none`, async (test) => {
      const validator = await startValidator(test);
      const { store } = validator;
      store.pageSize = 2;
      const entries = [put(store, "a")];
      for (const key of [".cback/reports/old.json", ".cback/runs/old/part-00000-last.json", ".cback/status/p.json"])
        store.put(key, "{}");
      for (const key of [".a", ".cback", ".cbackup", "b"]) store.put(key, key);
      const run = newRun();
      await deliverBody(validator, messageBody(entries, { run, extras }));
      const report = reportOf(store, run);
      assert.equal(report.verdict, verdict);
      assert.deepEqual(shown(report), ["unexpected .a", "unexpected .cback", "unexpected .cbackup", "unexpected b"]);
    });
  }

  it("never looks beyond its own prefix", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const { etag } = store.put("my/a", "a");
    for (const key of ["my", "my2/b", "mx/c"]) store.put(key, key);
    const run = newRun();
    await deliverBody(validator, messageBody([{ path: "a", sizeBytes: 1, etag }], { run, prefix: "my/" }));
    assert.equal(reportOf(store, run, "my/").verdict, "match");
    assert.equal(statusOf(store, "my/").latest.run, run);
  });

  it("stores all findings as lines when the part cannot hold them", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const count = MAX_INLINE_FINDINGS + 5;
    const entries = Array.from({ length: count }, (_, position) => ({
      path: `p${String(position).padStart(5, "0")}`,
      sizeBytes: 1,
      etag: "e",
    }));
    const run = newRun();
    await deliverBody(validator, messageBody(entries, { run }));
    const report = reportOf(store, run);
    assert.equal(report.totals.missing, count);
    assert.equal(report.findings.length, MAX_INLINE_FINDINGS);
    assert.deepEqual(report.findingsObjects, [findingsKey("", run, WHOLE)]);
    const lines =
      store
        .text(findingsKey("", run, WHOLE))
        ?.trimEnd()
        .split("\n") ?? [];
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).path),
      entries.map(({ path }) => path),
    );
  });

  it("fault 74: names of files reach the report unharmed, and its JSON and the log harm nobody", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const names = ["</script><script>alert(1)</script>", "=1+1", "\u001b[2Jcleared", "new\nline", "right\u202eto left"];
    for (const name of names) store.put(name, "1");
    const run = newRun();
    const { log } = await deliverBody(validator, messageBody([], { run, prefix: "" }));
    assert.deepEqual(new Set(reportOf(store, run).findings.map(({ path }) => path)), new Set(names));
    const json = store.text(reportKey("", run)) ?? "";
    assert.ok(!json.includes("\u001b"));
    assert.match(logLine(log), /^[\x20-\x7e]+$/);
  });
});

describe("deliveries of one run", () => {
  const ORDERS = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ];

  it("fault 62: end in the same bytes in any order, and only when all parts are there", async (test) => {
    const reports = new Set<string | undefined>();
    const run = newRun();
    for (const order of ORDERS) {
      const validator = await startValidator(test);
      const { store } = validator;
      const { bodies } = threeShards(store, run);
      for (const [position, index] of order.entries()) {
        assert.equal(store.text(reportKey("", run)), undefined);
        const { log } = await deliverBody(validator, bodies[index] ?? "");
        assert.equal(log.verdict, position === 2 ? "match" : undefined);
      }
      reports.add(store.text(reportKey("", run)));
    }
    assert.equal(reports.size, 1);
  });

  it("fault 62: a message that comes again, however late, changes nothing and lists nothing", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const { bodies } = threeShards(store);
    await deliverBody(validator, bodies[1] ?? "");
    await deliverBody(validator, bodies[1] ?? "", 2);
    for (const body of bodies) await deliverBody(validator, body);
    const before = new Map(store.objects);
    // The bucket has changed since: a late duplicate must not see it.
    store.put("a", "another");
    before.set("a", store.objects.get("a") as NonNullable<ReturnType<typeof store.objects.get>>);
    store.asked.length = 0;
    for (const body of bodies) {
      const { done, log } = await deliverBody(validator, body);
      assert.deepEqual([done, log.event, log.verdict], [true, "shard-known", "match"]);
    }
    assert.deepEqual(store.objects, before);
    assert.ok(
      store.asked.every(({ action, query }) => action !== "list" || query.get("prefix")?.startsWith(".cback/")),
    );
  });

  it("fault 62: all at once, each twice, they write one report", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const { run, bodies, shards } = threeShards(store);
    const answers = await Promise.all([...bodies, ...bodies].map((body) => deliverBody(validator, body)));
    assert.ok(answers.every(({ done }) => done));
    const parts = shards.map((shard) => partOf(store, run, shard));
    assert.equal(store.text(reportKey("", run)), encodeVersioned(assembleReport(parts)));
    assert.equal(statusOf(store).latest.run, run);
  });

  it("fault 62: an older run never overwrites a newer verdict, but is remembered as the latest match", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const entries = [put(store, "a")];
    const older = newRun(new Date("2026-11-19T12:00:00Z"));
    const newer = newRun(new Date("2026-11-22T12:00:00Z"));
    await deliverBody(validator, messageBody([...entries, { path: "b", sizeBytes: 1, etag: "e" }], { run: newer }));
    assert.equal(statusOf(store).latestMatch, null);
    await deliverBody(validator, messageBody(entries, { run: older }));
    const status = statusOf(store);
    assert.deepEqual([status.latest.run, status.latest.verdict, status.latestMatch?.run], [newer, "mismatch", older]);
  });

  it("fault 20: many runs that end at once leave the status of the newest", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const entries = [put(store, "a")];
    const runs = Array.from({ length: 8 }, (_, hour) => newRun(new Date(Date.UTC(2026, 10, 22, hour))));
    const answers = await Promise.all(runs.map((run) => deliverBody(validator, messageBody(entries, { run }))));
    assert.ok(answers.every(({ done }) => done));
    assert.equal(statusOf(store).latest.run, runs.at(-1));
  });

  it("a status that is damaged is replaced", async (test) => {
    const validator = await startValidator(test);
    validator.store.put(".cback/status.json", "torn {");
    const run = newRun();
    await deliverBody(validator, messageBody([], { run }));
    assert.equal(statusOf(validator.store).latest.run, run);
  });

  it("a status that is about another target is replaced", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const older = newRun(new Date("2026-11-19T12:00:00Z"));
    const newer = newRun();
    await deliverBody(validator, messageBody([], { run: newer, prefix: "p/" }));
    store.put(".cback/status.json", store.text(statusKey("p/")) ?? "");
    await deliverBody(validator, messageBody([], { run: older }));
    assert.deepEqual([statusOf(store).prefix, statusOf(store).latest.run], ["", older]);
  });

  for (const [title, changes] of [
    ["of another run", { run: newRun() }],
    ["of another target", { prefix: "p/" }],
    ["of another shard", { shard: { index: 7, after: null, through: "b", last: false } }],
    ["that is the last, under the name of one that is not", { shard: WHOLE }],
  ] as const)
    it(`fault 67: a part ${title} that was put in a part's place becomes no report`, async (test) => {
      const validator = await startValidator(test);
      const { store } = validator;
      const { run, bodies, shards } = threeShards(store);
      for (const body of bodies.slice(0, 2)) await deliverBody(validator, body);
      const [first = WHOLE] = shards;
      store.put(partKey("", run, first), encodeVersioned({ ...partOf(store, run, first), ...changes }));
      const { done, log } = await deliverBody(validator, bodies[2] ?? "");
      assert.deepEqual([done, log.event], [false, "shard-failed"]);
      assert.match(String(log.reason), /part-00000.json is about another run or shard/);
      assert.equal(store.text(reportKey("", run)), undefined);
      // At last the agent hears that there is no verdict.
      await deliverBody(validator, bodies[2] ?? "", MAX_RECEIVE_COUNT);
      assert.equal(reportOf(store, run).verdict, "error");
    });

  it("fault 67: a report of another run that was put in a report's place becomes no status", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const [run, other] = [newRun(), newRun()];
    await deliverBody(validator, messageBody([], { run: other, prefix: "p/" }));
    store.put(reportKey("", run), store.text(reportKey("p/", other)) ?? "");
    const { done, log } = await deliverBody(validator, messageBody([], { run }), MAX_RECEIVE_COUNT);
    assert.deepEqual([done, log.event], [false, "shard-given-up"]);
    assert.match(String(log.reason), /is about another run/);
    assert.equal(store.text(statusKey("")), undefined);
  });

  it("fault 66: a status of a newer validator is left as it is, and that is a failure", async (test) => {
    const validator = await startValidator(test);
    validator.store.put(".cback/status.json", '{"version":"2.0"}');
    const run = newRun();
    const { done, log } = await deliverBody(validator, messageBody([], { run }));
    assert.deepEqual([done, log.event], [false, "shard-failed"]);
    assert.match(String(log.reason), /2\.0/);
    assert.equal(validator.store.text(".cback/status.json"), '{"version":"2.0"}');
    assert.equal(reportOf(validator.store, run).verdict, "match");
  });

  it("fault 64: whatever the last request of a delivery that died, the next one ends in the same report", async (test) => {
    const run = newRun();
    const complete = await startValidator(test);
    for (const body of threeShards(complete.store, run).bodies) await deliverBody(complete, body);
    const expected = complete.store.text(reportKey("", run));
    let died = 0;
    for (let position = 1; ; position++) {
      const validator = await startValidator(test);
      const { store } = validator;
      const { bodies } = threeShards(store, run);
      await deliverBody(validator, bodies[0] ?? "");
      await deliverBody(validator, bodies[2] ?? "");
      store.fault = failingFrom(position);
      const { done } = await deliverBody(validator, bodies[1] ?? "");
      const seen = store.text(reportKey("", run));
      assert.ok(seen === undefined || seen === expected, "a report was seen before it was whole");
      store.fault = () => undefined;
      if (done) break;
      died += 1;
      assert.equal((await deliverBody(validator, bodies[1] ?? "", 2)).done, true);
      assert.equal(store.text(reportKey("", run)), expected);
      assert.equal(statusOf(store).latest.run, run);
    }
    assert.ok(died >= 8, `only ${died} requests`);
  });

  it("shards that do not tile the target are an error, not a match", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const run = newRun();
    const first: ShardRange = { index: 0, after: null, through: "b", last: false };
    const second: ShardRange = { index: 1, after: "c", through: null, last: true };
    await deliverBody(validator, messageBody([], { run, shard: first }));
    await deliverBody(validator, messageBody([], { run, shard: second }));
    const report = reportOf(store, run);
    assert.equal(report.verdict, "error");
    assert.match(report.errors[0]?.reason ?? "", /do not cover/);
  });
});

describe("a message that can never be served", () => {
  it("fault 63: without a header it goes to the dead letters, and soon", async (test) => {
    const validator = await startValidator(test);
    const whole = messageBody([]);
    for (const body of [
      "",
      "not JSON",
      "null",
      "[]",
      "{}",
      '{"version":"1.0"}',
      whole.slice(0, -10),
      "x".repeat(1_048_576),
      whole.replace(/"prefix":""/, '"prefix":"../"'),
      whole.replace(/"run":"[^"]*"/, '"run":"../../status"'),
    ]) {
      const { done, log } = await deliverBody(validator, body);
      assert.deepEqual([done, log.event], [false, "unreadable-message"]);
      assert.equal(validator.store.delays.at(-1), 1);
    }
    assert.ok(validator.store.asked.every(({ action }) => action === "visibility"));
  });

  for (const [title, change, answeredIn, expected] of [
    ["a newer agent", { version: "2.0" }, CONTRACT_VERSION, /speaks contract 2\.0.*deploy the stack again/],
    ["an agent from before the contract", { version: "0.9" }, "0.9", /speaks contract 0\.9.*upgrade the agent/],
    ["a newer agent with unknown fields", { version: "7.3", manifest: null, shards: [] }, CONTRACT_VERSION, /7\.3/],
  ] as const) {
    it(`fault 66: of ${title} is answered at once with what to upgrade`, async (test) => {
      const validator = await startValidator(test);
      const { store } = validator;
      const run = newRun();
      const body = JSON.stringify({ ...JSON.parse(messageBody([], { run })), ...change });
      const { done, log } = await deliverBody(validator, body);
      assert.deepEqual([done, log.event, log.verdict], [true, "shard-refused", "error"]);
      const report = reportOf(store, run);
      assert.equal(report.verdict, "error");
      assert.match(report.errors[0]?.reason ?? "", expected);
      assert.equal(report.skew, true);
      assert.equal(report.digest, runDigest([null]));
      assert.deepEqual(
        [report.version, partOf(store, run).version],
        [answeredIn, answeredIn],
        "which the agent can read",
      );
      assert.equal(statusOf(store).version, CONTRACT_VERSION);
      const again = await deliverBody(validator, body);
      assert.deepEqual([again.done, again.log.event], [true, "shard-known"]);
    });
  }

  it("breaks the contract but has a header: is answered at once with what is wrong", async (test) => {
    const validator = await startValidator(test);
    const run = newRun();
    const body = JSON.stringify({ ...JSON.parse(messageBody([], { run })), extras: "whatever" });
    assert.equal((await deliverBody(validator, body)).done, true);
    const report = reportOf(validator.store, run);
    assert.equal(report.verdict, "error");
    assert.match(report.errors[0]?.reason ?? "", /\/extras/);
  });

  it("fault 71: for another bucket it causes no request to S3 and a line for whoever watches", async (test) => {
    const validator = await startValidator(test);
    const newer = JSON.stringify({ ...JSON.parse(messageBody([])), version: "2.0", bucket: "victim" });
    for (const body of [messageBody([], { bucket: "victim" }), newer]) {
      const { done, log } = await deliverBody(validator, body, MAX_RECEIVE_COUNT);
      assert.deepEqual([done, log.level, log.event, log.senderId], [false, "ERROR", "foreign-bucket", "AIDAHOST"]);
      assert.match(String(log.reason), /victim/);
    }
    // The contract has no list of prefixes: a bucket's hosts are told apart by the sender that SQS names.
    assert.ok(validator.store.asked.every(({ action }) => action === "visibility"));
    assert.ok(holdsNothing(validator.store));
  });

  it("fault 71: a prefix can neither leave the bucket nor reach the validator's own objects", async (test) => {
    const validator = await startValidator(test);
    for (const prefix of [".cback/", ".cback/runs/", "../", "a/../", "a//", "/", "a", "\ud800/"]) {
      const body = JSON.stringify({ ...JSON.parse(messageBody([])), prefix });
      assert.equal((await deliverBody(validator, body)).done, false, prefix);
    }
    assert.ok(holdsNothing(validator.store));
  });
});

describe("a manifest that can never be served", () => {
  const lines = (text: string | Buffer, count: number): EncodedManifest => ({
    count,
    digest: createHash("sha256").update(text).digest("hex"),
    body: zstdCompressSync(text).toString("base64"),
  });
  const good = encodeManifest([{ path: "a", sizeBytes: 1, etag: "e" }]);

  const MANIFESTS: Readonly<Record<string, EncodedManifest>> = {
    "is no base64 of zstd": { ...good, body: "AAAA" },
    "has another digest": { ...good, digest: "0".repeat(64) },
    "has another count": { ...good, count: 2 },
    "is a bomb of a gigabyte": lines(Buffer.alloc(1024 * 1024 * 1024), 1),
    "has far more entries than it says": lines('["a"]\n'.repeat(5_000_000), 1),
    "is nested sixty million deep": lines("[".repeat(60_000_000), 1),
    "names a path twice": lines('["a",1,"e"]\n["a",2,"f"]\n', 2),
    "is out of order": lines('["b",1,"e"]\n["a",2,"f"]\n', 2),
    "has an object for an entry": lines('{"__proto__":{"path":"a"}}\n', 1),
    "names the validator's own objects": lines('[".cback/status.json",1,"e"]\n', 1),
  };

  for (const [title, manifest] of Object.entries(MANIFESTS)) {
    it(`fault 72: that ${title} is answered at once, and nothing falls over`, async (test) => {
      const validator = await startValidator(test);
      const run = newRun();
      const { done, log } = await deliverBody(validator, messageBody([], { run, manifest }));
      assert.deepEqual([done, log.event, log.verdict], [true, "shard-refused", "error"]);
      const report = reportOf(validator.store, run);
      assert.match(report.errors[0]?.reason ?? "", /refused the manifest/);
      // The agent knows its answer by the digest that it sent.
      assert.equal(report.digest, runDigest([manifest.digest]));
    });
  }

  it("fault 72: a file may be called __proto__", async (test) => {
    const validator = await startValidator(test);
    const entries = ["__proto__", "constructor", "toString"].map((path) => put(validator.store, path));
    const run = newRun();
    await deliverBody(validator, messageBody(entries, { run }));
    assert.equal(reportOf(validator.store, run).totals.matched, 3);
  });
});

describe("a delivery that S3 fails", () => {
  const slow: Fault = ({ action }) => (action === "visibility" ? undefined : failure(503, "SlowDown"));
  const listingFails: Fault = ({ action, query }) =>
    action === "list" && query.get("prefix") === "" ? failure(503, "SlowDown") : undefined;

  it("comes again after seconds, later each time, and writes nothing", async (test) => {
    const validator = await startValidator(test);
    validator.store.fault = slow;
    for (const receiveCount of [1, 2, 3, 4]) {
      const { done, log } = await deliverBody(validator, messageBody([]), receiveCount);
      assert.deepEqual([done, log.event], [false, "shard-failed"]);
      assert.match(String(log.reason), /SlowDown.*HTTP 503/);
    }
    assert.deepEqual(validator.store.delays, [4, 16, 60, 60]);
    assert.ok(holdsNothing(validator.store));
  });

  it("tells the agent why on its last delivery, and is a dead letter all the same", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    store.fault = listingFails;
    const run = newRun();
    const entries: ManifestEntry[] = [{ path: "a", sizeBytes: 1, etag: "e" }];
    const { done, log } = await deliverBody(validator, messageBody(entries, { run }), MAX_RECEIVE_COUNT);
    assert.deepEqual([done, log.level, log.event, log.verdict], [false, "ERROR", "shard-given-up", "error"]);
    const report = reportOf(store, run);
    assert.equal(report.verdict, "error");
    assert.match(report.errors[0]?.reason ?? "", /gave up after 5 deliveries: could not list the bucket: SlowDown/);
    assert.equal(report.digest, runDigest([encodeManifest(entries).digest]));
    assert.equal(store.delays.at(-1), 1);
    // Sent again from the dead letters when S3 is well: the verdict of that run stands.
    store.fault = () => undefined;
    assert.equal((await deliverBody(validator, messageBody(entries, { run }))).done, true);
    assert.equal(reportOf(store, run).verdict, "error");
  });

  it("for a missing permission says who can help", async (test) => {
    const validator = await startValidator(test);
    validator.store.fault = ({ action, query }) =>
      action === "list" && query.get("prefix") === "" ? failure(403, "AccessDenied") : undefined;
    const run = newRun();
    await deliverBody(validator, messageBody([], { run }), MAX_RECEIVE_COUNT);
    assert.match(reportOf(validator.store, run).errors[0]?.reason ?? "", /AccessDenied.*deploy the stack again/);
  });

  /** S3 towards a role that may not list: also what is not there cannot be told from what may not be read. */
  const mayNotList =
    (store: Store): Fault =>
    ({ action, key }) =>
      action === "list" || (action === "get" && !store.objects.has(key)) ? failure(403, "AccessDenied") : undefined;

  for (const [what, shard, checked] of [
    ["the only shard", WHOLE, undefined],
    [
      "a shard in the middle",
      { index: 1, after: "a", through: "b", last: false },
      { index: 0, after: null, through: "a", last: false },
    ],
  ] as const)
    it(`of ${what} writes the report of its error also where nothing can be listed`, async (test) => {
      const validator = await startValidator(test);
      const { store } = validator;
      const run = newRun();
      if (checked !== undefined) await deliverBody(validator, messageBody([], { run, shard: checked }));
      store.fault = mayNotList(store);
      for (let receiveCount = 1; receiveCount < MAX_RECEIVE_COUNT; receiveCount++) {
        await deliverBody(validator, messageBody([], { run, shard }), receiveCount);
        assert.ok(!store.objects.has(reportKey("", run)));
      }
      const { done, log, counted } = await deliverBody(validator, messageBody([], { run, shard }), MAX_RECEIVE_COUNT);
      assert.deepEqual([done, log.event, counted.verdict], [false, "shard-given-up", "error"]);
      assert.match(String(log.alsoFailed), /could not list the bucket: AccessDenied/);
      const report = reportOf(store, run);
      assert.deepEqual([report.verdict, report.bucket, report.prefix, report.run], ["error", BUCKET, "", run]);
      assert.deepEqual(
        report.errors.map(({ shard: index }) => index),
        [shard.index],
      );
      assert.match(
        report.errors[0]?.reason ?? "",
        /gave up after 5 deliveries: .*AccessDenied.*deploy the stack again/,
      );
      // Once it may list again, what is delivered late changes nothing.
      store.fault = () => undefined;
      assert.equal((await deliverBody(validator, messageBody([], { run, shard }))).done, true);
      assert.deepEqual(reportOf(store, run), report);
    });

  it("does not write an error over a report that is there", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const run = newRun();
    await deliverBody(validator, messageBody([], { run }));
    store.fault = mayNotList(store);
    const { done, log, counted } = await deliverBody(validator, messageBody([], { run }), MAX_RECEIVE_COUNT);
    assert.deepEqual([done, log.event, counted.verdict], [false, "shard-given-up", undefined]);
    assert.equal(reportOf(store, run).verdict, "match");
  });

  it("for good is a failed delivery, even when nothing can be told and the queue does not answer", async (test) => {
    const validator = await startValidator(test);
    validator.store.fault = () => failure(500, "InternalError");
    const { done, log } = await deliverBody(validator, messageBody([]), MAX_RECEIVE_COUNT);
    assert.deepEqual([done, log.event], [false, "shard-given-up"]);
    assert.match(String(log.alsoFailed), /InternalError/);
  });

  it("an error part never replaces a part that is there", async (test) => {
    const validator = await startValidator(test);
    const { store } = validator;
    const run = newRun();
    const toReport: Fault = ({ action, key }) =>
      action === "put" && key === reportKey("", run) ? failure(500, "InternalError") : undefined;
    store.fault = toReport;
    await deliverBody(validator, messageBody([], { run }), MAX_RECEIVE_COUNT);
    assert.equal(partOf(store, run).error, null);
    store.fault = () => undefined;
    await deliverBody(validator, messageBody([], { run }), MAX_RECEIVE_COUNT);
    assert.equal(reportOf(store, run).verdict, "match");
  });

  const LIES: Readonly<Record<string, (store: Store) => string>> = {
    "goes on but gives no token": () => page({ objects: [], truncated: true }),
    "repeats its token": () => page({ objects: [], token: "again" }),
    "is not sorted": (store) =>
      page({ objects: ["b", "a"].map((key) => ({ key, ...(store.objects.get(key) ?? store.put(key, "1")) })) }),
    "names an object twice": (store) =>
      page({ objects: ["a", "a"].map((key) => ({ key, ...(store.objects.get(key) ?? store.put(key, "1")) })) }),
  };

  for (const [title, lie] of Object.entries(LIES)) {
    it(`fault 7: a listing that ${title} is no verdict`, async (test) => {
      const validator = await startValidator(test);
      const { store } = validator;
      const body = lie(store);
      store.fault = ({ action, query }) =>
        action === "list" && query.get("prefix") === "" ? { status: 200, body } : undefined;
      const run = newRun();
      const entries: ManifestEntry[] = [{ path: "a", sizeBytes: 1, etag: "e" }];
      await deliverBody(validator, messageBody(entries, { run }), MAX_RECEIVE_COUNT);
      const report = reportOf(store, run);
      assert.equal(report.verdict, "error");
      assert.match(report.errors[0]?.reason ?? "", /the listing is not trustworthy/);
      assert.equal(report.totals.missing, 0);
    });
  }

  it("fault 64: a listing that outlasts the function is a failure that is told, not a crash", async (test) => {
    const validator = await startValidator(test);
    validator.store.fault = ({ action, query }) =>
      action === "list" && query.get("prefix") === "" ? "silence" : undefined;
    const run = newRun();
    const delivered = await deliver(
      record(messageBody([], { run }), MAX_RECEIVE_COUNT),
      validator.services,
      AbortSignal.timeout(200),
    );
    assert.equal(delivered.done, false);
    assert.match(
      reportOf(validator.store, run).errors[0]?.reason ?? "",
      /could not list the bucket: the function's time was up/,
    );
  });
});

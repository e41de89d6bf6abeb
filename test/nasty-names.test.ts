/**
 * Every name of the corpus through every stage that names pass: disk, key, request, baseline, manifest, message, part,
 * report and status, log line, terminal, command line. Each stage is a round trip, or an invariant of what it shows.
 *
 * There is no stage of HTML: nothing makes any. What is said of reports instead, that their text may stand in a page's
 * script (docs/contract.md), is held here too.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { type BaselineItem, itemOf, lineOf } from "#agent/baseline.ts";
import { openBaselines } from "#agent/baseline-store.ts";
import { bytePathOf, locationOf } from "#agent/byte-path.ts";
import { disk } from "#agent/disk.ts";
import { textOfBytes } from "#agent/escape.ts";
import { openLog } from "#agent/log.ts";
import { readRequest } from "#agent/options.ts";
import { Spool } from "#agent/spool.ts";
import { summaryLines, uncheckedLines } from "#agent/summary.ts";
import { Tally } from "#agent/tally.ts";
import { type WalkNotice, walk } from "#agent/walk.ts";
import { Findings } from "#lambda/findings.ts";
import { logLine } from "#lambda/log.ts";
import { validateShard } from "#lambda/validate.ts";
import type { KnownEntry } from "#shared/entry.ts";
import { compareKeys, decodeName, keyBytes, MAX_KEY_BYTES } from "#shared/key.ts";
import { decodeManifest, encodeManifest } from "#shared/manifest.ts";
import { decodeMessage, encodeMessage } from "#shared/message.ts";
import { readPage } from "#shared/page.ts";
import { assembleReport, decodePart, decodeReport, type Finding } from "#shared/report.ts";
import { inRange } from "#shared/shard.ts";
import { decodeStatus, nextStatus } from "#shared/status.ts";
import { parseTarget, TargetError, targetUrl } from "#shared/target.ts";
import { encodeVersioned } from "#shared/versioned.ts";
import { startFakeS3, xml } from "./agent/fake-s3.ts";
import { writeTreeFile } from "./agent/trees.ts";
import { DANGEROUS, type NastyName, nastyNames, nastyTexts } from "./nasty-names.ts";
import { byBytes, RUN, somePart } from "./shared/arbitrary.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const PREFIX = "p/";
const NAMES = nastyNames(PREFIX);
/** Those that can be keys: of files, and of objects that no file can be. */
const KEYS = nastyTexts(PREFIX, ["synced", "no-file"]).map(({ text }) => text);
const SORTED = KEYS.toSorted(byBytes);
const ENTRIES = SORTED.map((path, index): KnownEntry => ({ path, sizeBytes: index, etag: `e${index}` }));
const EVERYTHING = { after: null, through: null };

/** Says where it is, and not all that is around it. */
function assertHarmless(text: string): void {
  const { index, 0: found } = DANGEROUS.exec(text) ?? {};
  if (index !== undefined)
    assert.fail(`${JSON.stringify(found)} after ${JSON.stringify(text.slice(0, index).slice(-50))}`);
}

const placeOf = ({ bytes }: NastyName) => bytes.toString("latin1");

describe("the corpus of nasty names", () => {
  test("has more than a thousand of them, of all kinds, each once", () => {
    assert.ok(NAMES.length >= 1_000, `${NAMES.length}`);
    assert.equal(new Set(NAMES.map(placeOf)).size, NAMES.length);
    const kinds = Map.groupBy(NAMES, ({ kind }) => kind);
    for (const [kind, names] of kinds) assert.ok(names.length >= 9, kind);
    assert.ok(kinds.size >= 25);
    const fates = Map.groupBy(NAMES, ({ fate }) => fate);
    for (const [fate, least] of [
      ["synced", 1_000],
      ["not-utf8", 50],
      ["too-long", 10],
      ["no-file", 20],
    ] as const)
      assert.ok((fates.get(fate)?.length ?? 0) >= least, fate);
  });

  test("is as docs/reliability.md counts it", () => {
    const counted = readFileSync(new URL("../docs/reliability.md", import.meta.url), "utf8").replaceAll(/\s+/g, " ");
    for (const [kind, names] of Map.groupBy(NAMES, (name) => name.kind))
      assert.match(counted, new RegExp(`[:,] ${names.length} ${kind}[,.]`));
    const ofFate = (wanted: string) => NAMES.filter(({ fate }) => fate === wanted).length;
    for (const part of [
      `makes ${NAMES.length.toLocaleString("en-US")} of them`,
      `${ofFate("synced").toLocaleString("en-US")} are synced, ${ofFate("not-utf8")} are skipped as not UTF-8`,
      `and ${ofFate("too-long")} as too long for a key, ${ofFate("no-file")} no file can have`,
    ])
      assert.ok(counted.includes(part), part);
  });

  test("is the same each time, and its names that a disk takes stand side by side", () => {
    assert.deepEqual(nastyNames(PREFIX), NAMES);
    const places = NAMES.filter(({ fate }) => fate !== "no-file").map(placeOf);
    const all = new Set(places);
    for (const place of places) {
      const segments = place.split("/");
      for (const segment of segments) {
        assert.ok(segment !== "" && segment !== "." && segment !== ".." && !segment.includes("\0"), place);
        assert.ok(segment.length <= 255, place);
      }
      const directories = segments.slice(1).map((_, index) => segments.slice(0, index + 1).join("/"));
      for (const directory of directories) assert.ok(!all.has(directory), directory);
    }
  });

  test("goes up to the longest key, and one byte beyond, whatever the prefix", () => {
    for (const prefix of ["p/", "é/", `${"p".repeat(700)}/`]) {
      const lengths = nastyTexts(prefix).map(({ text, fate }) => [keyBytes(prefix + text), fate] as const);
      for (const [length, fate] of [
        [1_023, "synced"],
        [1_024, "synced"],
        [1_025, "too-long"],
      ] as const)
        assert.ok(lengths.filter((one) => one[0] === length && one[1] === fate).length >= 5, `${prefix} ${length}`);
    }
  });
});

/** All that a disk takes, each with its own name as content. */
function writeNames(folder: string): NastyName[] {
  const written: NastyName[] = [];
  for (const name of NAMES)
    if (name.fate !== "no-file") {
      try {
        writeTreeFile(folder, name.bytes, name.bytes);
        written.push(name);
      } catch {
        // Not every file system takes every name.
      }
    }
  assert.ok(written.length >= 500, `this file system takes only ${written.length} names`);
  return written;
}

test("faults 36, 37, 41, 42: on the disk, each name is walked in key order and can be opened, or is told apart as no key", async (t) => {
  const folder = temporaryFolder(t);
  const root = bytePathOf(folder);
  const written = writeNames(folder);
  const notices: WalkNotice[] = [];
  const walking = walk({ root, keyPrefix: PREFIX, disk, notice: (one) => notices.push(one), check: () => {} });
  const walked = (await Array.fromAsync(walking)).flat();
  const withFate = (fate: string) => written.filter((name) => name.fate === fate).map(placeOf);
  assert.deepEqual(
    walked.map(({ path }) => path),
    written.flatMap(({ fate, bytes }) => (fate === "synced" ? bytes.toString() : [])).sort(byBytes),
  );
  const noticed = Map.groupBy(notices, ({ what }) => what);
  const named = (what: WalkNotice["what"]) =>
    (noticed.get(what) ?? []).map(({ location }) => location.slice(root.length + 1)).sort();
  assert.deepEqual(named("name-not-utf8"), withFate("not-utf8").sort());
  assert.deepEqual(named("name-too-long"), withFate("too-long").sort());
  for (const { path } of walked) {
    const file = await disk.open(locationOf(root, path));
    const content = Buffer.alloc(2_048);
    const length = await file.read(content);
    await file.close();
    assert.equal(content.subarray(0, length).toString(), path);
  }
});

test("faults 36, 42: as a key, each name comes back from its bytes and from a listing, and sorts by its bytes", () => {
  for (const { bytes, fate } of NAMES) {
    const text = decodeName(bytes);
    assert.equal(text === undefined, fate === "not-utf8");
    if (text === undefined) continue;
    assert.deepEqual(Buffer.from(text), bytes);
    assert.equal(keyBytes(text), bytes.length);
    assert.equal(keyBytes(PREFIX + text) > MAX_KEY_BYTES, fate === "too-long");
  }
  assert.deepEqual(KEYS.toSorted(compareKeys), SORTED);
  const Contents = KEYS.map((key) => ({ Key: formEncoded(key), Size: 1, ETag: '"e"', LastModified: new Date(0) }));
  const page = { Contents, KeyCount: KEYS.length, IsTruncated: false, EncodingType: "url" };
  assert.deepEqual(
    readPage(page).objects.map(({ key }) => key),
    KEYS,
  );
});

/** As S3 encodes keys in listings: all but a few characters by their bytes, a space as a plus sign. */
function formEncoded(key: string): string {
  const encoded = [...Buffer.from(key)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  return encoded.replaceAll("%20", "+").replaceAll("%61", "a").replaceAll("%2a", "*");
}

test("faults 37, 74: in requests, each name is put and deleted as itself, whatever stands in it", async (t) => {
  const { bucket, asked, answer } = await startFakeS3(t);
  answer((one) => {
    if (one.method !== "POST") return { status: one.method === "PUT" ? 200 : 204, headers: { etag: '"e"' } };
    const keys = one.body.match(/<Key>.*?<\/Key>/gs) ?? [];
    return xml("DeleteResult", keys.map((key) => `<Deleted>${key}</Deleted>`).join(""));
  });
  const keyOf = ({ url }: { url: string }) => decodeURIComponent(url.replace(/\?.*$/, "")).slice("/data/".length);
  for (const key of KEYS) await bucket.put(key, Buffer.from("1"), 0);
  assert.deepEqual(asked.map(keyOf), KEYS);
  asked.length = 0;
  assert.deepEqual(await bucket.remove(KEYS), []);
  const alone = asked.filter(({ method }) => method === "DELETE").map(keyOf);
  const together = asked.flatMap(({ body }) =>
    [...body.matchAll(/<Key>(.*?)<\/Key>/gs)].map(([, key = ""]) => textOf(key)),
  );
  assert.deepEqual([...alone, ...together].sort(), KEYS.toSorted());
  assert.ok(alone.length > 0 && together.length > alone.length);
  for (const { body } of asked) {
    // The characters of XML 1.0, as they are or by their numbers.
    assert.match(textOf(body), /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u);
  }
});

/** The text of what stands in XML. */
function textOf(xmlText: string): string {
  const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  // A reader of XML turns a bare carriage return into a line feed.
  return xmlText
    .replaceAll(/\r\n?/g, "\n")
    .replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (_, hex, decimal, name) =>
      name ? (named[name] ?? "?") : String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(decimal)),
    );
}

test("fault 37: in a baseline and in the list of deletions, each name comes back, on one line", async (t) => {
  const items = SORTED.flatMap((path, index): BaselineItem[] => {
    const file = { path, sizeBytes: index, etag: "e", modifiedMs: 1.5, changedMs: 2.5, inode: 3 };
    return index % 3 === 0 ? [file] : index % 3 === 1 ? [{ path, gone: true }] : [{ path, unknown: true }];
  });
  for (const item of items) {
    const line = lineOf(item);
    assert.equal(line.indexOf("\n"), line.length - 1);
    assert.deepEqual(itemOf(line), item);
  }
  const store = openBaselines(temporaryFolder(t));
  const subject = { endpoint: "https://s3.example", bucket: "data", prefix: PREFIX, directory: SORTED.join(" ") };
  const draft = store.draft(subject, RUN);
  await draft.add(EVERYTHING, items, true);
  await draft.keep(false);
  await draft.close();
  const baseline = await store.open(subject, assert.fail);
  assert.ok(baseline);
  assert.deepEqual((await Array.fromAsync(baseline.items())).flat(), items);
  await baseline.close();

  const spool = new Spool();
  const shard = spool.shard(0);
  for (const key of KEYS) await shard.add(key);
  await shard.hold(KEYS.join());
  const removed: string[] = [];
  await spool.replay({
    remove: async (keys) => void removed.push(...keys),
    send: async (message) => assert.equal(message, KEYS.join()),
  });
  await shard.close();
  await spool.close();
  assert.deepEqual(removed, KEYS);
});

test("faults 37, 72: in a manifest and its message, each name comes back, also as a bound, a source and a prefix", () => {
  const manifest = encodeManifest(ENTRIES);
  assert.deepEqual(decodeManifest(manifest, EVERYTHING, PREFIX), ENTRIES);
  const message = {
    ...({ run: RUN, bucket: "example-backup", prefix: PREFIX, extras: "mismatch", repairs: null } as const),
    ...{ source: { host: "host", directory: "/" }, agentVersion: "1", manifest },
    shard: { index: 0, ...EVERYTHING, last: true },
  };
  assert.deepEqual({ ...decodeMessage(encodeMessage(message)) }, { version: "1.0", ...message });
  const none = encodeManifest([]);
  for (const name of KEYS) {
    const shard = { index: 1, after: name, through: name, last: false };
    const named = { ...message, manifest: none, shard, source: { host: name.slice(0, 99), directory: `/${name}` } };
    const text = encodeMessage(named);
    // The characters of XML 1.0, which are all that SQS takes.
    assert.match(text, /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u);
    assert.deepEqual(decodeMessage(text), { version: "1.0", ...named });
    assert.ok(!inRange(shard, name) && inRange({ after: null, through: name }, name));
  }
});

/** A finding of each kind about each name, some with all that a finding can tell. */
const FINDINGS = SORTED.map((path, index): Finding => {
  const actual = { sizeBytes: 1, etag: path.slice(0, 9) || "e", modified: "2026-11-22T12:00:00.000Z" };
  const expected = { sizeBytes: index, etag: "e" };
  return (
    [
      { kind: "missing", path, expected },
      { kind: "unexpected", path, actual },
      { kind: "etag-differs", path, expected, actual },
    ] as const
  )[index % 3] as Finding;
});

test("faults 74, 75: in part, report and status, each name comes back, and the text is safe to show and to embed", () => {
  const source = { host: KEYS.join("").slice(0, 255), directory: KEYS.join("/").slice(0, 16_000) };
  const part = somePart({ findings: FINDINGS, source, error: KEYS.join(), senderId: KEYS.join() });
  const report = assembleReport([part]);
  const status = nextStatus(undefined, report);
  assert.ok(status);
  assert.deepEqual(decodePart(encodeVersioned(part)), part);
  assert.deepEqual(decodeReport(encodeVersioned(report)), report);
  assert.deepEqual(decodeStatus(encodeVersioned(status)), status);
  for (const [name, value] of [
    ["part", part],
    ["report", report],
    ["status", status],
  ] as const) {
    const text = encodeVersioned(value);
    const schema = readFileSync(new URL(`../shared/schemas/${name}.schema.json`, import.meta.url), "utf8");
    const validate = new Ajv2020({ strict: true }).compile(JSON.parse(schema));
    assert.ok(validate(JSON.parse(text)), JSON.stringify(validate.errors));
    // Line feeds are its layout: no name can make one.
    assertHarmless(text.replaceAll("\n", ""));
    assert.equal(text.split("\n").length, JSON.stringify(value, undefined, 2).split("\n").length + 1);
    // What ends a script, or turns it into a comment; and an entity is none there.
    assert.ok(!text.includes("<"));
  }
});

test("faults 74, 75: in the findings object, each name comes back on a line of its own, whoever splits the lines", async () => {
  const findings = new Findings();
  for (const entry of ENTRIES)
    findings.add({ kind: "missing", path: entry.path, expected: { sizeBytes: 1, etag: "e" } });
  const text = String(findings.lines());
  const lines = await Array.fromAsync(createInterface({ input: Readable.from([text]) }));
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).path),
    SORTED,
  );
  // Nor is there any other character that somebody takes for the end of a line.
  assert.equal(text.split("\n").length, SORTED.length + 1);
  assertHarmless(text.replaceAll("\n", ""));
});

test("faults 69, 70: the validator finds each name that is there, and names each that is not", async () => {
  const objects = ENTRIES.map((entry) => ({ ...entry, modifiedMs: 0 }));
  assert.equal((await validateShard(ENTRIES, objects, new Findings())).matched, SORTED.length);
  for (const odd of [0, 1]) {
    const findings = new Findings();
    const half = objects.filter((_, index) => index % 2 === odd);
    const totals = await validateShard(ENTRIES, half, findings);
    assert.equal(totals.missing, SORTED.length - half.length);
    assert.deepEqual(
      findings.first.map(({ path }) => path),
      SORTED.filter((_, index) => index % 2 !== odd),
    );
  }
});

interface Shown {
  readonly stdout: string[];
  readonly stderr: string[];
  readonly logged: () => string[];
}

function openTestLog(t: TestContext, choices: { verbose?: boolean } = {}) {
  const folder = temporaryFolder(t);
  const logfile = join(folder, "log");
  const shown: Shown = { stdout: [], stderr: [], logged: () => readFileSync(logfile, "utf8").split("\n").slice(0, -1) };
  const log = openLog(
    {
      ...{ logfile, owner: undefined, mode: 0o640, quiet: false, output: true, debug: true },
      verbose: choices.verbose === true,
    },
    {
      screen: { print: (line) => shown.stdout.push(line), complain: (line) => shown.stderr.push(line) },
      now: () => new Date("2026-11-22T12:00:00.999Z"),
      ...{ isRoot: true, environment: {}, homeDirectory: folder },
    },
  );
  t.after(() => log.close());
  return { log, shown };
}

/** As names of any bytes are shown. */
const SHOWN_NAMES = NAMES.map((name) => textOfBytes(placeOf(name)));

test("faults 37, 74, 75: in the log and on the screen, each name is one line, at each level", (t) => {
  const { log, shown } = openTestLog(t, { verbose: true });
  for (const level of ["debug", "info", "warn", "error", "request", "result"] as const)
    for (const name of SHOWN_NAMES) log[level](`Uploaded [${name}], 1 bytes.`);
  const records = shown.logged();
  assert.equal(records.length, 6 * SHOWN_NAMES.length);
  for (const record of records) {
    assert.match(
      record,
      /^2026-11-22T12:00:00 UTC --> \[(DEBUG {2}|INFO {3}|WARNING|ERROR {2})\] Uploaded \[.*\], 1 bytes\.$/u,
    );
    assertHarmless(record);
  }
  const printed = [...shown.stdout, ...shown.stderr];
  assert.equal(printed.length, 5 * SHOWN_NAMES.length);
  for (const line of printed) {
    assert.match(line, /^Uploaded \[.*\], 1 bytes\.$/u);
    assertHarmless(line);
  }
});

test("faults 74, 75: in the validator's log, each name is one line of ASCII and comes back", () => {
  for (const name of KEYS) {
    const line = logLine({ level: "INFO", event: "shard-checked", prefix: name, reason: name });
    assert.match(line, /^[\x20-\x7e]+$/);
    assert.equal(JSON.parse(line).prefix, name);
  }
});

test("faults 74, 75: at the end of a run, each name stands on its line, and no line is one too many", (t) => {
  const { log, shown } = openTestLog(t);
  const shownAtOnce = 20;
  let expected = 0;
  for (let from = 0; from < KEYS.length; from += shownAtOnce) {
    const some = KEYS.slice(from, from + shownAtOnce);
    const tally = new Tally();
    for (const name of some) {
      tally.problem({ state: "failed", name, reason: name });
      tally.repaired({ kind: "changed", path: name });
    }
    const report = assembleReport([
      somePart({
        findings: some.map((path): Finding => ({ kind: "unexpected", path })),
        totals: { ...somePart().totals, unexpected: some.length },
      }),
    ]);
    const told = {
      ...{ target: { bucket: "data", keyPrefix: `${some[0]}/` }, report, tally, repair: undefined },
      ...({ outcome: "mismatch", isWhole: true, isEmpty: false, ignoreWarnings: false, verifyOnly: false } as const),
    };
    for (const lines of [summaryLines(told), uncheckedLines(told)]) {
      for (const line of lines.faults) log.error(line);
      for (const line of lines.results) log.result(line);
      expected += lines.faults.length + lines.results.length;
      assert.ok(lines.faults.length >= some.length && lines.results.length >= some.length);
    }
  }
  assert.equal(shown.stdout.length + shown.stderr.length, expected);
  assert.equal(shown.logged().length, expected);
  for (const line of [...shown.stdout, ...shown.stderr, ...shown.logged()]) assertHarmless(line);
});

test("faults 38, 39: on the command line, each name is the directory that it is, and a prefix or refused as one", () => {
  for (const { text } of nastyTexts(PREFIX)) {
    const request = readRequest(["-b", "--", text, "s3://data/p"], {});
    assert.equal(request.kind === "run" && request.options.sourceDir, text);
    const attached = readRequest([`--logfile=${text}`, `-m600`, `--require-file`, "x", "x", "s3://data"], {});
    assert.equal(attached.kind === "run" && attached.options.log.logfile, text);
    try {
      const target = parseTarget(`s3://data/${text}`);
      assert.equal(target.keyPrefix, text.endsWith("/") ? text : `${text}/`);
      assert.deepEqual(parseTarget(targetUrl(target)), target);
    } catch (error) {
      assert.ok(error instanceof TargetError, String(error));
    }
  }
});

test("fault 74: nothing makes HTML, so no name has to be escaped for it", () => {
  const root = join(import.meta.dirname, "..");
  const sources = globSync("{agent,lambda,shared,infra}/**/*.{ts,cjs}", { cwd: root });
  assert.ok(sources.length > 100);
  for (const source of sources)
    assert.doesNotMatch(readFileSync(join(root, source), "utf8"), /text\/html|<html|\.html\b/i);
});

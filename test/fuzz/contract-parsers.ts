/** The parsers of the contract, with inputs that are valid, damaged, or anything at all. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { decodeName } from "#shared/key.ts";
import { decodeManifest, type EncodedManifest, encodeManifest, ManifestError } from "#shared/manifest.ts";
import { decodeMessage, encodeMessage, MessageError } from "#shared/message.ts";
import { assembleReport, decodePart, decodeReport } from "#shared/report.ts";
import { decodeStatus, nextStatus, statusKey, statusPrefix } from "#shared/status.ts";
import { parseTarget, TargetError, targetUrl } from "#shared/target.ts";
import { encodeVersioned, ReportError } from "#shared/versioned.ts";
import { decodeWatch, WatchError } from "#shared/watch.ts";
import { nastyNames } from "../nasty-names.ts";
import { etag, keyPrefix, manifestEntries, RUN, runs, somePart, text } from "../shared/arbitrary.ts";
import { anyText, brokenBytes, damagedBytes, damagedJson, damagedLines, damagedText, sometimes } from "./damage.ts";
import { anyPath, isOf, parser } from "./parser.ts";

const schemaOf = (name: string) =>
  new Ajv2020({ strict: true }).compile(
    JSON.parse(readFileSync(new URL(`../../shared/schemas/${name}.schema.json`, import.meta.url), "utf8")),
  );
const SCHEMAS = {
  message: schemaOf("message"),
  part: schemaOf("part"),
  report: schemaOf("report"),
  status: schemaOf("status"),
};

/** Mostly a path. */
const bound = fc.oneof({ arbitrary: anyPath, weight: 9 }, fc.constantFrom("\ud800", "k".repeat(1_025)));
const shard = fc.record(
  {
    index: fc.nat(99_999),
    after: fc.option(bound),
    through: fc.option(bound),
    last: fc.boolean(),
  },
  { noNullPrototype: true },
);
const source = fc.record({ host: fc.oneof(text, fc.constant("h")), directory: anyPath }, { noNullPrototype: true });
const header = { run: runs, bucket: fc.constantFrom("example-backup", "www.example.com"), prefix: keyPrefix, shard };

const message = fc.record(
  {
    version: fc.constantFrom("1.0", "1.7"),
    ...header,
    extras: fc.constantFrom("mismatch", "listed"),
    repairs: fc.option(runs),
    check: fc.boolean(),
    source,
    agentVersion: fc.constantFrom("0.1.0", "1.0.0-rc.1+build"),
    manifest: manifestEntries.map(encodeManifest),
  },
  {
    noNullPrototype: true,
    requiredKeys: [
      "version",
      "run",
      "bucket",
      "prefix",
      "shard",
      "extras",
      "repairs",
      "source",
      "agentVersion",
      "manifest",
    ],
  },
);

const finding = fc.record(
  {
    kind: fc.constantFrom("missing", "size-differs", "etag-differs", "unexpected"),
    path: anyPath,
    expected: fc.record({ sizeBytes: fc.maxSafeNat(), etag }, { noNullPrototype: true }),
    actual: fc.record(
      { sizeBytes: fc.maxSafeNat(), etag, modified: fc.constant("2026-11-22T12:00:00.000Z") },
      { noNullPrototype: true },
    ),
  },
  { noNullPrototype: true, requiredKeys: ["kind", "path"] },
);
const part = fc
  .tuple(
    fc.record(header, { noNullPrototype: true }),
    source,
    fc.array(finding, { maxLength: 4 }),
    fc.option(anyPath),
    fc.constantFrom({}, { check: true }),
  )
  .map(
    ([told, from, findings, error, check]) =>
      ({ ...somePart(), ...told, ...check, source: from, findings, error }) as ReturnType<typeof somePart>,
  );
const report = part.map((one) => assembleReport([one]));
/** After one run, or two, of which the second may be a check. */
const status = fc.tuple(report, report).map(([one, two]) => {
  const first = nextStatus(undefined, one);
  return nextStatus(first, two) ?? first ?? { version: "1.0" };
});

/** A manifest whose lines, count, digest and body are damaged one by one, so that each check is met. */
const manifest: fc.Arbitrary<EncodedManifest> = fc
  .record({
    entries: manifestEntries,
    lines: sometimes(
      damagedLines([
        '["a"]\n',
        '["a/",1,"e"]\n',
        '["z/"]\n',
        "[]\n",
        "\n",
        '["\\ud800",1,"e"]\n',
        '["b",1e400,"e"]\n',
        `${"[".repeat(9)}\n`,
      ]),
    ),
    line: sometimes(damagedJson(fc.tuple(anyPath, fc.maxSafeNat(), fc.oneof(etag, fc.constant("e".repeat(257)))))),
    raw: sometimes(fc.oneof(damagedBytes, brokenBytes)),
    bytes: sometimes(damagedBytes),
    count: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, -1, 20_000),
    digest: fc.constantFrom("right", "right", "right", "right", "right", "right", "wrong"),
    frames: fc.constantFrom(1, 1, 1, 2, 3),
    base64: sometimes(damagedText(["=", "-", "_", "\n", " ", "é"])),
  })
  .map(({ entries, lines, line, raw, bytes, count, digest, frames, base64 }) => {
    const whole = entries.map((entry) =>
      "unknown" in entry
        ? `${JSON.stringify([entry.path])}\n`
        : `${JSON.stringify([entry.path, entry.sizeBytes, entry.etag])}\n`,
    );
    const added = line === undefined ? whole : [...whole, `${line}\n`];
    const damaged = lines?.(added) ?? added;
    const text = Buffer.from(damaged.join(""));
    const content = raw?.(text) ?? text;
    const cut = Math.floor(content.length / frames);
    const pieces = Array.from({ length: frames }, (_, index) =>
      zstdCompressSync(content.subarray(index * cut, index === frames - 1 ? undefined : (index + 1) * cut)),
    );
    const compressed = Buffer.concat(pieces);
    const body = (bytes?.(compressed) ?? compressed).toString("base64");
    return {
      count: damaged.length + count,
      digest: digest === "right" ? createHash("sha256").update(content).digest("hex") : "0".repeat(64),
      body: base64?.(body) ?? body,
    };
  });

const EVERYTHING = { after: null, through: null };
const URL_WORDS = [
  "s3://",
  "/",
  "//",
  ".",
  "..",
  "/../",
  ".cback/",
  RUN,
  "%2e",
  "\\",
  "@",
  "?",
  "#",
  " ",
  "\n",
  "\ud800",
  "--x-s3",
  "-s3alias",
];
const bucketName = fc.oneof(
  { arbitrary: fc.constantFrom("bucket", "www.example.com", "b".repeat(63)), weight: 6 },
  fc.constantFrom("xn--b", "1.2.3.4", "Bucket", "a..b", "", "b--x-s3"),
  fc.string({ unit: fc.constantFrom(..."abc019.-_A"), maxLength: 64 }),
);
const targetText = fc.oneof(
  fc
    .tuple(
      bucketName,
      fc.array(fc.oneof({ arbitrary: anyPath, weight: 4 }, fc.constantFrom("", ".", "..", ".cback", RUN, "\ud800")), {
        maxLength: 4,
      }),
      sometimes(damagedText(URL_WORDS)),
    )
    .map(([bucket, segments, damage]) => {
      const url = `s3://${bucket}/${segments.join("/")}`;
      return damage?.(url) ?? url;
    }),
  fc.nat(1_100).map((length) => `s3://bucket/${"p".repeat(length)}`),
  anyText,
);

/** A name that is no text is refused by saying nothing. */
class NoName extends Error {}

const watch = fc.record(
  {
    prefixes: fc.option(fc.array(keyPrefix, { minLength: 1, maxLength: 3 })),
    unwatched: fc.array(keyPrefix, { maxLength: 3 }),
    maxSilenceHours: fc.constantFrom(1, 26, 1e6),
  },
  { noNullPrototype: true },
);

function parsedJson(one: string): unknown {
  try {
    return JSON.parse(one);
  } catch {
    return one;
  }
}

/** By the shipped JSON Schema. */
function assertFollows(name: "message" | "part" | "report" | "status", value: unknown): void {
  const validate = SCHEMAS[name];
  assert.ok(validate(JSON.parse(JSON.stringify(value))), JSON.stringify(validate.errors));
}

/** As docs/contract.md has it. */
function assertPrefix(prefix: string): void {
  const segments = prefix.split("/");
  assert.ok(prefix.isWellFormed() && Buffer.byteLength(prefix) <= 900);
  assert.equal(segments.pop(), "", "it has no slash at its end");
  for (const segment of segments)
    assert.ok(!["", ".", ".."].includes(segment) && !/^\d{8}T\d{6}Z-[0-9a-f]{32}$/.test(segment));
  assert.notEqual(segments[0], ".cback");
}

export const CONTRACT_PARSERS = [
  parser("message", {
    inputs: fc.oneof({ arbitrary: damagedJson(message), weight: 4 }, anyText),
    read: decodeMessage,
    holds: (one) => {
      assertFollows("message", one);
      assertPrefix(one.prefix);
      for (const bound of [one.shard.after ?? "", one.shard.through ?? ""])
        assert.ok(bound.isWellFormed() && Buffer.byteLength(one.prefix + bound) <= 1_024);
    },
    write: encodeMessage,
    refuses: isOf(MessageError),
  }),
  parser("part", {
    inputs: fc.oneof({ arbitrary: damagedJson(part), weight: 4 }, anyText),
    read: decodePart,
    holds: (one) => assertFollows("part", one),
    write: encodeVersioned,
    refuses: isOf(ReportError),
  }),
  parser("report", {
    inputs: fc.oneof({ arbitrary: damagedJson(report), weight: 4 }, anyText),
    read: (one) => decodeReport(one),
    holds: (one) => assertFollows("report", one),
    write: encodeVersioned,
    refuses: isOf(ReportError),
  }),
  parser("status", {
    inputs: fc.oneof({ arbitrary: damagedJson(status), weight: 4 }, anyText),
    read: decodeStatus,
    holds: (one) => assertFollows("status", one),
    write: encodeVersioned,
    refuses: isOf(ReportError),
  }),
  parser("manifest", {
    inputs: fc.oneof(
      { arbitrary: manifest, weight: 4 },
      anyText.map((body) => ({ count: 1, digest: "0".repeat(64), body })),
    ),
    read: (one) => decodeManifest(one, EVERYTHING, "p/"),
    holds: (entries, { body, count, digest }) => {
      const content = zstdDecompressSync(Buffer.from(body, "base64"));
      assert.equal(createHash("sha256").update(content).digest("hex"), digest);
      assert.ok(Buffer.from(content.toString("utf8")).equals(content), "it was not UTF-8");
      assert.equal(entries.length, count);
      for (const entry of entries) {
        assert.ok(entry.path !== "" && entry.path.isWellFormed() && Buffer.byteLength(`p/${entry.path}`) <= 1_024);
        if ("unknown" in entry) continue;
        assert.ok(Number.isSafeInteger(entry.sizeBytes) && entry.sizeBytes >= 0);
        assert.ok(entry.etag !== "" && entry.etag.length <= 256);
      }
    },
    write: encodeManifest,
    refuses: isOf(ManifestError),
  }),
  parser("target URL", {
    inputs: targetText,
    read: parseTarget,
    holds: ({ bucket, keyPrefix: prefix }) => {
      assert.match(bucket, /^(?!xn--|.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/);
      assertPrefix(prefix);
    },
    write: targetUrl,
    refuses: isOf(TargetError),
  }),
  parser("name", {
    inputs: fc.oneof(
      fc
        .tuple(
          fc.constantFrom("", "\ufeff"),
          fc.constantFrom(...nastyNames("p/").map(({ bytes }) => bytes)),
          damagedBytes,
        )
        .map(([mark, bytes, damage]) => damage(Buffer.concat([Buffer.from(mark), bytes]))),
      fc.uint8Array({ maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
    ),
    read: (bytes) => {
      const name = decodeName(bytes);
      if (name === undefined) throw new NoName();
      return name;
    },
    holds: (name, bytes) => assert.ok(Buffer.from(name).equals(bytes)),
    write: (name) => Buffer.from(name),
    refuses: isOf(NoName),
  }),
  parser("key of a status", {
    inputs: fc.oneof(
      fc.tuple(keyPrefix, damagedText(["/", ".json", "status"])).map(([prefix, damage]) => damage(statusKey(prefix))),
      anyText,
    ),
    read: (key) => {
      const prefix = statusPrefix(key);
      if (prefix === undefined) throw new NoName();
      return prefix;
    },
    holds: (prefix, key) => assert.equal(statusKey(prefix), key),
    write: statusKey,
    refuses: isOf(NoName),
  }),
  parser("watch", {
    inputs: fc.oneof({ arbitrary: damagedJson(watch), weight: 4 }, anyText).map(parsedJson),
    read: decodeWatch,
    holds: ({ prefixes, unwatched, maxSilenceHours }) => {
      for (const prefix of [...(prefixes ?? []), ...unwatched]) assertPrefix(prefix);
      assert.ok(maxSilenceHours >= 1 && prefixes?.length !== 0);
    },
    write: (one) => JSON.parse(JSON.stringify(one)) as unknown,
    refuses: isOf(WatchError),
  }),
];

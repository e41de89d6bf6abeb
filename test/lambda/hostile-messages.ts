/**
 * Messages that mean harm, as a table: what is wrong with each, and what is to become of it. Each is a whole body, as whoever
 * may send to the queue could send it.
 */
import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Message } from "#shared/message.ts";

/**
 *   dead letter   nobody can be answered: no request to S3, counted as refused, delivered again until it is a dead letter
 *   foreign       the same, counted as foreign: it names another bucket
 *   answered      an error part at once, counted as refused; in a run of one shard, a report with the verdict error
 *   no verdict    checked like any other, and yet no report with a verdict can come of it alone
 */
export type Fate = "dead letter" | "foreign" | "answered" | "no verdict";

export interface HostileMessage {
  readonly what: string;
  readonly fate: Fate;
  readonly body: string;
  /** In the log's reason; of what is checked, in the report's. */
  readonly reason: RegExp;
}

type Whole = Message & Record<string, unknown>;

/** @param whole a message without fault, as it would be sent, of a run that nothing else is known of */
export function hostileMessages(whole: Message): HostileMessage[] {
  const text = JSON.stringify(whole);
  const messages: HostileMessage[] = [];
  const add = (fate: Fate, what: string, body: string, reason: RegExp) => messages.push({ what, fate, body, reason });
  /** With other fields; undefined leaves one out. */
  const changed = (changes: Record<string, unknown>) => JSON.stringify({ ...(whole as Whole), ...changes });
  /** In the text, for what no value can say. */
  const replaced = (from: string | RegExp, to: string) => {
    const result = text.replace(from, () => to);
    if (result === text) throw new Error(`${from} is not in the message`);
    return result;
  };

  const notJson: [string, string][] = [
    ["nothing", ""],
    ["white space", " \n\t"],
    ["a word", "poison"],
    ["half a message", text.slice(0, text.length / 2)],
    ["a message and more", `${text}{}`],
    ["a byte order mark", `\ufeff${text}`],
    ["a zero byte", `\0${text}`],
    ["a megabyte of letters", "x".repeat(MEBIBYTE)],
    ["a megabyte of brackets", "[".repeat(MEBIBYTE)],
    ["a line feed in a string", replaced('"extras":"', '"extras":"\n')],
    ["a comment", `/* */${text}`],
    ["NaN", replaced('"index":0', '"index":NaN')],
    ["single quotes", text.replaceAll('"', "'")],
    ["zstd", zstdCompressSync(text).toString("latin1")],
  ];
  for (const [what, body] of notJson) add("dead letter", `that is no JSON: ${what}`, body, /is not JSON/);

  const noHeader: [string, string][] = [
    ["null", "null"],
    ["a number of a million digits", "1".repeat(1_000_000)],
    ["a string", JSON.stringify(text)],
    ["an array", `[${text}]`],
    ["500,000 arrays in each other", "[".repeat(500_000) + "]".repeat(500_000)],
    ["80,000 objects in each other", `${'{"version":'.repeat(80_000)}1${"}".repeat(80_000)}`],
    ["nothing but fields that nobody knows", `{${Array.from({ length: 60_000 }, (_, index) => `"k${index}":1`)}}`],
    ["a message as its prototype", `{"__proto__":${text}}`],
    ["a message as its constructor", `{"constructor":${text}}`],
    ["its last run no run", replaced(/}$/, ',"run":"../../status"}')],
    ...[
      null,
      7,
      {},
      "",
      "../../status",
      "20261122T120000Z-",
      `${whole.run}\n`,
      whole.run.toUpperCase(),
      `${whole.run}/x`,
    ].map((run): [string, string] => [`the run ${JSON.stringify(run)}`, changed({ run })]),
    ["digits of other scripts in its run", changed({ run: whole.run.replace("2", "\u0662") })],
    ["a run of a megabyte", changed({ run: "2".repeat(1_000_000) })],
    ...[null, 1, "1", "1.0.0", "v1.0", "-1.0", "1.0\n", "99999.0", ["1.0"]].map((version): [string, string] => [
      `the version ${JSON.stringify(version)}`,
      changed({ version }),
    ]),
    ...[null, 7, [whole.bucket], { toString: whole.bucket }].map((bucket): [string, string] => [
      `the bucket ${JSON.stringify(bucket)}`,
      changed({ bucket }),
    ]),
    ...[null, [], "0", { ...whole.shard, index: undefined }, { ...whole.shard, last: "true" }].map(
      (shard): [string, string] => [`the shard ${JSON.stringify(shard)}`, changed({ shard })],
    ),
    ...[-1, 0.5, 100_000, 1e308, "0", null, [0]].map((index): [string, string] => [
      `the index ${JSON.stringify(index)}`,
      changed({ shard: { ...whole.shard, index } }),
    ]),
    ["an infinite index", replaced('"index":0', '"index":1e400')],
    ["an index of 300 digits", replaced('"index":0', `"index":${"9".repeat(300)}`)],
    ...[7, false, {}, ["a"]].map((after): [string, string] => [
      `the bound ${JSON.stringify(after)}`,
      changed({ shard: { ...whole.shard, after } }),
    ]),
  ];
  for (const [what, body] of noHeader) add("dead letter", `without a header: ${what}`, body, /has no header/);

  for (const bucket of [
    "",
    "..",
    `${whole.bucket}/../victim`,
    `${whole.bucket} `,
    whole.bucket.toUpperCase(),
    "b".repeat(MEBIBYTE / 2),
  ])
    add(
      "dead letter",
      `for what is no bucket: ${JSON.stringify(bucket).slice(0, 40)}`,
      changed({ bucket }),
      /no bucket that can be/,
    );
  const runInPrefix = `a/${whole.run}/`;
  for (const prefix of [
    ...[
      ".cback/",
      ".cback/runs/",
      `.cback/runs/${whole.run}/`,
      "../",
      "a/../",
      "./",
      "a/./",
      "a//",
      "/",
      "//",
      "a",
      "\ud800/",
    ],
    ...[runInPrefix, `${"p".repeat(900)}/`, "a/".repeat(200_000), `${"/".repeat(500_000)}`],
  ])
    add(
      "dead letter",
      `with a prefix that is none: ${JSON.stringify(prefix).slice(0, 40)}`,
      changed({ prefix }),
      /prefix is no prefix/,
    );
  for (const bound of ["\ud800", "a\udfff", "k".repeat(1_025), "\u0001".repeat(MEBIBYTE / 12)])
    for (const side of ["after", "through"])
      add(
        "dead letter",
        `with a shard that has no key ${side}: ${JSON.stringify(bound).slice(0, 12)}`,
        changed({ shard: { ...whole.shard, [side]: bound } }),
        /begins or ends at what is no key/,
      );

  for (const bucket of ["victim", `${whole.bucket}2`, "b".repeat(63)]) {
    add("foreign", `for the bucket ${bucket}`, changed({ bucket }), /is for bucket/);
    add(
      "foreign",
      `of a newer contract for the bucket ${bucket}`,
      changed({ bucket, version: "2.0" }),
      /is for bucket/,
    );
    add(
      "foreign",
      `with nothing but a header for the bucket ${bucket}`,
      changed({ bucket, manifest: null }),
      /is for bucket/,
    );
  }

  const deep = "[".repeat(200_000) + "]".repeat(200_000);
  const broken: [string, string][] = [
    ...["extras", "repairs", "source", "agentVersion", "manifest"].flatMap((field): [string, string][] => [
      [`without ${field}`, changed({ [field]: undefined })],
      [`with a number for ${field}`, changed({ [field]: 7 })],
      [
        `with 200,000 arrays for ${field}`,
        replaced(new RegExp(`"${field}":("[^"]*"|null|{[^}]*})`), `"${field}":${deep}`),
      ],
    ]),
    ["with extras of another kind", changed({ extras: "__proto__" })],
    ["that repairs no run", changed({ repairs: "../status" })],
    ["of a host with too long a name", changed({ source: { host: "h".repeat(256), directory: "/" } })],
    ["of a host with a name of 300,000 marks", changed({ source: { host: "\u0301".repeat(300_000), directory: "/" } })],
    ["of a directory of a megabyte", changed({ source: { host: "h", directory: "/".repeat(1_000_000) } })],
    ["of an agent of a long version", changed({ agentVersion: "1".repeat(65) })],
    ...[-1, 20_001, 1e9, 1e308, 0.5, "1", null, [1]].map((count): [string, string] => [
      `with the count ${JSON.stringify(count)}`,
      changed({ manifest: { ...whole.manifest, count } }),
    ]),
    ["with an infinite count", replaced(/"count":\d+/, '"count":1e400')],
    ...["", "0", "F".repeat(64), `${"0".repeat(64)}\n`, null].map((digest): [string, string] => [
      `with the digest ${JSON.stringify(digest).slice(0, 12)}`,
      changed({ manifest: { ...whole.manifest, digest } }),
    ]),
    ...[null, 7, ["KLUv"], { length: 1 }].map((body): [string, string] => [
      `with the body ${JSON.stringify(body)}`,
      changed({ manifest: { ...whole.manifest, body } }),
    ]),
  ];
  for (const [what, body] of broken) add("answered", what, body, /does not follow the contract/);
  for (const version of ["2.0", "9999.9999"])
    add(
      "answered",
      `of contract ${version}`,
      changed({ version, manifest: "of another kind" }),
      /deploy the stack again/,
    );
  add("answered", "of contract 0.9", changed({ version: "0.9" }), /upgrade the agent/);

  const ofManifest = (changes: Partial<Message["manifest"]>) =>
    changed({ manifest: { ...whole.manifest, ...changes } });
  const ofLines = (lines: string | Buffer, count = 1, compressed = zstdCompressSync(lines)) =>
    ofManifest({
      count,
      digest: createHash("sha256").update(lines).digest("hex"),
      body: compressed.toString("base64"),
    });
  const line = '["a",1,"e"]\n';
  const packed: [string, string, RegExp][] = [
    ["of no bytes", ofManifest({ body: "" }), DECOMPRESSED],
    ["that is no base64", ofManifest({ body: "%%%%" }), DECOMPRESSED],
    ["that is text", ofManifest({ body: Buffer.from(line).toString("base64") }), DECOMPRESSED],
    ["in gzip", ofLines(line, 1, gzipSync(line)), DECOMPRESSED],
    ["cut off", ofLines(line, 1, zstdCompressSync(line).subarray(0, -2)), DECOMPRESSED],
    ["of another digest", ofManifest({ digest: "0".repeat(64) }), /does not have the digest/],
    ["in two layers", ofLines(line, 1, zstdCompressSync(zstdCompressSync(line))), /does not have the digest/],
    ["in two layers, and their digest", ofLines(zstdCompressSync(line)), /is not UTF-8/],
    ["of a gigabyte of zeros", ofManifest({ body: bombOfZeros() }), DECOMPRESSED],
    ["of 22 GB, in blocks of one byte each", ofManifest({ body: framed(170_000, runBlock(128 * 1024)) }), DECOMPRESSED],
    ["of 170,000 empty blocks", ofManifest({ body: framed(170_000, runBlock(0)) }), DECOMPRESSED],
    [
      "of 13,000 frames of a megabyte",
      ofManifest({ body: frames(13_000, zstdCompressSync(Buffer.alloc(MEBIBYTE))) }),
      DECOMPRESSED,
    ],
    ["that says 8 EB, and has 5 bytes", ofManifest({ body: sized("ffffffffffffff7f") }), DECOMPRESSED],
    ["that says 3 bytes, and has 5", ofManifest({ body: sized("0300000000000000") }), DECOMPRESSED],
    ["that asks for a window of 2 GB", ofManifest({ body: windowed(21) }), DECOMPRESSED],
    ["that skips 4 GB", ofManifest({ body: Buffer.from("502a4d18ffffffff", "hex").toString("base64") }), DECOMPRESSED],
    [
      "that needs a dictionary",
      ofManifest({ body: Buffer.from("28b52ffd013805010000", "hex").toString("base64") }),
      DECOMPRESSED,
    ],
    ["of more entries than it says", ofLines(line.repeat(2), 1), /more entries than its message says \(1\)/],
    ["of fewer entries than it says", ofLines(line, 2), /fewer entries \(1\) than its message says/],
    [
      "of five million entries",
      ofLines('["a"]\n'.repeat(5_000_000), 20_000),
      /more entries than its message says \(20000\)/,
    ],
    ["of no entry, and a line", ofLines(line, 0), /more entries than its message says \(0\)/],
    ["that is not UTF-8", ofLines(Buffer.from('["\xff",1,"e"]\n', "latin1")), /is not UTF-8/],
    ["of halves of surrogate pairs", ofLines('["\\ud800",1,"e"]\n'), /has no path/],
    ["of thirty million brackets", ofLines("[".repeat(30_000_000)), /has no end/],
    ["of thirty million brackets in a line", ofLines(`${"[".repeat(30_000_000)}\n`), /is too long/],
    ["of a line of 16,000 brackets", ofLines(`${"[".repeat(16_000)}${"]".repeat(16_000)}\n`), /has no path/],
    ["of an object", ofLines('{"__proto__":["a",1,"e"]}\n'), /is not an array/],
    ["of an array that is none", ofLines('{"0":"a","1":1,"2":"e","length":3}\n'), /is not an array/],
    ["of an entry without a path", ofLines('["",1,"e"]\n'), /has no path/],
    ["of a path that is an array", ofLines('[["a"],1,"e"]\n'), /has no path/],
    ["of a negative size", ofLines('["a",-1,"e"]\n'), /has no size/],
    ["of a size that no number holds", ofLines('["a",9007199254740993,"e"]\n'), /has no size/],
    ["of an infinite size", ofLines('["a",1e400,"e"]\n'), /has no size/],
    ["of a size in words", ofLines('["a","one","e"]\n'), /has no size/],
    ["of an ETag of 30,000 characters", ofLines(`["a",1,"${"e".repeat(30_000)}"]\n`), /ETag longer than any/],
    ["of a path longer than a key", ofLines(`["${"k".repeat(1_025)}",1,"e"]\n`), /longer than a key/],
    ["of the same path twice", ofLines(line.repeat(2), 2), /not in key order/],
    ["of paths in another order", ofLines('["b",1,"e"]\n["a",1,"e"]\n', 2), /not in key order/],
    ["in the order of UTF-16", ofLines('["\u{1f600}",1,"e"]\n["\ufffd",1,"e"]\n', 2), /not in key order/],
  ];
  for (const [what, body, reason] of packed) add("answered", `with a manifest ${what}`, body, reason);
  const shifted = { ...whole.shard, after: "m" };
  add(
    "answered",
    "with a manifest of entries before its shard",
    JSON.stringify({ ...JSON.parse(ofLines(line)), shard: shifted }),
    /lies outside the shard/,
  );
  if (whole.prefix === "")
    add(
      "answered",
      "with a manifest of the validator's own",
      ofLines('[".cback/status.json",1,"e"]\n'),
      /validator's own prefix/,
    );

  const shards: [string, Partial<Message["shard"]>, RegExp][] = [
    ["begins in the middle", { after: "m" }, /does not begin where/],
    ["is the last and has an end", { through: "m" }, /says wrongly whether it is the last/],
    ["ends before it begins", { after: "z", through: "a" }, /does not begin where/],
    ["is one of which the first is missing", { index: 1, after: "a" }, NEVER],
    ["is the hundred-thousandth and last", { index: 99_999, after: "a" }, NEVER],
    ["has no end, and is not the last", { last: false }, NEVER],
    ["is all of a run that has more", { through: "a", last: false }, NEVER],
  ];
  const nothing = ofLines("", 0);
  for (const [what, shard, reason] of shards)
    add(
      "no verdict",
      `of a shard that ${what}`,
      JSON.stringify({ ...JSON.parse(nothing), shard: { ...whole.shard, ...shard } }),
      reason,
    );
  return messages;
}

const MEBIBYTE = 1024 * 1024;
const DECOMPRESSED = /cannot be decompressed/;
/** No report says why, for there is none. */
const NEVER = /^$/;

/** Frames of zstd by hand (RFC 8878): magic number, descriptor, window, blocks. */
const MAGIC = "28b52ffd";

/** A block that says: so many times this byte. */
function runBlock(bytes: number, isLast = false): Buffer {
  const block = Buffer.alloc(4, "a");
  block.writeUIntLE((isLast ? 1 : 0) | (1 << 1) | (bytes << 3), 0, 3);
  return block;
}

function framed(blocks: number, block: Buffer): string {
  const window = Buffer.from(`${MAGIC}0038`, "hex");
  return Buffer.concat([window, ...Array<Buffer>(blocks).fill(block)]).toString("base64");
}

function frames(count: number, frame: Buffer): string {
  return Buffer.concat(Array<Buffer>(count).fill(frame)).toString("base64");
}

/** A single segment that says how many bytes it has, in eight bytes, and has five. */
function sized(saidBytes: string): string {
  return Buffer.concat([Buffer.from(`${MAGIC}e0${saidBytes}`, "hex"), runBlock(5, true)]).toString("base64");
}

/** @param exponent of the window, above 1 KiB */
function windowed(exponent: number): string {
  const descriptor = Buffer.from([0, exponent << 3]);
  return Buffer.concat([Buffer.from(MAGIC, "hex"), descriptor, runBlock(5, true)]).toString("base64");
}

let zeros: string | undefined;

/** Made once: it takes a second. */
function bombOfZeros(): string {
  zeros ??= zstdCompressSync(Buffer.alloc(1024 * MEBIBYTE)).toString("base64");
  return zeros;
}

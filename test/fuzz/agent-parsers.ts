/** What the agent alone reads: its command line, and the baseline that it kept. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { canonicalArguments } from "#agent/argv.ts";
import { type BaselineItem, lineOf } from "#agent/baseline.ts";
import { BaselineFile } from "#agent/baseline-file.ts";
import {
  BaselineError,
  type Block,
  decodeBlock,
  digestOf,
  encodeBlock,
  encodeHeader,
  encodeIndex,
  encodeTrailer,
} from "#agent/baseline-format.ts";
import { switchRows } from "#agent/command.ts";
import { Failure } from "#agent/errors.ts";
import { type Request, readRequest } from "#agent/options.ts";
import { compareKeys } from "#shared/key.ts";
import { inRange } from "#shared/shard.ts";
import { byBytes, etag, RUN } from "../shared/arbitrary.ts";
import { anyText, damagedBytes, damagedLines, damagedText, sometimes } from "./damage.ts";
import { anyPath, isOf, nasty, parser } from "./parser.ts";

const EVERYTHING = { after: null, through: null };

const SPELLINGS = switchRows().flatMap(({ name, alias }) => [
  `--${name}`,
  ...(alias === undefined ? [] : [`-${alias}`]),
]);
const argument = fc.oneof(
  fc.constantFrom(...SPELLINGS),
  fc.constantFrom(
    "--",
    "-",
    "",
    "---",
    "--=",
    "-=",
    "--no-verbose",
    "--verb",
    "--ver",
    "-bqd",
    "-bl",
    "-lx",
    "--logfile=",
  ),
  fc.tuple(fc.constantFrom(...SPELLINGS), nasty).map(([one, value]) => `${one}=${value}`),
  fc
    .tuple(fc.constantFrom(...SPELLINGS), damagedText(["=", "-", "--", "é", "\u0000"]))
    .map(([one, damage]) => damage(one)),
  fc.constantFrom(
    "s3://bucket",
    "s3://bucket/p/",
    "/home/me",
    ".",
    "90s",
    "640",
    "root:adm",
    "25%",
    "1e9",
    "0x10",
    "1".repeat(400),
  ),
  fc.constantFrom(
    "https://sqs.eu-west-1.amazonaws.com/1/q",
    "https://u:p@h/q",
    "http://[::1]/q",
    "https:u@h/q",
    "https://h/",
  ),
  nasty,
  anyText,
);
/** As they are meant. */
const switches = fc.constantFrom(
  ...[["-b"], ["-qd"], ["-v"], ["-u"], ["-w"], ["-l", "x"], ["-lx"], ["--logfile=a=b"], ["-o", "root:adm"], ["-m640"]],
  ...[
    ["--timeout", "90s"],
    ["--timeout=1.5h"],
    ["--timeout", "337h"],
    ["--max-delete=25%"],
    ["--max-delete", "9"],
    ["--require-file", "a/b"],
  ],
  ...[["--queue", "https://sqs.eu-west-1.amazonaws.com/1/q"], ["--allow-empty-source"], ["--one-file-system"], ["-h"]],
);
const commandLine = fc.record(
  {
    argv: fc
      .array(
        fc.oneof(
          { arbitrary: switches, weight: 6 },
          argument.map((one) => [one]),
        ),
        { maxLength: 6 },
      )
      .map((groups) => groups.flat())
      .chain((argv) =>
        fc.constantFrom(argv, [...argv, "/home/me", "s3://bucket/p"], ["/home/me", "s3://bucket/p", ...argv]),
      ),
    environment: fc.record(
      {
        CBACK_QUEUE_URL: fc.oneof({ arbitrary: fc.constant(""), weight: 6 }, argument),
        CBACK_TEST_SHARD_ENTRIES: fc.oneof({ arbitrary: fc.constant("5"), weight: 6 }, argument),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
  },
  { noNullPrototype: true },
);

const SUBJECT = { endpoint: "https://s3.example", bucket: "data", prefix: "p/", directory: "/home/me\n" };
const baselineItem: fc.Arbitrary<BaselineItem> = fc.oneof(
  fc.record(
    {
      path: anyPath,
      sizeBytes: fc.maxSafeNat(),
      etag,
      modifiedMs: fc.double({ noNaN: true, noDefaultInfinity: true }),
      changedMs: fc.constantFrom(1.5, Number.NaN),
      inode: fc.maxSafeNat(),
    },
    { noNullPrototype: true },
  ),
  anyPath.map((path) => ({ path, gone: true as const })),
  anyPath.map((path) => ({ path, unknown: true as const })),
);

interface ReadBaseline {
  readonly mountPoint: string | undefined;
  readonly items: readonly BaselineItem[];
}

function baselineBytes({ mountPoint, items }: ReadBaseline): Buffer {
  const head = encodeHeader(SUBJECT, { run: RUN, mountPoint });
  const block = encodeBlock(items.map(lineOf));
  return baselineOf(head, [{ range: EVERYTHING, bytes: block }]);
}

function baselineOf(
  head: Buffer,
  pieces: readonly { range: Pick<Block, "after" | "through">; bytes: Buffer }[],
  damageIndex: (index: string) => string = (index) => index,
): Buffer {
  let offset = head.length;
  const blocks = pieces.map(({ range, bytes }): Block => {
    const block = {
      ...range,
      covered: true,
      deletions: "none" as const,
      offset,
      bytes: bytes.length,
      digest: digestOf(bytes),
    };
    offset += bytes.length;
    return block;
  });
  const index = Buffer.from(damageIndex(encodeIndex(blocks).toString()));
  return Buffer.concat([head, ...pieces.map(({ bytes }) => bytes), index, encodeTrailer(head, index, offset)]);
}

/** Damaged before its digests are made, so that they fit, or behind them. */
const baseline: fc.Arbitrary<Buffer> = fc
  .record({
    items: fc.array(baselineItem, { maxLength: 12 }),
    mountPoint: fc.option(anyPath, { nil: undefined }),
    isSorted: fc.constantFrom(true, true, true, true, true, true, true, false),
    lines: sometimes(
      damagedLines(['["a",null]\n', '["b"]\n', "null\n", "\n", '["c",1,"e",1,1,1,1]\n', '["d",1,"e",1e400,1,1]\n']),
    ),
    block: sometimes(damagedBytes),
    head: sometimes(damagedText(['"', "{", "}", "\n", "1", "\u0000"])),
    index: sometimes(damagedText(['"', "{", "}", "null", "9", "-", "."])),
    whole: sometimes(damagedBytes),
    isCut: fc.boolean(),
  })
  .map(({ items, mountPoint, isSorted, lines, block, head, index, whole, isCut }) => {
    const unique = [...new Map(items.map((item) => [item.path, item])).values()];
    const ordered = isSorted ? unique.sort((left, right) => compareKeys(left.path, right.path)) : unique;
    const middle = isCut ? (ordered[Math.floor(ordered.length / 2)]?.path ?? null) : null;
    const ranges =
      middle === null
        ? [EVERYTHING]
        : [
            { after: null, through: middle },
            { after: middle, through: null },
          ];
    const pieces = ranges.map((range) => {
      const whole = ordered.filter(({ path }) => inRange(range, path)).map(lineOf);
      const bytes = zstdCompressSync((lines?.(whole) ?? whole).join(""));
      return { range, bytes: block?.(bytes) ?? bytes };
    });
    const encoded = encodeHeader(SUBJECT, { run: RUN, mountPoint });
    const bytes = baselineOf(head === undefined ? encoded : Buffer.from(head(encoded.toString())), pieces, index);
    return whole?.(bytes) ?? bytes;
  });

let scratch: string | undefined;

/** Of this process; gone when that ends. */
function scratchFolder(): string {
  if (scratch === undefined) {
    const folder = mkdtempSync(join(tmpdir(), "cback-fuzz-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
    scratch = folder;
  }
  return scratch;
}

/** A damaged block is told, and all the others are read. */
async function readBaseline(bytes: Buffer): Promise<ReadBaseline> {
  const path = join(scratchFolder(), "baseline");
  writeFileSync(path, bytes);
  const file = await BaselineFile.open(path, SUBJECT, () => {});
  try {
    for (const block of file.blocks) {
      try {
        decodeBlock(await file.read(block), block);
      } catch (error) {
        assert.ok(error instanceof BaselineError, String(error));
      }
    }
    const items = (await Array.fromAsync(file.items())).flat();
    return { mountPoint: file.mountPoint, items };
  } finally {
    await file.close();
  }
}

export const AGENT_PARSERS = [
  parser("command line", {
    inputs: commandLine,
    read: ({ argv, environment }): { argv: string[]; environment: typeof environment; request: Request } => ({
      ...{ argv: canonicalArguments(argv), environment, request: readRequest(argv, environment) },
    }),
    holds: ({ request }) => {
      if (request.kind !== "run") return;
      const { sourceDir, timeoutMs, shardEntries = 1, maxDelete, requireFile = "x", log, queueUrl } = request.options;
      assert.ok(sourceDir !== "" && !sourceDir.startsWith("s3://") && log.logfile !== "" && requireFile !== "");
      assert.ok(timeoutMs > 0 && timeoutMs <= 14 * 86_400_000 && log.mode >= 0 && log.mode <= 0o7777);
      assert.ok(Number.isInteger(shardEntries) && shardEntries >= 1 && shardEntries <= 20_000);
      assert.ok(maxDelete === undefined || (Number.isSafeInteger(maxDelete.most) && maxDelete.most >= 0));
      assert.ok(queueUrl === undefined || new URL(queueUrl).username + new URL(queueUrl).password === "");
    },
    // What was understood, in its one spelling, is understood as the same.
    write: (read) => read as Omit<typeof read, "request">,
    refuses: (error) => error instanceof Failure && error.outcome === "arguments",
  }),
  parser("baseline", {
    inputs: fc.oneof(
      { arbitrary: baseline, weight: 6 },
      fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
    ),
    read: readBaseline,
    holds: ({ items }) => {
      const paths = items.map((item) => item.path);
      assert.deepEqual(paths, [...new Set(paths)].sort(byBytes));
    },
    write: baselineBytes,
    refuses: isOf(BaselineError),
  }),
];

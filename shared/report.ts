/**
 * What the validator writes of a run: a part for each shard, and one report.
 *
 * A report is made from its parts alone: whoever writes it, and however often, writes the same bytes.
 */
import { createHash } from "node:crypto";
import { type Static, Type } from "typebox";
import { CheckSchema, ShardRangeSchema, SourceSchema } from "#shared/message.ts";
import { REPORTS_PREFIX, RUNS_PREFIX } from "#shared/names.ts";
import { RUN_PATTERN } from "#shared/run-id.ts";
import { tilingFault } from "#shared/shard.ts";
import { decodeVersioned, Version, type Writer } from "#shared/versioned.ts";

const Count = Type.Integer({ minimum: 0 });
const Digest = Type.String({ pattern: "^[0-9a-f]{64}$" });
export const Time = Type.String({ description: "UTC, ISO 8601" });
const Skew = Type.Boolean({ description: "whether there is an error because agent and validator do not fit together" });

const FindingSchema = Type.Object(
  {
    kind: Type.Union([
      Type.Literal("missing"),
      Type.Literal("size-differs"),
      Type.Literal("etag-differs"),
      Type.Literal("unexpected"),
    ]),
    path: Type.String({ description: "what follows the prefix in the key" }),
    expected: Type.Optional(
      Type.Object({ sizeBytes: Count, etag: Type.String() }, { description: "as the manifest says" }),
    ),
    actual: Type.Optional(
      Type.Object({ sizeBytes: Count, etag: Type.String(), modified: Time }, { description: "as the listing says" }),
    ),
  },
  { description: "a difference between manifest and bucket" },
);

const TotalsSchema = Type.Object({
  entries: Type.Integer({ minimum: 0, description: "entries in the manifest, unknown ones included" }),
  unknown: Type.Integer({ minimum: 0, description: "entries that the agent could not read; not compared" }),
  matched: Type.Integer({ minimum: 0, description: "objects that are as the manifest says" }),
  matchedBytes: Count,
  missing: Count,
  sizeDiffers: Count,
  etagDiffers: Count,
  unexpected: Count,
  unexpectedAtLeast: Type.Boolean({ description: "whether counting the unexpected objects was given up" }),
});

export const PartSchema = Type.Object(
  {
    version: Version,
    run: Type.String({ pattern: RUN_PATTERN }),
    bucket: Type.String(),
    prefix: Type.String(),
    shard: ShardRangeSchema,
    error: Type.Union([Type.String(), Type.Null()], { description: "why this shard has no verdict" }),
    skew: Type.Optional(Skew),
    extras: Type.Union([Type.Literal("mismatch"), Type.Literal("listed")]),
    repairs: Type.Union([Type.String(), Type.Null()]),
    check: CheckSchema,
    source: SourceSchema,
    agentVersion: Type.String(),
    validatorVersion: Type.String(),
    senderId: Type.String({ description: "who sent the message, as SQS says" }),
    manifestDigest: Type.Union([Digest, Type.Null()]),
    totals: TotalsSchema,
    findings: Type.Array(FindingSchema, { description: "the first of the shard, in key order" }),
    findingsObject: Type.Union([Type.String(), Type.Null()], { description: "key of an object with all of them" }),
    listedFrom: Time,
    listedThrough: Time,
  },
  { title: "Part: what the validator found in one shard", $id: "part.schema.json" },
);

export const ReportSchema = Type.Object(
  {
    version: Version,
    run: Type.String({ pattern: RUN_PATTERN }),
    bucket: Type.String(),
    prefix: Type.String(),
    verdict: Type.Union([Type.Literal("match"), Type.Literal("mismatch"), Type.Literal("error")], {
      description: "error: at least one shard could not be checked",
    }),
    totals: TotalsSchema,
    findings: Type.Array(FindingSchema, { description: "the first 1,000, in key order" }),
    findingsObjects: Type.Array(Type.String(), { description: "keys of the objects that hold all of them, as NDJSON" }),
    errors: Type.Array(Type.Object({ shard: Count, reason: Type.String() })),
    skew: Type.Optional(Skew),
    shards: Count,
    digest: Type.String({ pattern: "^[0-9a-f]{64}$", description: "of the run: SHA-256 over its manifests' digests" }),
    extras: Type.Union([Type.Literal("mismatch"), Type.Literal("listed")]),
    repairs: Type.Union([Type.String(), Type.Null()]),
    check: CheckSchema,
    source: SourceSchema,
    agentVersion: Type.String(),
    validatorVersion: Type.String(),
    senderIds: Type.Array(Type.String(), { description: "who sent the messages, as SQS says" }),
    listedFrom: Type.String({ description: "when the first listing began: what changed later may not be in here" }),
    listedThrough: Type.String({ description: "when the last listing ended" }),
  },
  { title: "Report: the verdict of a run", $id: "report.schema.json" },
);

export type Finding = Static<typeof FindingSchema>;
export type Totals = Static<typeof TotalsSchema>;
export type Part = Static<typeof PartSchema>;
export type Report = Static<typeof ReportSchema>;
export type Verdict = Report["verdict"];

/** How many findings a part or a report holds itself. */
export const MAX_INLINE_FINDINGS = 1_000;

export const NO_TOTALS: Totals = {
  entries: 0,
  unknown: 0,
  matched: 0,
  matchedBytes: 0,
  missing: 0,
  sizeDiffers: 0,
  etagDiffers: 0,
  unexpected: 0,
  unexpectedAtLeast: false,
};

/** Key of a run's report. */
export function reportKey(keyPrefix: string, run: string): string {
  return `${REPORTS_PREFIX}${keyPrefix}${run}.json`;
}

/** Key prefix of a run's parts. */
export function partsPrefix(keyPrefix: string, run: string): string {
  return `${RUNS_PREFIX}${keyPrefix}${run}/`;
}

/**
 * Key of a shard's part. The last shard's says so: a listing of the parts alone tells whether all are there.
 */
export function partKey(keyPrefix: string, run: string, shard: { index: number; last: boolean }): string {
  return `${partsPrefix(keyPrefix, run)}part-${String(shard.index).padStart(5, "0")}${shard.last ? "-last" : ""}.json`;
}

/** Key of the object with all findings of a shard, one JSON finding a line. */
export function findingsKey(keyPrefix: string, run: string, shard: { index: number }): string {
  return `${partsPrefix(keyPrefix, run)}findings-${String(shard.index).padStart(5, "0")}.ndjson`;
}

/** Whether the keys below a run's parts prefix name every part from the first to the last. */
export function allPartsThere(keys: readonly string[]): boolean {
  const indexes = new Set<number>();
  let shards: number | undefined;
  for (const key of keys) {
    const match = /\/part-(\d{5,})(-last)?\.json$/.exec(key);
    if (match === null) continue;
    indexes.add(Number(match[1]));
    if (match[2] !== undefined) shards = Number(match[1]) + 1;
  }
  return shards !== undefined && indexes.size === shards;
}

/** Digest of a run, from the digests of its manifests in the order of their shards; null for one that was not readable. */
export function runDigest(manifestDigests: readonly (string | null)[]): string {
  const hash = createHash("sha256");
  for (const digest of manifestDigests) hash.update(`${digest ?? "unreadable"}\n`);
  return hash.digest("hex");
}

/**
 * The report of a run.
 *
 * @param parts all parts of the run, in the order of their shards
 */
export function assembleReport(parts: readonly Part[]): Report {
  const first = parts[0];
  if (first === undefined) throw new RangeError("a report needs at least one part");
  const totals = { ...NO_TOTALS };
  const findings: Finding[] = [];
  const errors: Report["errors"] = [];
  for (const part of parts) {
    addTotals(totals, part.totals);
    findings.push(...part.findings.slice(0, MAX_INLINE_FINDINGS - findings.length));
    if (part.error !== null) errors.push({ shard: part.shard.index, reason: part.error });
  }
  const fault = tilingFault(parts.map((part) => part.shard));
  if (fault !== undefined) errors.push({ shard: 0, reason: `the shards do not cover the target: ${fault}` });
  // A part whose message was not readable knows nothing of the run but its header.
  const readableParts = parts.filter((part) => part.manifestDigest !== null);
  const told = readableParts[0] ?? first;
  const fits = ({ extras, repairs, check = false }: Part) =>
    extras === told.extras && repairs === told.repairs && check === (told.check ?? false);
  if (!readableParts.every(fits)) errors.push({ shard: 0, reason: "the messages of the run contradict each other" });
  const differences =
    totals.missing + totals.sizeDiffers + totals.etagDiffers + (told.extras === "mismatch" ? totals.unexpected : 0);
  return {
    // All parts answer messages of one agent.
    version: first.version,
    run: first.run,
    bucket: first.bucket,
    prefix: first.prefix,
    verdict: errors.length > 0 ? "error" : differences > 0 ? "mismatch" : "match",
    totals,
    findings,
    findingsObjects: parts.flatMap((part) => part.findingsObject ?? []),
    errors,
    ...(parts.some((part) => part.skew) ? { skew: true } : {}),
    shards: parts.length,
    digest: runDigest(parts.map((part) => part.manifestDigest)),
    extras: told.extras,
    repairs: told.repairs,
    ...(told.check ? { check: true } : {}),
    source: told.source,
    agentVersion: told.agentVersion,
    validatorVersion: first.validatorVersion,
    senderIds: [...new Set(parts.map((part) => part.senderId))].sort(),
    listedFrom: parts.map((part) => part.listedFrom).sort()[0] ?? first.listedFrom,
    listedThrough:
      parts
        .map((part) => part.listedThrough)
        .sort()
        .at(-1) ?? first.listedThrough,
  };
}

/**
 * The report of a run that is given up for one of its shards, whatever became of the others.
 *
 * @param part an error part
 */
export function errorReport(part: Part): Report {
  const reason = part.error ?? "it could not be checked";
  // That the shards do not cover the target would only hide why.
  return { ...assembleReport([part]), verdict: "error", errors: [{ shard: part.shard.index, reason }] };
}

function addTotals(sum: Totals, part: Totals): void {
  sum.entries += part.entries;
  sum.unknown += part.unknown;
  sum.matched += part.matched;
  sum.matchedBytes += part.matchedBytes;
  sum.missing += part.missing;
  sum.sizeDiffers += part.sizeDiffers;
  sum.etagDiffers += part.etagDiffers;
  sum.unexpected += part.unexpected;
  sum.unexpectedAtLeast ||= part.unexpectedAtLeast;
}

/**
 * @param writer "self" where only this side can have written it, be it in the version of an agent no longer served
 * @throws {ReportError} when the text is not a report that this side can read
 */
export function decodeReport(text: string, writer: Writer = "other"): Report {
  return decodeVersioned(ReportSchema, text, "report", writer);
}

/** Parts are between validators. @throws {ReportError} when the text is not a part that this side can read */
export function decodePart(text: string): Part {
  return decodeVersioned(PartSchema, text, "part", "self");
}

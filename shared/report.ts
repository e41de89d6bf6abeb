/**
 * What the validator writes: a part for each shard, one report for the run, one status for the target.
 *
 * A report is made from its parts alone: whoever writes it, and however often, writes the same bytes.
 */
import { createHash } from "node:crypto";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { CheckSchema, ShardRangeSchema, SourceSchema } from "#shared/message.ts";
import { REPORTS_PREFIX, RUNS_PREFIX, STATUS_PREFIX } from "#shared/names.ts";
import { RUN_PATTERN, runStartedMs } from "#shared/run-id.ts";
import { safeJson } from "#shared/safe-json.ts";
import { tilingFault } from "#shared/shard.ts";
import { CONTRACT_VERSION, readable, VERSION_PATTERN } from "#shared/version.ts";

const Version = Type.String({ pattern: VERSION_PATTERN, description: "contract version that it is written in" });
const VersionedSchema = Type.Object({ version: Version });
const Count = Type.Integer({ minimum: 0 });
const Digest = Type.String({ pattern: "^[0-9a-f]{64}$" });
const Time = Type.String({ description: "UTC, ISO 8601" });
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

const RunNoteSchema = Type.Object({
  run: Type.String({ pattern: RUN_PATTERN }),
  verdict: ReportSchema.properties.verdict,
  report: Type.String({ description: "key of the report" }),
  unknown: Type.Integer({
    minimum: 0,
    description: "entries that the agent could not read; nothing is proven of them",
  }),
  check: CheckSchema,
  source: SourceSchema,
  senderIds: Type.Array(Type.String()),
  listedFrom: Time,
  listedThrough: Time,
});

export const StatusSchema = Type.Object(
  {
    version: Version,
    bucket: Type.String(),
    prefix: Type.String(),
    latest: RunNoteSchema,
    latestMatch: Type.Union([RunNoteSchema, Type.Null()]),
    latestSync: Type.Optional(
      Type.Object(RunNoteSchema.properties, {
        description: "where the latest run is a check: the latest one that was none, if there was one",
      }),
    ),
  },
  { title: "Status: the last verdicts for a target", $id: "status.schema.json" },
);

export type Finding = Static<typeof FindingSchema>;
export type Totals = Static<typeof TotalsSchema>;
export type Part = Static<typeof PartSchema>;
export type Report = Static<typeof ReportSchema>;
export type Verdict = Report["verdict"];
export type RunNote = Static<typeof RunNoteSchema>;
export type Status = Static<typeof StatusSchema>;

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

/** How far a host's clock may be ahead of the validator's; AWS refuses requests that are further off. */
const MAX_CLOCK_LEAD_MS = 15 * 60_000;

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

/** Key of a target's status. */
export function statusKey(keyPrefix: string): string {
  return keyPrefix === "" ? `${STATUS_PREFIX}.json` : `${STATUS_PREFIX}/${keyPrefix.slice(0, -1)}.json`;
}

/** The key prefix that a status is about, by its key; undefined when the key is no status's. */
export function statusPrefix(key: string): string | undefined {
  if (key === statusKey("")) return "";
  const named = key.startsWith(`${STATUS_PREFIX}/`) && key.endsWith(".json");
  const name = named ? key.slice(STATUS_PREFIX.length + 1, -".json".length) : "";
  return name === "" ? undefined : `${name}/`;
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
 * The status after a report, or undefined when it stays as it is: an older run never overwrites a newer verdict, and
 * one from the future, or of no time at all, which none could ever follow, is not taken.
 */
export function nextStatus(status: Status | undefined, report: Report): Status | undefined {
  // Said this way round because a time that there is not, such as month 99, compares with none.
  const isPast = runStartedMs(report.run) <= Date.parse(report.listedThrough) + MAX_CLOCK_LEAD_MS;
  if (!isPast) return undefined;
  const note: RunNote = {
    run: report.run,
    verdict: report.verdict,
    report: reportKey(report.prefix, report.run),
    unknown: report.totals.unknown,
    ...(report.check ? { check: true } : {}),
    source: report.source,
    senderIds: report.senderIds,
    listedFrom: report.listedFrom,
    listedThrough: report.listedThrough,
  };
  const oldSync = status && latestSync(status);
  const oldMatch = status?.latestMatch ?? undefined;
  const latest = newer(status?.latest, note);
  const sync = note.check ? oldSync : newer(oldSync, note);
  const match = note.verdict === "match" ? newer(oldMatch, note) : oldMatch;
  if (status !== undefined && latest === status.latest && match === oldMatch && sync === oldSync) return undefined;
  return {
    version: CONTRACT_VERSION,
    bucket: report.bucket,
    prefix: report.prefix,
    latest,
    latestMatch: match ?? null,
    ...(latest.check && sync !== undefined ? { latestSync: sync } : {}),
  };
}

function newer(old: RunNote | undefined, note: RunNote): RunNote {
  return old !== undefined && old.run >= note.run ? old : note;
}

/** The latest run that may have sent and deleted; undefined where there were only checks. */
export function latestSync({ latest, latestSync }: Status): RunNote | undefined {
  return latest.check ? latestSync : latest;
}

/** A report, part or status that is damaged, or of a version that this side does not read; the message says which. */
export class ReportError extends Error {
  override readonly name = "ReportError";
  /** Whether the two sides' versions do not fit, and not the object itself. */
  readonly skew: boolean;
  constructor(reason: string, skew = false, options?: ErrorOptions) {
    super(reason, options);
    this.skew = skew;
  }
}

export function encodeReport(value: Report | Part | Status): string {
  return `${safeJson(value, 2)}\n`;
}

/**
 * @param writer "self" where only this side can have written it, be it in the version of an agent no longer served
 * @throws {ReportError} when the text is not a report that this side can read
 */
export function decodeReport(text: string, writer: Writer = "other"): Report {
  const value = parse(text, "report", writer);
  if (!Value.Check(ReportSchema, value)) throw new ReportError("the report does not follow the contract");
  return Value.Clean(ReportSchema, value) as Report;
}

/** Parts are between validators. @throws {ReportError} when the text is not a part that this side can read */
export function decodePart(text: string): Part {
  const value = parse(text, "part", "self");
  if (!Value.Check(PartSchema, value)) throw new ReportError("the part does not follow the contract");
  return Value.Clean(PartSchema, value) as Part;
}

/** @throws {ReportError} when the text is not a status that this side can read */
export function decodeStatus(text: string): Status {
  const value = parse(text, "status", "other");
  if (!Value.Check(StatusSchema, value)) throw new ReportError("the status does not follow the contract");
  return Value.Clean(StatusSchema, value) as Status;
}

type Writer = "self" | "other";

/** Whoever reads further drops the fields that it does not know, which may be of any depth and size. */
function parse(text: string, what: string, writer: Writer): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ReportError(`the ${what} is not JSON`, false, { cause });
  }
  if (!Value.Check(VersionedSchema, value)) throw new ReportError(`the ${what} names no contract version`);
  const fit = readable(value.version);
  if (fit === "writer-newer")
    throw new ReportError(
      `the ${what} is of contract ${value.version}, this side reads only ${CONTRACT_VERSION}: upgrade this side`,
      true,
    );
  if (fit === "writer-older" && writer === "other")
    throw new ReportError(
      `the ${what} is of contract ${value.version}, which this side (${CONTRACT_VERSION}) no longer reads: upgrade the side that wrote it`,
      true,
    );
  return value;
}

/** What the validator keeps of a target: its status, the last verdicts for it. */
import { type Static, Type } from "typebox";
import { CheckSchema, SourceSchema } from "#shared/message.ts";
import { STATUS_PREFIX } from "#shared/names.ts";
import { type Report, ReportSchema, reportKey, Time } from "#shared/report.ts";
import { RUN_PATTERN, runStartedMs } from "#shared/run-id.ts";
import { CONTRACT_VERSION } from "#shared/version.ts";
import { decodeVersioned, Version } from "#shared/versioned.ts";

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

export type RunNote = Static<typeof RunNoteSchema>;
export type Status = Static<typeof StatusSchema>;

/** How far a host's clock may be ahead of the validator's; AWS refuses requests that are further off. */
const MAX_CLOCK_LEAD_MS = 15 * 60_000;

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

/** @throws {ReportError} when the text is not a status that this side can read */
export function decodeStatus(text: string): Status {
  return decodeVersioned(StatusSchema, text, "status", "other");
}

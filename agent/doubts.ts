/**
 * What makes objects doubtful where no baseline knows them: the validator's status, and its findings. The status, which
 * any host of the bucket can bring about, proves nothing; it only makes more be compared. Pure.
 */
import type { Finding, Report } from "#shared/report.ts";
import type { Status } from "#shared/status.ts";
import { isSameSource } from "./last-run.ts";
import type { Doubts } from "./plan.ts";

interface Doubtful {
  readonly source: Report["source"];
  /** Undefined: there is none. */
  readonly status: Status | undefined;
  /** What the pass before found, if this one repairs it. */
  readonly report: Report | undefined;
  readonly checksum: boolean;
}

export function findDoubts({ source, status, report, checksum }: Doubtful): Doubts {
  const match = status?.latestMatch ?? undefined;
  const ofThisSource = match !== undefined && isSameSource(match.source, source);
  const matchMs = ofThisSource ? Date.parse(match.listedFrom) : Number.NEGATIVE_INFINITY;
  return {
    // What is there may be of the other source, with files of the same size: all of it is in doubt.
    objectsSinceMs: match === undefined ? undefined : matchMs,
    suspects: report === undefined ? () => false : suspectsOf(report),
    checksum,
  };
}

/** What a report says is to be mended, or undefined when it does not name all of it. */
export function correctionsOf(report: Report | undefined): Finding[] | undefined {
  if (report === undefined) return undefined;
  const { findings, totals } = report;
  const found = totals.missing + totals.sizeDiffers + totals.etagDiffers + totals.unexpected;
  return findings.length === found && !totals.unexpectedAtLeast ? findings : undefined;
}

/** The paths whose objects are not as they were sent; all of them, when the report does not name each. */
function suspectsOf(report: Report): Doubts["suspects"] {
  const corrections = correctionsOf(report);
  if (corrections === undefined) return () => true;
  const paths = new Set(corrections.map(({ path }) => path));
  return (path) => paths.has(path);
}

/**
 * What makes objects doubtful where no baseline knows them: the validator's status, and its findings. The status, which
 * any host of the bucket can bring about, proves nothing; it only makes more be compared.
 */
import { decodeStatus, type Finding, type Report, type Status, statusKey } from "#shared/report.ts";
import type { Target } from "#shared/target.ts";
import { Failure } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Doubts } from "./plan.ts";
import type { Bucket } from "./ports.ts";

interface Doubtful {
  readonly target: Target;
  readonly source: Report["source"];
  /** What the pass before found, if this one repairs it. */
  readonly report: Report | undefined;
  readonly checksum: boolean;
}

export async function findDoubts(
  { target, source, report, checksum }: Doubtful,
  bucket: Bucket,
  log: Pick<Log, "debug">,
): Promise<Doubts> {
  const match = (await readStatus(target, bucket, log))?.latestMatch ?? undefined;
  const ofThisSource = match?.source.host === source.host && match.source.directory === source.directory;
  const matchMs = ofThisSource ? Date.parse(match.listedFrom) : Number.NEGATIVE_INFINITY;
  return {
    // What is there may be of the other source, with files of the same size: all of it is in doubt.
    objectsSinceMs: match === undefined ? undefined : matchMs,
    suspects: report === undefined ? () => false : suspectsOf(report),
    checksum,
  };
}

/** The status that the validator keeps; a lost or unreadable one only costs comparisons. */
async function readStatus({ keyPrefix }: Target, bucket: Bucket, log: Pick<Log, "debug">): Promise<Status | undefined> {
  try {
    const text = await bucket.read(statusKey(keyPrefix));
    return text === undefined ? undefined : decodeStatus(text);
  } catch (error) {
    if (error instanceof Failure && !error.reason.startsWith("access denied")) throw error;
    log.debug(`No status to start from: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
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

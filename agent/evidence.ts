/**
 * What a run knows before it looks: the host's own proof, and what the bucket's status says. Only the own proof makes
 * anything proven; the status, which any host of the bucket can bring about, makes objects doubtful and nothing more.
 */
import { decodeStatus, type Report, type Status, statusKey } from "#shared/report.ts";
import type { Target } from "#shared/target.ts";
import { Failure } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Evidence } from "./plan.ts";
import type { Ports, Proof } from "./ports.ts";

export interface Known {
  readonly evidence: Evidence;
  /** When the last run of this source that matched was checked; only for telling what was a repair. */
  readonly driftSinceMs: number | undefined;
}

type EvidencePorts = Pick<Ports, "bucket" | "proofs">;

export async function findEvidence(
  target: Target,
  source: Report["source"],
  { bucket, proofs }: EvidencePorts,
  log: Pick<Log, "debug">,
): Promise<Known> {
  const proof = await proofs.read({ bucket: target.bucket, prefix: target.keyPrefix, directory: source.directory });
  const match = (await readStatus(target, bucket, log))?.latestMatch ?? undefined;
  const matchMs = match === undefined ? undefined : Date.parse(match.listedFrom);
  const ofThisSource = match?.source.host === source.host && match.source.directory === source.directory;
  return {
    evidence: {
      // What is there may be of the other source, with files of the same size: all of it is in doubt.
      objectsProvenMs: proof?.objectsMs ?? (match === undefined || ofThisSource ? matchMs : Number.NEGATIVE_INFINITY),
      filesProvenMs: proof?.filesMs,
      suspects: () => false,
    },
    driftSinceMs: proof?.objectsMs ?? (ofThisSource && match.unknown === 0 ? matchMs : undefined),
  };
}

/** The status that the validator keeps; a lost or unreadable one only costs comparisons. */
async function readStatus(
  { keyPrefix }: Target,
  bucket: EvidencePorts["bucket"],
  log: Pick<Log, "debug">,
): Promise<Status | undefined> {
  try {
    const text = await bucket.read(statusKey(keyPrefix));
    return text === undefined ? undefined : decodeStatus(text);
  } catch (error) {
    if (error instanceof Failure && !error.reason.startsWith("access denied")) throw error;
    log.debug(`No status to start from: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/**
 * What a report proves, or undefined: only a match that left nothing out proves anything for later runs.
 *
 * Of the two clocks the earlier one counts for files. A host whose clock was ahead, and was set right since, would
 * otherwise take later changes for older ones.
 *
 * @param startedMs when the run that it is about began, by the host's clock
 */
export function proofOf(report: Report, startedMs: number): Proof | undefined {
  if (report.verdict !== "match" || report.totals.unknown > 0) return undefined;
  const objectsMs = Date.parse(report.listedFrom);
  return { objectsMs, filesMs: Math.min(startedMs, objectsMs) };
}

/** What a report adds: the paths whose objects are not as they were sent; all of them, when it does not name each. */
export function suspectsOf({ findings, totals }: Report): Evidence["suspects"] {
  const found = totals.missing + totals.sizeDiffers + totals.etagDiffers + totals.unexpected;
  if (findings.length < found) return () => true;
  const paths = new Set(findings.map(({ path }) => path));
  return (path) => paths.has(path);
}

/** Waits for the report of a run, and believes only the one that is about this run and these manifests. */
import { decodeReport, type Report, reportKey } from "#shared/report.ts";
import type { Target } from "#shared/target.ts";
import { ReportError } from "#shared/versioned.ts";
import { isMissingBucket } from "./aws-errors.ts";
import { Failure } from "./errors.ts";
import type { Ports } from "./ports.ts";

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;
/** The wait after the report is there is a tenth of the whole on average, and a fifth at most. */
const DELAY_GROWTH = 1.2;
/** The last poll is no mere formality. */
const LEAST_READ_MS = 1_000;

export interface AwaitedReport {
  readonly target: Target;
  readonly run: string;
  /** Digest of the run's manifests. */
  readonly digest: string;
  readonly shardCount: number;
  readonly mode: "sync" | "upload-only" | "verify-only";
  readonly timeoutMs: number;
  /** Throws when the run was interrupted. */
  readonly check: () => void;
}

/** @throws {Failure} when no report comes in time, or one that cannot be believed */
export async function awaitReport(
  { timeoutMs, check, ...awaited }: AwaitedReport,
  { bucket, clock, diagnose }: Pick<Ports, "bucket" | "clock" | "diagnose">,
): Promise<Report> {
  const { target, run } = awaited;
  const key = reportKey(target.keyPrefix, run);
  const subject = `s3://${target.bucket}/${key}`;
  const endMs = clock.monotonicMs() + timeoutMs;
  let lastFailure: Failure | undefined;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * DELAY_GROWTH, LONGEST_DELAY_MS)) {
    check();
    try {
      const text = await bucket.read(key, Math.max(endMs - clock.monotonicMs(), LEAST_READ_MS));
      // Who ends a run is told that it ended, also when the report came in the same moment.
      check();
      if (text !== undefined) return checked(decodeReport(text), subject, awaited);
      lastFailure = undefined;
    } catch (error) {
      if (error instanceof ReportError) throw unreadable(error, subject);
      // A server that fails now may answer at the next poll; a permission or a bucket that is missing will not come.
      if (!(error instanceof Failure) || error.outcome !== "failed" || isMissingBucket(error)) throw error;
      lastFailure = error;
    }
    const leftMs = endMs - clock.monotonicMs();
    if (leftMs <= 0) break;
    await clock.sleep(Math.min(delayMs, leftMs));
  }
  check();
  const found = await diagnose();
  throw new Failure({
    outcome: "no-verdict",
    operation: "read the report",
    subject,
    reason: lastFailure?.reason ?? `there is none after ${inWords(timeoutMs)}`,
    hint: [
      "What was uploaded is in the bucket, but nobody has checked it. What is to be seen from here:",
      ...found.map((line) => `  ${line}`),
      "When the validator works again, --verifyOnly repeats the check; --timeout waits longer.",
    ].join("\n"),
    cause: lastFailure,
  });
}

function checked(
  report: Report,
  subject: string,
  { target, run, digest, shardCount, mode }: Omit<AwaitedReport, "timeoutMs" | "check">,
): Report {
  const ours = report.run === run && report.bucket === target.bucket && report.prefix === target.keyPrefix;
  // Without a verdict there is nothing to believe, and a manifest that nobody could read has no digest.
  const extras = mode === "upload-only" ? "listed" : "mismatch";
  // Of the same manifests as well: as a check, a sync would be no sign of life, and leave its target to anybody.
  const asMeant = report.extras === extras && (report.check ?? false) === (mode === "verify-only");
  const asSent = report.digest === digest && report.shards === shardCount && asMeant;
  if (ours && (report.verdict === "error" || asSent)) return report;
  throw new Failure({
    outcome: "no-verdict",
    operation: "believe the report",
    subject,
    reason: ours ? "it is about other messages than this run sent" : "it is about another run or target",
    hint: "Somebody else sends messages in this run's name, or the report was replaced; look at its senderIds.",
  });
}

function unreadable(error: ReportError, subject: string): Failure {
  return new Failure({
    outcome: error.skew ? "configuration" : "no-verdict",
    operation: "read the report",
    subject,
    reason: error.message,
    hint: error.skew
      ? "Bring this agent and the deployed validator to the same version."
      : "The object is damaged; --verifyOnly repeats the check.",
    cause: error,
  });
}

function inWords(durationMs: number): string {
  const seconds = Math.round(durationMs / 1_000);
  return seconds > 0 && seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

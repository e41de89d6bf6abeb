/**
 * Whether a target is this source's. The validator's status names host and source of the last run there: two that sync
 * to one target would delete each other's objects, each in good faith. The status, which any host of the bucket can
 * bring about, can stop a run; it never proves anything to one (docs/decisions/0013).
 */
import { decodeStatus, type Report, type Status, statusKey } from "#shared/report.ts";
import { type Target, targetUrl } from "#shared/target.ts";
import { Failure } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Bucket } from "./ports.ts";
import { reasonOf } from "./system-error.ts";

type Source = Report["source"];

/** The status that the validator keeps; of a lost or unreadable one nothing is concluded. */
export async function readStatus(
  { keyPrefix }: Target,
  bucket: Pick<Bucket, "read">,
  log: Pick<Log, "debug">,
): Promise<Status | undefined> {
  try {
    const text = await bucket.read(statusKey(keyPrefix));
    return text === undefined ? undefined : decodeStatus(text);
  } catch (error) {
    if (error instanceof Failure && !error.reason.startsWith("access denied")) throw error;
    log.debug(`No status to start from: ${reasonOf(error)}`);
    return undefined;
  }
}

/** Before anything is sent. @throws {Failure} when the last run was of another host or source */
export function checkLastRun(target: Target, source: Source, status: Status | undefined): void {
  if (status === undefined || isOurs(status, source)) return;
  throw notOurs(target, status, [
    "Nothing was sent or deleted: each of the two would delete what the other one holds.",
    "Give each source a prefix of its own. If this one replaces the other for good: --take-over.",
  ]);
}

/**
 * Just before the first deletion: a run that was suspended, or waited for long, finds that another one took over.
 *
 * @param first the status when the run began
 * @throws {Failure} when another host or source has run since
 */
export function checkStillOurs(
  target: Target,
  source: Source,
  { first, now }: { first: Status | undefined; now: Status | undefined },
): void {
  if (now === undefined || now.latest.run === first?.latest.run || isOurs(now, source)) return;
  throw notOurs(target, now, [
    "It ran while this run did. What this run has sent is in the bucket, nothing was deleted.",
    "Find out which of the two is right, and give each a prefix of its own, or run this one with --take-over.",
  ]);
}

export function isSameSource(one: Source, other: Source): boolean {
  return one.host === other.host && one.directory === other.directory;
}

/** Of a run whose messages the validator could not read nobody knows the source; the last match tells then. */
function lastKnown({ latest, latestMatch }: Status): Pick<Report, "run" | "source"> | undefined {
  return latest.source.host === "" ? (latestMatch ?? undefined) : latest;
}

function isOurs(status: Status, source: Source): boolean {
  const last = lastKnown(status);
  return last === undefined || isSameSource(last.source, source);
}

function notOurs(target: Target, status: Status, hint: readonly string[]): Failure {
  const last = lastKnown(status) ?? status.latest;
  const { host, directory } = last.source;
  return new Failure({
    outcome: "locked",
    operation: "sync to",
    subject: targetUrl(target),
    reason: `the last run there was of another source, ${directory} on ${host} (${last.run})`,
    hint: hint.join("\n"),
  });
}

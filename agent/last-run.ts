/**
 * Whether a target is this source's. The validator's status names host and source of the last run that may have sent
 * something there: two that sync to one target would delete each other's objects, each in good faith. A check changes
 * nothing, and so is neither stopped nor makes a target its own. The status, which any host of the bucket can bring about,
 * can stop a run; it never proves anything to one (docs/decisions/0013).
 */
import type { Report } from "#shared/report.ts";
import { decodeStatus, latestSync, type RunNote, type Status, statusKey } from "#shared/status.ts";
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
  const other = otherOwner(status, source);
  if (other === undefined) return;
  throw notOurs(target, other, [
    "Nothing was sent or deleted: each of the two would delete what the other one holds.",
    "Give each source a prefix of its own. If this one replaces the other for good: --take-over.",
  ]);
}

/**
 * When all is sent, before the first deletion and the last message: a run that was suspended, or took long, finds that
 * another one took over, or that of two first runs at the same time the other one ended first.
 *
 * @param first the status when the run began
 * @param takesOver the run, where it is to take over: what began before it, and is only seen late, is what it takes over
 * @throws {Failure} when another host or source has run since
 */
export function checkStillOurs(
  target: Target,
  source: Source,
  { first, now, takesOver }: { first: Status | undefined; now: Status | undefined; takesOver: string | undefined },
): void {
  const other = otherOwner(now, source);
  if (other === undefined || other.run === otherOwner(first, source)?.run) return;
  if (takesOver !== undefined && other.run < takesOver) return;
  throw notOurs(target, other, [
    "It ran while this run did, and may have deleted what this run has sent. By this run nothing was deleted.",
    "Find out which of the two is right, and give each a prefix of its own, or run this one with --take-over.",
  ]);
}

export function isSameSource(one: Source, other: Source): boolean {
  return one.host === other.host && one.directory === other.directory;
}

/** The last run of another host or source, where the target is that one's; a check makes no target its own. */
export function otherOwner(status: Status | undefined, source: Source): RunNote | undefined {
  if (status === undefined) return undefined;
  // Of a run whose messages the validator could not read nobody knows the source; the last match tells then.
  const runs = [latestSync(status), status.latestMatch ?? undefined];
  const last = runs.find((run) => run !== undefined && !run.check && run.source.host !== "");
  return last === undefined || isSameSource(last.source, source) ? undefined : last;
}

export function sourceText({ directory, host }: Source): string {
  return `${directory} on ${host}`;
}

function notOurs(target: Target, { source, run }: RunNote, hint: readonly string[]): Failure {
  return new Failure({
    outcome: "locked",
    operation: "sync to",
    subject: targetUrl(target),
    reason: `the last run there was of another source, ${sourceText(source)} (${run})`,
    hint: hint.join("\n"),
  });
}

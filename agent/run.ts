/**
 * The run, top to bottom. Upload-only, verify-only and repair branch here; disk, bucket, queue and clock come as ports.
 */
import type { Report } from "#shared/report.ts";
import { runId } from "#shared/run-id.ts";
import { awaitReport } from "./await-report.ts";
import { bytePathOf } from "./byte-path.ts";
import { checkRequiredFile, checkSource } from "./check-source.ts";
import { correctionsOf, findDoubts } from "./doubts.ts";
import { Failure } from "./errors.ts";
import type { Outcome } from "./exit-code.ts";
import { checkLastRun, checkStillOurs, otherOwner, readStatus } from "./last-run.ts";
import type { Log } from "./log.ts";
import { checkMounted, mountPointOf } from "./mount-point.ts";
import type { Options } from "./options.ts";
import { outcomeOf } from "./outcome.ts";
import type { Phase } from "./phase.ts";
import type { BaselineDraft, Ports } from "./ports.ts";
import { type ShardsResult, syncShards } from "./shards.ts";
import { type SummaryLines, summaryLines, uncheckedLines } from "./summary.ts";
import { reasonOf } from "./system-error.ts";

/** What the run knows of the process it runs in. */
export interface Surroundings {
  /** Where S3 is. */
  readonly endpoint: string;
  /** The host's name for itself. */
  readonly host: string;
  /** The source's path, absolute and without links: what a link leads to may change, and with it what is proven. */
  readonly directory: string;
  readonly agentVersion: string;
  /** Throws when the run was interrupted. */
  readonly check: () => void;
  /** Told of each phase as it begins. */
  readonly enter: (phase: Phase) => void;
}

/** One pass over the source, and what the validator says of it. */
interface Checked {
  readonly run: string;
  readonly synced: ShardsResult;
  readonly report: Report;
}

/** @throws {Failure} when the run ends without a verdict */
export async function run(options: Options, ports: Ports, log: Log, surroundings: Surroundings): Promise<Outcome> {
  const { target, verifyOnly, uploadOnly, ignoreWarnings, checksum, shardEntries } = options;
  await checkSource(options, ports.disk);
  const source = { host: surroundings.host, directory: surroundings.directory };
  const { endpoint } = surroundings;
  const subject = { endpoint, bucket: target.bucket, prefix: target.keyPrefix, directory: source.directory };
  const mountPoint = await mountPointOf(source.directory, ports.disk);
  const status = await readStatus(target, ports.bucket, log);
  if (!options.takeOver && !verifyOnly) checkLastRun(target, source, status);
  const beforeDeleting = () => checkRequiredFile(options, ports.disk);
  const beforeClosing = async (name: string) => {
    if (verifyOnly) return;
    const now = await readStatus(target, ports.bucket, log);
    checkStillOurs(target, source, { first: status, now, takesOver: options.takeOver ? name : undefined });
  };

  const syncAndCheck = async (repaired?: Checked): Promise<Checked> => {
    const started = ports.clock.now();
    const name = runId(started, ports.randomBytes(16));
    log.info(`Run [${name}]: ${verifyOnly ? "checking" : "syncing"}.`);
    surroundings.enter(repaired === undefined ? "uploading" : "repairing");
    const corrections = correctionsOf(repaired?.report);
    const earlier = await ports.baselines.open(subject, (reason) => log.info(`The baseline is not used: ${reason}.`));
    const draft = ports.baselines.draft(subject, name, mountPoint);
    const request = {
      ...surroundings,
      root: bytePathOf(options.sourceDir),
      target,
      mode: verifyOnly ? "verify-only" : uploadOnly ? "upload-only" : "sync",
      allowEmptySource: options.allowEmptySource,
      shardEntries,
      maxDelete: options.maxDelete,
      beforeDeleting,
      beforeClosing: () => beforeClosing(name),
      run: name,
      startedMs: started.getTime(),
      repairs: repaired?.run ?? null,
      corrections,
      isUndeleted: repaired?.synced.isUndeleted ?? (() => false),
      listsAll: repaired !== undefined && corrections === undefined,
      baseline: earlier,
      draft,
      doubts: findDoubts({ source, status, report: repaired?.report, checksum }),
      checksum,
      oneFileSystem: options.oneFileSystem,
      source,
    } as const;
    // What was sent is remembered however the run ends: whether it is still there, the validator sees in every run.
    const remember = (deleted: boolean) => keepBaseline(draft, deleted, log);
    try {
      if (!options.allowUnmountedSource) checkMounted(source.directory, earlier?.mountPoint, mountPoint);
      const synced = await syncShards(request, ports, log).catch(async (cause: unknown) => {
        if (!verifyOnly) await remember(false);
        throw cause;
      });
      if (!verifyOnly) await remember(synced.allDeleted);
      log.info("All shards are sent; waiting for the report.");
      surroundings.enter("awaiting");
      const awaited = { ...request, ...synced, timeoutMs: options.timeoutMs };
      const report = await awaitReport(awaited, ports).catch((cause: unknown) => {
        const tally = (repaired ?? { synced }).synced.tally;
        const repair = repaired && synced.tally;
        if (!isInterruption(cause)) print(uncheckedLines({ target, tally, repair, ignoreWarnings }), log);
        throw cause;
      });
      if (verifyOnly && report.verdict === "match") await remember(true);
      return { run: name, synced, report };
    } finally {
      await draft.close();
      await earlier?.close();
    }
  };

  const first = await syncAndCheck();
  let last = first;
  if (!verifyOnly && isRepairable(first)) {
    log.warn("The validator found differences; a second run repairs them, once.");
    last = await syncAndCheck(first);
  }

  const outcome = outcomeOf(last.report, last.synced.tally, ignoreWarnings);
  const { isWhole, isEmpty } = last.synced;
  const lines = summaryLines({
    target,
    outcome,
    report: last.report,
    tally: first.synced.tally,
    repair: last === first ? undefined : last.synced.tally,
    isWhole,
    isEmpty,
    ignoreWarnings,
    verifyOnly,
    owner: otherOwner(status, source)?.source,
  });
  print(lines, log);
  return outcome;
}

function print({ faults, results }: SummaryLines, log: Pick<Log, "error" | "result">): void {
  for (const line of faults) log.error(line);
  for (const line of results) log.result(line);
}

function isInterruption(cause: unknown): boolean {
  return cause instanceof Failure && cause.outcome === "interrupted";
}

/** Whether another pass can change the verdict. */
function isRepairable({ report: { verdict, totals, extras }, synced }: Checked): boolean {
  if (verdict !== "mismatch") return false;
  if (totals.missing + totals.sizeDiffers + totals.etagDiffers > 0) return true;
  return extras === "mismatch" && totals.unexpected > 0 && synced.isWhole;
}

async function keepBaseline(draft: BaselineDraft, deleted: boolean, log: Pick<Log, "warn">): Promise<void> {
  try {
    await draft.keep(deleted);
  } catch (error) {
    log.warn(`What this run sent cannot be remembered, the next one compares more: ${reasonOf(error)}.`);
  }
}

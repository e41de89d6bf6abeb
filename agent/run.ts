/**
 * The run, top to bottom. Upload-only, verify-only and repair branch here; disk, bucket, queue and clock come as ports.
 */
import type { Report } from "#shared/report.ts";
import { runId } from "#shared/run-id.ts";
import { awaitReport } from "./await-report.ts";
import { checkSource } from "./check-source.ts";
import { findEvidence, proofOf, suspectsOf } from "./evidence.ts";
import type { Outcome } from "./exit-code.ts";
import type { Log } from "./log.ts";
import type { Options } from "./options.ts";
import { outcomeOf } from "./outcome.ts";
import type { Evidence } from "./plan.ts";
import type { Ports } from "./ports.ts";
import { type ShardsResult, syncShards } from "./shards.ts";
import { summaryLines } from "./summary.ts";
import { bytePathOf } from "./walk.ts";

/** What the run knows of the process it runs in. */
export interface Surroundings {
  /** The host's name for itself. */
  readonly host: string;
  /** The source's path, absolute and without links: what a link leads to may change, and with it what is proven. */
  readonly directory: string;
  readonly agentVersion: string;
  /** For tests only: most entries in a shard. */
  readonly shardEntries: number | undefined;
  /** Throws when the run was interrupted. */
  readonly check: () => void;
}

/** One pass over the source, and what the validator says of it. */
interface Checked {
  readonly run: string;
  /** By the host's clock. */
  readonly startedMs: number;
  readonly synced: ShardsResult;
  readonly report: Report;
}

/** @throws {Failure} when the run ends without a verdict */
export async function run(options: Options, ports: Ports, log: Log, surroundings: Surroundings): Promise<Outcome> {
  const { target, verifyOnly, uploadOnly, ignoreWarnings } = options;
  await checkSource(options, ports.disk);
  const source = { host: surroundings.host, directory: surroundings.directory };
  const { evidence, driftSinceMs } = await findEvidence(target, source, ports, log);

  const syncAndCheck = async (repairs: string | null, known: Evidence): Promise<Checked> => {
    const started = ports.clock.now();
    const name = runId(started, ports.randomBytes(16));
    log.info(`Run [${name}]: ${verifyOnly ? "checking" : "syncing"}.`);
    const request = {
      ...surroundings,
      root: bytePathOf(options.sourceDir),
      target,
      mode: verifyOnly ? "verify-only" : uploadOnly ? "upload-only" : "sync",
      allowEmptySource: options.allowEmptySource,
      run: name,
      repairs,
      evidence: known,
      driftSinceMs,
      source,
    } as const;
    const synced = await syncShards(request, ports, log);
    log.info("All shards are sent; waiting for the report.");
    const report = await awaitReport({ ...request, ...synced, timeoutMs: options.timeoutMs }, ports);
    return { run: name, startedMs: started.getTime(), synced, report };
  };

  const first = await syncAndCheck(null, evidence);
  let last = first;
  if (!verifyOnly && isRepairable(first)) {
    log.warn("The validator found differences; a second run repairs them, once.");
    last = await syncAndCheck(first.run, { ...evidence, suspects: suspectsOf(first.report) });
  }
  await keepProof(last, { bucket: target.bucket, prefix: target.keyPrefix, directory: source.directory }, ports, log);

  const outcome = outcomeOf(last.report, last.synced.tally, ignoreWarnings);
  const { faults, results } = summaryLines({
    target,
    outcome,
    report: last.report,
    tally: first.synced.tally,
    repair: last === first ? undefined : last.synced.tally,
    deletionsWithheld: last.synced.deletionsWithheld,
    ignoreWarnings,
    verifyOnly,
  });
  for (const line of faults) log.error(line);
  for (const line of results) log.result(line);
  return outcome;
}

/** Whether another pass can change the verdict. */
function isRepairable({ report: { verdict, totals, extras }, synced }: Checked): boolean {
  if (verdict !== "mismatch") return false;
  if (totals.missing + totals.sizeDiffers + totals.etagDiffers > 0) return true;
  return extras === "mismatch" && totals.unexpected > 0 && synced.deletionsWithheld === 0;
}

async function keepProof(
  { report, startedMs }: Checked,
  subject: Parameters<Ports["proofs"]["write"]>[0],
  { proofs }: Ports,
  log: Log,
): Promise<void> {
  const proof = proofOf(report, startedMs);
  if (proof === undefined) return;
  try {
    await proofs.write(subject, proof);
  } catch (error) {
    log.warn(`What this run proved cannot be kept, the next one compares more: ${String(error)}.`);
  }
}

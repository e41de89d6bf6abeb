/**
 * The run, top to bottom. Upload-only, verify-only and repair branch here; disk, bucket, queue and clock come as ports.
 */
import { resolve } from "node:path";
import { decodeStatus, type Report, type RunNote, type Status, statusKey } from "#shared/report.ts";
import { runId, runStartedMs } from "#shared/run-id.ts";
import { awaitReport } from "./await-report.ts";
import { checkSource } from "./check-source.ts";
import { Failure } from "./errors.ts";
import type { Outcome } from "./exit-code.ts";
import type { Log } from "./log.ts";
import type { Options } from "./options.ts";
import { outcomeOf } from "./outcome.ts";
import type { Evidence } from "./plan.ts";
import type { Ports } from "./ports.ts";
import { type ShardsRequest, type ShardsResult, syncShards } from "./shards.ts";
import { summaryLines } from "./summary.ts";
import { bytePathOf } from "./walk.ts";

/** What the run knows of the process it runs in. */
export interface Surroundings {
  /** The host's name for itself. */
  readonly host: string;
  readonly agentVersion: string;
  /** For tests only: most entries in a shard. */
  readonly shardEntries: number | undefined;
  /** Throws when the run was interrupted. */
  readonly check: () => void;
}

/** @throws {Failure} when the run ends without a verdict */
export async function run(options: Options, ports: Ports, log: Log, surroundings: Surroundings): Promise<Outcome> {
  const { target } = options;
  await checkSource(options, ports.disk);
  const status = await readStatus(options, ports, log);

  const source = { host: surroundings.host, directory: resolve(options.sourceDir) };
  const proof = status?.latestMatch ?? undefined;
  const ownProof = proof !== undefined && isAbout(source, proof) ? proof : undefined;
  const shardsRequest: Omit<ShardsRequest, "run" | "repairs" | "evidence"> = {
    ...surroundings,
    root: bytePathOf(options.sourceDir),
    target,
    mode: options.verifyOnly ? "verify-only" : options.uploadOnly ? "upload-only" : "sync",
    allowEmptySource: options.allowEmptySource,
    driftSinceMs: ownProof === undefined ? undefined : Date.parse(ownProof.listedFrom),
    source,
  };
  const validate = (name: string, { digest }: ShardsResult) =>
    awaitReport({ ...surroundings, target, run: name, digest, timeoutMs: options.timeoutMs }, ports);

  const firstRun = newRunId(ports);
  log.info(`Run [${firstRun}]: ${options.verifyOnly ? "checking" : "syncing"}.`);
  const evidence: Evidence = {
    objectsProvenMs: proof === undefined ? undefined : Date.parse(proof.listedFrom),
    filesProvenMs: ownProof === undefined ? undefined : runStartedMs(ownProof.run),
    suspects: () => false,
  };
  const first = await syncShards({ ...shardsRequest, run: firstRun, repairs: null, evidence }, ports, log);
  log.info("All shards are sent; waiting for the report.");
  let report = await validate(firstRun, first);

  let repaired: ShardsResult | undefined;
  if (report.verdict === "mismatch" && !options.verifyOnly && isRepairable(report, first)) {
    const secondRun = newRunId(ports);
    log.warn(`The validator found differences; run [${secondRun}] repairs them, once.`);
    const suspicion: Evidence = { ...evidence, suspects: suspectsOf(report) };
    repaired = await syncShards(
      { ...shardsRequest, run: secondRun, repairs: firstRun, evidence: suspicion },
      ports,
      log,
    );
    report = await validate(secondRun, repaired);
  }

  const last = repaired ?? first;
  const outcome = outcomeOf(report, last.tally, options.ignoreWarnings);
  const { faults, results } = summaryLines({
    target,
    outcome,
    report,
    tally: first.tally,
    repair: repaired?.tally,
    deletionsWithheld: last.deletionsWithheld,
    ignoreWarnings: options.ignoreWarnings,
  });
  for (const line of faults) log.error(line);
  for (const line of results) log.result(line);
  return outcome;
}

function newRunId({ clock, randomBytes }: Ports): string {
  return runId(clock.now(), randomBytes(16));
}

/** The status that the validator keeps; a lost or unreadable one only costs comparisons. */
async function readStatus({ target }: Options, { bucket }: Ports, log: Log): Promise<Status | undefined> {
  try {
    const text = await bucket.read(statusKey(target.keyPrefix));
    return text === undefined ? undefined : decodeStatus(text);
  } catch (error) {
    if (error instanceof Failure && !error.reason.startsWith("access denied")) throw error;
    log.debug(`No status to start from: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Whether a proof is about all of this very source: only then does it prove its files. */
function isAbout(source: Report["source"], proof: RunNote): boolean {
  return proof.unknown === 0 && proof.source.host === source.host && proof.source.directory === source.directory;
}

/** Whether another pass can change the verdict. */
function isRepairable({ totals, extras }: Report, { deletionsWithheld }: ShardsResult): boolean {
  if (totals.missing + totals.sizeDiffers + totals.etagDiffers > 0) return true;
  return extras === "mismatch" && totals.unexpected > 0 && deletionsWithheld === 0;
}

/** The paths whose objects are not as they were sent; all of them, when the report does not name each. */
function suspectsOf({ findings, totals }: Report): (path: string) => boolean {
  const found = totals.missing + totals.sizeDiffers + totals.etagDiffers + totals.unexpected;
  if (findings.length < found) return () => true;
  const paths = new Set(findings.map(({ path }) => path));
  return (path) => paths.has(path);
}

/**
 * The real ports: disk, clock, what the clients make of bucket and queue, and what may end a run. Which region, endpoint
 * and credentials, the clients know.
 */
import { randomBytes } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { SQSClient } from "@aws-sdk/client-sqs";
import type { Target } from "#shared/target.ts";
import { isMissingBucket, messageOf } from "./aws-errors.ts";
import { openBaselines } from "./baseline-store.ts";
import { openBucket } from "./bucket.ts";
import type { Connections } from "./connect.ts";
import { disk } from "./disk.ts";
import { Failure } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Bucket, Clock, Ports } from "./ports.ts";
import { checkQueue, findQueue, openQueue } from "./queue.ts";

function systemClock(signal: AbortSignal): Clock {
  return {
    now: () => new Date(),
    monotonicMs: () => performance.now(),
    async sleep(delayMs) {
      await setTimeout(delayMs, undefined, { signal }).catch(() => undefined);
    },
  };
}

export interface PortsRequest {
  readonly target: Target;
  readonly queueUrl: string | undefined;
  readonly stateDirectory: string | undefined;
  readonly connections: Connections;
  readonly signal: AbortSignal;
  readonly log: Pick<Log, "debug">;
}

/** @throws {Failure} when the bucket has no queue, or the one that was named cannot be its */
export async function openPorts({
  target,
  queueUrl,
  stateDirectory,
  connections,
  signal,
  log,
}: PortsRequest): Promise<Ports> {
  const { sqs, sqsOnce, lambda } = connections;
  const openedBucket = openBucket(connections, target.bucket, signal);
  if (queueUrl !== undefined) await checkQueue(sqsOnce, queueUrl, target.bucket, signal, log);
  const url = queueUrl ?? (await findQueueOf(target, openedBucket, sqs, signal));
  return {
    disk,
    bucket: openedBucket,
    files: connections.files,
    queue: openQueue(sqs, url, target.bucket, signal),
    clock: systemClock(signal),
    baselines: openBaselines(stateDirectory),
    randomBytes,
    async diagnose() {
      try {
        const { diagnose } = await import("./diagnose.ts");
        return (await diagnose({ sqs, lambda: await lambda(), queueUrl: url })).lines;
      } catch (error) {
        // What is loaded this late may have been replaced by another version, or be one file too many.
        return [`Queue and validator: not known (${messageOf(error)}).`];
      }
    },
  };
}

/** Where there is no queue, there may be no bucket of that name either, and that is then what is wrong. */
async function findQueueOf(target: Target, opened: Bucket, sqs: SQSClient, signal: AbortSignal): Promise<string> {
  try {
    return await findQueue(sqs, target.bucket, signal);
  } catch (failure) {
    const answered = failure instanceof Failure && failure.outcome !== "failed" && failure.outcome !== "interrupted";
    if (!answered) throw failure;
    const listed = opened.fetchPage({ keyPrefix: target.keyPrefix, startAfter: undefined, token: undefined });
    const error = await listed.then(
      () => undefined,
      (error: unknown) => error,
    );
    throw isMissingBucket(error) ? error : failure;
  }
}

/** Ends the run when it was interrupted. */
export function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted)
    throw new Failure({
      outcome: "interrupted",
      operation: "go on with",
      subject: "the run",
      reason: "interrupted",
      hint: "Run the same command again: what is done stays done.",
    });
}

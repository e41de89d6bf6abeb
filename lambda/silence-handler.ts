/** What Lambda runs each hour: looks at all statuses, names the silent prefixes in the log, and counts them. */
import type { Context } from "aws-lambda";
import { decodeWatch } from "#shared/watch.ts";
import { Bucket } from "./bucket.ts";
import { readWatchedBucket } from "./config.ts";
import { type LogRecord, logLine, printLine } from "./log.ts";
import { type Measurement, measureSilence, metricLine } from "./metrics.ts";
import type { BucketPort } from "./ports.ts";
import { readStatuses, type Unusable } from "./read-statuses.ts";
import { findSilent, type Silence } from "./silence.ts";

export interface SilenceServices {
  readonly bucket: BucketPort;
  readonly now: () => Date;
  readonly log: (record: LogRecord) => void;
  readonly measure: (measurements: readonly Measurement[]) => void;
}

/** What is answered to whoever calls the function by hand. */
export interface SilenceAnswer extends Silence {
  readonly damaged: readonly Unusable[];
}

/** A check that could not see everything, and so has no result. */
export class UnseenError extends Error {
  override readonly name = "UnseenError";
}

/**
 * A check that fails counts nothing: Lambda tries it again within minutes, and the alarm takes a check that is missing
 * for silence. What was seen of the silent prefixes is in the log all the same.
 *
 * @param event the watch, as the stack wrote it into the rule
 * @throws {WatchError | BucketError | ListingError | UnseenError}
 */
export async function checkSilence(event: unknown, services: SilenceServices): Promise<SilenceAnswer> {
  const { bucket, now, log, measure } = services;
  const watch = decodeWatch(event);
  const startedMs = now().getTime();
  const { heard, damaged, unread } = await readStatuses(bucket);

  for (const status of damaged) log({ level: "ERROR", event: "damaged-status", ...status });
  for (const status of unread) log({ level: "ERROR", event: "unread-status", ...status });
  const { watched, silent } = findSilent(watch, heard, now());
  for (const one of silent) {
    // A status that was not read must not look like one that is not there.
    if (unread.length > 0 && one.reason === "no run ever") continue;
    log({ level: "WARN", event: "silent-prefix", ...one });
  }

  if (unread.length > 0)
    throw new UnseenError(`${unread.length} statuses could not be read, the first: ${unread[0]?.reason}`);
  measure(measureSilence({ silent: silent.length, damaged: damaged.length }));
  const counts = { watched, silent: silent.length, damaged: damaged.length };
  log({ level: "INFO", event: "silence-checked", ...counts, durationMs: now().getTime() - startedMs });
  return { watched, silent, damaged };
}

let ownBucket: Bucket | undefined;

export async function handler(event: unknown, { invokedFunctionArn }: Context): Promise<SilenceAnswer> {
  const name = readWatchedBucket(process.env);
  // The stack makes function and queue in the bucket's account: arn:aws:lambda:REGION:ACCOUNT:function:NAME
  ownBucket ??= new Bucket({ name, ownerAccountId: invokedFunctionArn.split(":")[4] ?? "" });
  const now = () => new Date();
  return checkSilence(event, {
    bucket: ownBucket,
    now,
    log: (record) => printLine(logLine({ timestamp: now().toISOString(), ...record })),
    measure: (measurements) => printLine(metricLine(measurements, name, now()) ?? ""),
  });
}

/**
 * One delivery of one message: what is done when it can be served, when it never can be, and when it cannot be now.
 *
 *   message                          answer                               delivery
 *   shard can be checked             its part                             done
 *   shard has its part already       none; the run's report is finished   done
 *   refused: version, contract,      an error part at once: trying again  done
 *   manifest                         would not help
 *   S3 fails                         none                                 failed, again after seconds
 *   S3 fails, last delivery          an error part                        failed, to the dead letters
 *   no header                        none: nobody can be answered         failed, to the dead letters
 *   another bucket                   none, and no request to S3           failed, to the dead letters
 *
 * After an error part the agent has its answer. A delivery that S3 failed is a dead letter all the same: the part tells
 * the host's user, the dead letter tells those who run the stack, and once the cause is gone it shows what it was.
 */
import type { SQSRecord } from "aws-lambda";
import { ManifestError } from "#shared/manifest.ts";
import { decodeMessage, type Message, MessageError, type MessageHeader } from "#shared/message.ts";
import { findingsKey, type Part, type Report, type Totals } from "#shared/report.ts";
import { BucketError } from "./bucket.ts";
import { type CheckContext, checkShard, errorPart } from "./check-shard.ts";
import type { Config } from "./config.ts";
import type { LogRecord } from "./log.ts";
import type { Counted } from "./metrics.ts";
import type { BucketPort, QueuePort } from "./ports.ts";
import { partExists, publishErrorReport, publishPart, publishRun } from "./publish.ts";

export interface Services {
  readonly config: Config;
  readonly bucket: BucketPort;
  readonly queue: QueuePort;
  readonly now: () => Date;
}

export interface Delivered {
  /** Whether the message may go: false keeps it in the queue. */
  readonly done: boolean;
  readonly log: LogRecord;
  readonly counted: Counted;
}

/** A message that names another bucket than the validator's own. */
class ForeignBucketError extends Error {
  override readonly name = "ForeignBucketError";
  readonly header: MessageHeader;
  constructor(header: MessageHeader) {
    super(`the message is for bucket ${header.bucket}`);
    this.header = header;
  }
}

/** What will never be served is not tried again in peace, but at once, so that it soon is where somebody looks. */
const HOPELESS_DELAY_SECONDS = 1;
const LONGEST_DELAY_SECONDS = 60;

/** @param signal ends the work in time to still tell the queue */
export async function deliver(record: SQSRecord, services: Services, signal: AbortSignal): Promise<Delivered> {
  const { config, bucket, now } = services;
  const receiveCount = Number(record.attributes.ApproximateReceiveCount);
  const { SenderId: senderId } = record.attributes;
  const startedMs = now().getTime();
  let published: Report | undefined;
  const onPublished = (report: Report) => {
    published = report;
  };
  const end = (done: boolean, log: LogRecord & { readonly event: Counted["event"] }, totals?: Totals): Delivered => {
    const durationMs = now().getTime() - startedMs;
    const counted = { event: log.event, ...(totals && { totals }), ...verdictOf(published), durationMs };
    return {
      done,
      log: { ...log, ...(totals && { totals }), messageId: record.messageId, senderId, receiveCount, durationMs },
      counted,
    };
  };

  let letter: Letter;
  try {
    letter = open(record.body, config.bucket);
  } catch (error) {
    await deliverAgain(record, HOPELESS_DELAY_SECONDS, services);
    const reason = messageOf(error);
    if (!(error instanceof ForeignBucketError))
      return end(false, { level: "ERROR", event: "unreadable-message", reason });
    return end(false, { level: "ERROR", event: "foreign-bucket", ...shardOf(error.header), reason });
  }

  const { header } = letter;
  const shard = shardOf(header);
  const context: CheckContext = { validatorVersion: config.packageVersion, senderId, now };
  try {
    const part = (await partExists(bucket, header)) ? undefined : await answer(letter, bucket, context, signal);
    const verdict = verdictOf(await publishRun(bucket, header, onPublished));
    if (part === undefined) return end(true, { level: "INFO", event: "shard-known", ...shard, ...verdict });
    if (part.error === null)
      return end(true, { level: "INFO", event: "shard-checked", ...shard, ...verdict }, part.totals);
    const reason = part.error;
    return end(true, { level: "WARN", event: "shard-refused", ...shard, reason, ...verdict }, part.totals);
  } catch (error) {
    const last = receiveCount >= config.maxReceiveCount;
    const reason = messageOf(error);
    const told = last ? await tellGivingUp(letter, error, receiveCount, bucket, context, onPublished) : {};
    await deliverAgain(record, last ? HOPELESS_DELAY_SECONDS : retryDelaySeconds(receiveCount), services);
    return end(false, { level: "ERROR", event: last ? "shard-given-up" : "shard-failed", ...shard, reason, ...told });
  }
}

function shardOf({ run, prefix, shard }: MessageHeader): object {
  return { run, prefix, shard: shard.index };
}

/** A message as far as it can be read. */
interface Letter {
  readonly header: MessageHeader;
  /** Undefined when only the header can be read. */
  readonly message: Message | undefined;
  /** Why, then. */
  readonly refusal: string;
  /** And whether it is for its version. */
  readonly skew: boolean;
}

/**
 * The bucket comes before all else: whoever may send to this queue must not make the validator act on another's
 * bucket, not even to say no there.
 *
 * @throws {MessageError} when there is no header
 */
function open(body: string, ownBucket: string): Letter {
  const letter = read(body);
  if (letter.header.bucket !== ownBucket) throw new ForeignBucketError(letter.header);
  return letter;
}

function read(body: string): Letter {
  try {
    const message = decodeMessage(body);
    return { header: message, message, refusal: "", skew: false };
  } catch (error) {
    if (!(error instanceof MessageError) || error.header === undefined) throw error;
    return { header: error.header, message: undefined, refusal: error.message, skew: error.skew };
  }
}

/** Writes the part that answers a message. */
async function answer(
  { header, message, refusal, skew }: Letter,
  bucket: BucketPort,
  context: CheckContext,
  signal: AbortSignal,
): Promise<Part> {
  if (message === undefined) {
    const refused = errorPart(header, `the validator refused the message: ${refusal}`, context);
    const part = skew ? { ...refused, skew } : refused;
    await publishPart(bucket, part, undefined);
    return part;
  }
  try {
    const key = findingsKey(header.prefix, header.run, header.shard);
    const { part, findingLines } = await checkShard(message, bucket, key, context, signal);
    await publishPart(bucket, part, findingLines);
    return part;
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    const reason = `the validator refused the manifest: ${error.message}. Run the sync again; if this comes back, install the same version for agent and stack`;
    const part = errorPart(message, reason, context);
    await publishPart(bucket, part, undefined);
    return part;
  }
}

/**
 * The last delivery: its failure becomes the shard's answer, and where the other answers cannot be seen, the run's. That
 * too may fail; the dead letter remains.
 */
async function tellGivingUp(
  { header, message }: Letter,
  error: unknown,
  receiveCount: number,
  bucket: BucketPort,
  context: CheckContext,
  onPublished: (report: Report) => void,
): Promise<{ readonly verdict?: string; readonly alsoFailed?: string }> {
  const hint =
    error instanceof BucketError && error.denied
      ? "The validator's role lacks a permission: deploy the stack again"
      : "Verify again later with --verifyOnly; the validator's log says more";
  const reason = `the validator gave up after ${receiveCount} deliveries: ${messageOf(error)}. ${hint}`;
  const part = errorPart(message ?? header, reason, context);
  try {
    await publishPart(bucket, part, undefined);
    return verdictOf(await publishRun(bucket, header, onPublished));
  } catch (first) {
    try {
      return { ...verdictOf(await publishErrorReport(bucket, part, onPublished)), alsoFailed: messageOf(first) };
    } catch (second) {
      return { alsoFailed: [...new Set([messageOf(first), messageOf(second)])].join("; ") };
    }
  }
}

function verdictOf(report: Report | undefined): Pick<Counted, "verdict"> {
  return report === undefined ? {} : { verdict: report.verdict };
}

/** 4, 16, then 60 seconds: over in minutes, while the agent waits, but longer than what the SDK already retried. */
function retryDelaySeconds(receiveCount: number): number {
  return Math.min(4 ** receiveCount, LONGEST_DELAY_SECONDS);
}

/** Without this a failed delivery waits for the queue's whole visibility time-out, which it then still does. */
async function deliverAgain(record: SQSRecord, delaySeconds: number, { queue }: Services): Promise<void> {
  try {
    await queue.deliverAgainAfter(record.receiptHandle, delaySeconds);
  } catch {
    // The message comes back all the same, only later.
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What Lambda runs: one delivery for each message of a batch, one log line and one of metrics for each delivery. */
import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { Bucket } from "./bucket.ts";
import { readConfig } from "./config.ts";
import { deliver, type Services } from "./delivery.ts";
import { type LogRecord, logLine, printLine } from "./log.ts";
import { type Counted, measureDelivery, metricLine } from "./metrics.ts";
import { Queue } from "./queue.ts";

/** What is left of the function's time when the listing is stopped: enough to write a part and tell the queue. */
const CLOSING_TIME_MS = 15_000;

/** What a delivery needs to know of its invocation. */
export type Invocation = Pick<Context, "getRemainingTimeInMillis" | "invokedFunctionArn">;

/** Serves a batch. One message that fails never touches the others. */
export async function serve(
  event: SQSEvent,
  invocation: Invocation,
  services: Services,
  log: (record: LogRecord) => void,
  count: (counted: Counted) => void,
): Promise<SQSBatchResponse> {
  const batchItemFailures: SQSBatchResponse["batchItemFailures"] = [];
  for (const record of event.Records) {
    const timeMs = Math.max(0, invocation.getRemainingTimeInMillis() - CLOSING_TIME_MS);
    const delivered = await deliver(record, services, AbortSignal.timeout(timeMs));
    log(delivered.log);
    try {
      count(delivered.counted);
    } catch (error) {
      // What was delivered is delivered, also when nobody counts it.
      log({ level: "ERROR", event: "not-counted", messageId: record.messageId, reason: String(error) });
    }
    if (!delivered.done) batchItemFailures.push({ itemIdentifier: record.messageId });
  }
  return { batchItemFailures };
}

/** The clients live as long as the function's process, so that their connections are used again. */
let ownServices: Services | undefined;

export async function handler(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  ownServices ??= connect(context);
  const { config, now } = ownServices;
  // Without a time of its own CloudWatch takes the line for plain text, and its level for INFO.
  const log = (record: LogRecord) => printLine(logLine({ timestamp: now().toISOString(), ...record }));
  return serve(event, context, ownServices, log, (counted) => {
    const line = metricLine(measureDelivery(counted), config.bucket, now());
    if (line !== undefined) printLine(line);
  });
}

function connect({ invokedFunctionArn }: Invocation): Services {
  const config = readConfig(process.env);
  // The stack makes bucket and function in one account: arn:aws:lambda:REGION:ACCOUNT:function:NAME
  const ownerAccountId = invokedFunctionArn.split(":")[4] ?? "";
  return {
    config,
    bucket: new Bucket({ name: config.bucket, ownerAccountId }),
    queue: new Queue(config.queueUrl),
    now: () => new Date(),
  };
}

/** A validator in front of a store of its own, and messages to deliver to it. */
import { randomBytes } from "node:crypto";
import type { TestContext } from "node:test";
import type { SQSRecord } from "aws-lambda";
import { Bucket } from "#lambda/bucket.ts";
import { type Delivered, deliver, type Services } from "#lambda/delivery.ts";
import { Queue } from "#lambda/queue.ts";
import type { ManifestEntry } from "#shared/entry.ts";
import { compareKeys } from "#shared/key.ts";
import { encodeManifest } from "#shared/manifest.ts";
import { encodeMessage, type Message } from "#shared/message.ts";
import { runId } from "#shared/run-id.ts";
import type { ShardRange } from "#shared/shard.ts";
import { BUCKET, OWNER, type Store, startStore } from "./store.ts";

export const MAX_RECEIVE_COUNT = 5;
export const NOW = new Date("2026-11-22T12:00:00.000Z");
export const WHOLE: ShardRange = { index: 0, after: null, through: null, last: true };

export interface Validator {
  readonly store: Store;
  readonly services: Services;
}

export interface ClientChoices {
  /** How often the SDK tries; 1 makes faults last without waiting. */
  readonly attempts?: number;
  readonly requestTimeoutMs?: number;
}

export async function startValidator(
  test: Pick<TestContext, "after">,
  { attempts = 1, requestTimeoutMs = 5_000 }: ClientChoices = {},
): Promise<Validator> {
  const store = await startStore(test);
  const client = {
    endpoint: store.endpoint,
    region: "eu-central-1",
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
    maxAttempts: attempts,
    requestHandler: { requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true },
  };
  const services: Services = {
    config: {
      bucket: BUCKET,
      queueUrl: `${store.endpoint}/queue`,
      maxReceiveCount: MAX_RECEIVE_COUNT,
      packageVersion: "9.9.9",
    },
    bucket: new Bucket({ name: BUCKET, ownerAccountId: OWNER, client }),
    queue: new Queue(`${store.endpoint}/queue`, client),
    now: () => NOW,
  };
  return { store, services };
}

export function newRun(startedAt: Date = NOW): string {
  return runId(startedAt, randomBytes(16));
}

/** The body of a message; entries are sorted for the caller. */
export function messageBody(entries: readonly ManifestEntry[], changes: Partial<Message> = {}): string {
  return encodeMessage({
    run: newRun(),
    bucket: BUCKET,
    prefix: "",
    shard: WHOLE,
    extras: "mismatch",
    repairs: null,
    source: { host: "host", directory: "/home" },
    agentVersion: "9.9.9",
    manifest: encodeManifest([...entries].sort((left, right) => compareKeys(left.path, right.path))),
    ...changes,
  });
}

export function record(
  body: string,
  receiveCount = 1,
  messageId = `message-${randomBytes(4).toString("hex")}`,
): SQSRecord {
  return {
    messageId,
    receiptHandle: `receipt-${messageId}`,
    body,
    attributes: {
      ApproximateReceiveCount: String(receiveCount),
      SentTimestamp: "0",
      SenderId: "AIDAHOST",
      ApproximateFirstReceiveTimestamp: "0",
    },
    messageAttributes: {},
    md5OfBody: "",
    eventSource: "aws:sqs",
    eventSourceARN: `arn:aws:sqs:eu-central-1:${OWNER}:queue`,
    awsRegion: "eu-central-1",
  };
}

export function deliverBody({ services }: Validator, body: string, receiveCount = 1): Promise<Delivered> {
  return deliver(record(body, receiveCount), services, AbortSignal.timeout(30_000));
}

/**
 * The validator's handler as a warm function: one process that is called again and again, as long as its parent wants,
 * through a proxy that faults some requests. After each so many calls it tells what it takes, garbage collected.
 * `soak.ts` starts it, with `--expose-gc` and the environment that the function has.
 */
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateBucketCommand,
  DeleteObjectsCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from "@aws-sdk/client-s3";
import type { Context } from "aws-lambda";
import { handler } from "#lambda/handler.ts";
import { decodeMessage } from "#shared/message.ts";
import { RESERVED_PREFIX, VALIDATOR_ENV } from "#shared/names.ts";
import { messageBody, newRun, record } from "#test/lambda/delivering.ts";
import { hostileMessages } from "#test/lambda/hostile-messages.ts";

export interface WarmSample {
  readonly calls: number;
  readonly heapBytes: number;
  readonly residentBytes: number;
}

/** As the engine, which knows no other, has it. */
const ACCOUNT = "000000000000";
const OBJECTS = 300;
const CALLS_PER_SAMPLE = 20;
/** So that all of them, which differ much in size, were there before anything is compared. */
const CALLS_PER_HOSTILE = 2;
/** What the calls wrote goes so often: nothing is measured of a bucket that fills. */
const SAMPLES_PER_SWEEP = 10;
const PAUSE_MS = 150;

const Bucket = process.env[VALIDATOR_ENV.bucket] ?? "";
/** Not what is tried here; it must get through the same faults. */
const client = new S3Client({ forcePathStyle: true, maxAttempts: 10 });
await client.send(new CreateBucketCommand({ Bucket }));
const entries = await Promise.all(
  Array.from({ length: OBJECTS }, async (_, index) => {
    const path = `d${index % 10}/f${index}`;
    const { ETag = "" } = await client.send(new PutObjectCommand({ Bucket, Key: path, Body: path }));
    return { path, sizeBytes: path.length, etag: ETag.replaceAll('"', "") };
  }),
);
/** One entry each is missing or of another size, so that there are findings. */
const wrong = [{ path: "missing", sizeBytes: 1, etag: "none" }, ...entries.slice(0, -1)];

const context = {
  getRemainingTimeInMillis: () => 60_000,
  invokedFunctionArn: `arn:aws:lambda:us-east-1:${ACCOUNT}:function:validator`,
} as Context;

/** Made once, all of one run: whatever is held is held from the beginning. */
const HOSTILE_RUN = newRun();
const hostile = hostileMessages(decodeMessage(messageBody(entries, { bucket: Bucket, run: HOSTILE_RUN })));

function bodyOf(call: number): string {
  if (call % CALLS_PER_HOSTILE === 0) {
    const { body = "" } = hostile[(call / CALLS_PER_HOSTILE) % hostile.length] ?? {};
    return body.replaceAll(HOSTILE_RUN, newRun());
  }
  return messageBody(call % 3 === 0 ? wrong : entries, { bucket: Bucket, run: newRun() });
}

async function emptyReserved(): Promise<void> {
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, Prefix: RESERVED_PREFIX })) {
    const Objects = Contents.map(({ Key }) => ({ Key }));
    if (Objects.length > 0) await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  }
}

for (let call = 1; process.connected; call++) {
  await handler({ Records: [record(bodyOf(call), 1 + (call % 5))] }, context);
  await sleep(PAUSE_MS);
  if (call % CALLS_PER_SAMPLE !== 0) continue;
  if (call % (CALLS_PER_SAMPLE * SAMPLES_PER_SWEEP) === 0) await emptyReserved();
  global.gc?.();
  const { heapUsed: heapBytes, rss: residentBytes } = process.memoryUsage();
  process.send?.({ calls: call, heapBytes, residentBytes } satisfies WarmSample);
}
process.exit();

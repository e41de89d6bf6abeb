/** The deployed validator by itself: messages as a host sends them, objects as an administrator changes them. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { KnownEntry } from "#shared/entry.ts";
import { compareKeys } from "#shared/key.ts";
import { encodeManifest } from "#shared/manifest.ts";
import { decodeMessage, encodeMessage, type Message } from "#shared/message.ts";
import { queueName } from "#shared/names.ts";
import { decodeReport, partsPrefix, type Report, reportKey } from "#shared/report.ts";
import { runId } from "#shared/run-id.ts";
import { inRange, type ShardRange } from "#shared/shard.ts";
import { decodeStatus, statusKey } from "#shared/status.ts";
import { liveEngine } from "#test/live-engine.ts";
import { hostileMessages } from "../lambda/hostile-messages.ts";

const POLL_DELAY_MS = 100;
const LIMIT_MS = 60_000;
const WHOLE: ShardRange = { index: 0, after: null, through: null, last: true };

const engine = liveEngine();
const { bucket } = engine;
const administrator = new S3Client(engine.administrator);
const host = new S3Client(engine.host);
const hostQueues = new SQSClient({ ...engine.host, useQueueUrlAsEndpoint: false });
const administratorQueues = new SQSClient({ ...engine.administrator, useQueueUrlAsEndpoint: false });
after(() => {
  for (const client of [administrator, host, hostQueues, administratorQueues]) client.destroy();
});

/** A prefix that no other test knows. */
const newPrefix = () => `validator-${randomBytes(6).toString("hex")}/`;
const newRun = () => runId(new Date(), randomBytes(16));

async function put(prefix: string, path: string, body = path): Promise<KnownEntry> {
  const { ETag = "" } = await administrator.send(
    new PutObjectCommand({ Bucket: bucket, Key: prefix + path, Body: body }),
  );
  return { path, sizeBytes: Buffer.byteLength(body), etag: ETag.replaceAll('"', "") };
}

async function putAll(prefix: string, paths: readonly string[]): Promise<KnownEntry[]> {
  const entries = await Promise.all(paths.map((path) => put(prefix, path)));
  return entries.sort((left, right) => compareKeys(left.path, right.path));
}

function messageBody(entries: readonly KnownEntry[], changes: Partial<Message> = {}): string {
  return encodeMessage({
    run: newRun(),
    bucket,
    prefix: "",
    shard: WHOLE,
    extras: "mismatch",
    repairs: null,
    source: { host: "host", directory: "/home" },
    agentVersion: "0.0.0",
    manifest: encodeManifest(entries),
    ...changes,
  });
}

async function send(body: string): Promise<void> {
  const { QueueUrl } = await hostQueues.send(new GetQueueUrlCommand({ QueueName: queueName(bucket) }));
  await hostQueues.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
}

/** As the host reads it, whose policy allows no more. */
async function read(key: string): Promise<string | undefined> {
  try {
    const { Body } = await host.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return await Body?.transformToString("utf8");
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") return undefined;
    throw error;
  }
}

async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + LIMIT_MS; Date.now() < deadline; await sleep(POLL_DELAY_MS)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
  throw new Error(`${what} did not come within ${LIMIT_MS} ms`);
}

/** @param writer "self" where the message was of a contract that is answered in that, and no longer read */
async function report(prefix: string, run: string, writer?: "self"): Promise<Report> {
  const text = await eventually("the report", () => read(reportKey(prefix, run)));
  return decodeReport(text, writer);
}

/** Waits for so many dead letters of a kind, and takes them out. */
async function deadLetters(count: number, isWanted: (body: string) => boolean): Promise<void> {
  const { QueueUrl: queue } = await administratorQueues.send(new GetQueueUrlCommand({ QueueName: queueName(bucket) }));
  const { Attributes } = await administratorQueues.send(
    new GetQueueAttributesCommand({ QueueUrl: queue, AttributeNames: ["RedrivePolicy"] }),
  );
  const { deadLetterTargetArn } = JSON.parse(Attributes?.RedrivePolicy ?? "{}");
  const QueueName = String(deadLetterTargetArn).split(":").at(-1);
  const { QueueUrl } = await administratorQueues.send(new GetQueueUrlCommand({ QueueName }));
  const found = new Set<string>();
  await eventually(`${count} dead letters`, async () => {
    const { Messages = [] } = await administratorQueues.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 1 }),
    );
    for (const { Body = "", ReceiptHandle } of Messages) {
      if (!isWanted(Body)) continue;
      found.add(Body);
      await administratorQueues.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
    return found.size === count ? found : undefined;
  });
}

/** What SQS takes: the characters of XML 1.0. */
const IN_SQS = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]+$/u;

const shown = ({ findings }: Report) => findings.map(({ kind, path }) => `${kind} ${path}`);

describe("the deployed validator", () => {
  it("finds a match, whatever the names are", async () => {
    const prefix = newPrefix();
    const entries = await putAll(prefix, [
      "plain",
      "with space",
      "a+b",
      "a%2Bb",
      "a%20b",
      "%",
      "a&b<c>\"d'e",
      "new\nline",
      "tab\t\u0001",
      "emoji\u{1f600}",
      "\ufffd",
      "e\u0301",
      "\u00e9",
      "a-b",
      "a/x",
      "a.txt",
      "x".repeat(900),
    ]);
    const run = newRun();
    await send(messageBody(entries, { run, prefix }));
    const { verdict, totals, findings } = await report(prefix, run);
    assert.deepEqual([verdict, totals.matched, findings], ["match", entries.length, []]);
    const status = await eventually("the status", () => read(statusKey(prefix)));
    assert.equal(decodeStatus(status).latestMatch?.run, run);
  });

  it("names exactly what another client removed, replaced by the same size, and added", async () => {
    const prefix = newPrefix();
    const entries = await putAll(prefix, ["removed", "replaced", "same"]);
    await administrator.send(new DeleteObjectCommand({ Bucket: bucket, Key: `${prefix}removed` }));
    await put(prefix, "replaced", "REPLACED");
    await put(prefix, "added");
    const run = newRun();
    await send(messageBody(entries, { run, prefix }));
    const found = await report(prefix, run);
    assert.equal(found.verdict, "mismatch");
    assert.deepEqual(shown(found), ["unexpected added", "missing removed", "etag-differs replaced"]);
  });

  it("fault 62: writes one report for shards that come in any order and twice", async () => {
    const prefix = newPrefix();
    const paths = Array.from({ length: 40 }, (_, position) => `f${String(position).padStart(3, "0")}`);
    const entries = await putAll(prefix, paths);
    const bounds = [null, "f009", "f019", "f029", null];
    const run = newRun();
    const bodies = [3, 0, 2, 1].map((index) => {
      const shard: ShardRange = {
        index,
        after: bounds[index] ?? null,
        through: bounds[index + 1] ?? null,
        last: index === 3,
      };
      return messageBody(
        entries.filter(({ path }) => inRange(shard, path)),
        { run, prefix, shard },
      );
    });
    await Promise.all([...bodies, ...bodies].map(send));
    const found = await report(prefix, run);
    assert.deepEqual([found.verdict, found.shards, found.totals.matched], ["match", 4, 40]);
    const { Contents = [] } = await administrator.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: partsPrefix(prefix, run) }),
    );
    assert.equal(Contents.length, 4);
  });

  it("fault 66: answers a message of a newer contract at once", async () => {
    const prefix = newPrefix();
    const run = newRun();
    await send(JSON.stringify({ ...JSON.parse(messageBody([], { run, prefix })), version: "2.0" }));
    const { verdict, errors } = await report(prefix, run);
    assert.equal(verdict, "error");
    assert.match(errors[0]?.reason ?? "", /deploy the stack again/);
  });

  it("fault 63: poison and messages for other buckets end in the dead letters, soon, and write nothing", async () => {
    const mark = randomBytes(8).toString("hex");
    const run = newRun();
    await send(`poison ${mark}`);
    await send(messageBody([], { run, bucket: "another-bucket", prefix: `${mark}/` }));
    await deadLetters(2, (body) => body.includes(mark));
    const { Contents = [] } = await administrator.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: partsPrefix(`${mark}/`, run) }),
    );
    assert.deepEqual(Contents, []);
  });

  it("faults 63, 71, 72: what means harm is answered or left to the dead letters, amid a run that is verified", async () => {
    const prefix = newPrefix();
    const entries = await putAll(prefix, ["a", "b", "c", "d"]);
    const bounds = [null, "a", "b", "c", null];
    const run = newRun();
    const honest = entries.map((entry, index) => {
      const last = index === entries.length - 1;
      const shard: ShardRange = { index, after: bounds[index] ?? null, through: bounds[index + 1] ?? null, last };
      return messageBody([entry], { run, prefix, shard });
    });

    const marked = newRun();
    const whole = decodeMessage(
      messageBody([{ path: "a", sizeBytes: 1, etag: "e" }], { run: marked, prefix: newPrefix() }),
    );
    const hostile = hostileMessages(whole)
      .filter(({ body }) => body.includes(marked) && IN_SQS.test(body))
      .filter(
        ({ what, fate }, index) =>
          fate !== "no verdict" && (index % 5 === 0 || /gigabyte|GB|million|frames/.test(what)),
      )
      // Each in a run of its own, by which it is known again.
      .map((message) => {
        const own = newRun();
        return { ...message, run: own, body: message.body.replaceAll(marked, own) };
      });
    const ofFate = (isAnswered: boolean) => hostile.filter(({ fate }) => (fate === "answered") === isAnswered);
    assert.ok(ofFate(true).length >= 20 && ofFate(false).length >= 15);

    await Promise.all(
      hostile.map(({ body }, index) => send(body).then(() => send(honest[index % honest.length] ?? ""))),
    );
    const found = await report(prefix, run);
    assert.deepEqual([found.verdict, found.totals.matched, found.shards], ["match", 4, 4]);
    for (const { what, run: own, reason } of ofFate(true)) {
      const { verdict, errors } = await report(whole.prefix, own, "self");
      assert.equal(verdict, "error", what);
      assert.match(errors[0]?.reason ?? "", reason, what);
    }
    const runs = ofFate(false).map(({ run: own }) => own);
    await deadLetters(runs.length, (body) => runs.some((own) => body.includes(own)));
    for (const own of runs) assert.equal(await read(reportKey(whole.prefix, own)), undefined);
  });
});

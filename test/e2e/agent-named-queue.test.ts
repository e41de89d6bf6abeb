/** A queue that was named by hand: a wrong one is found before anything is sent, and what tells nothing stops nobody. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { queueName } from "#shared/names.ts";
import { liveEngine } from "#test/live-engine.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, failureOf, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { type Fault, startFaultProxy } from "./fault-proxy.ts";
import { makeTree } from "./tree.ts";

const { environment, bucket, administrator } = liveEngine();
const QUEUES = `${environment.AWS_ENDPOINT_URL}/000000000000`;
const OWN = `${QUEUES}/${queueName(bucket)}`;
const GONE = `${QUEUES}/gone`;

describe("a queue that was named", { concurrency: 3 }, () => {
  const { accessKeyId, secretAccessKey } = administrator.credentials;
  const asAdministrator = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const leaveOut = /^Nothing was sent or deleted\. Leave --queue and CBACK_QUEUE_URL out: /;
  const wrongOnes: [
    title: string,
    code: number,
    url: string,
    settings: Record<string, string>,
    reason: RegExp,
    hint: RegExp,
  ][] = [
    [
      "fault 61: that is gone",
      ...([8, GONE, asAdministrator] as const),
      /\/gone\]: no such queue\.$/,
      /^Nothing was sent or deleted\. Check --queue and CBACK_QUEUE_URL, .* cdk deploy -c bucket=/,
    ],
    [
      "fault 61: that is gone, which the host may not know",
      ...([12, GONE, {}] as const),
      new RegExp(
        `/gone\\]: access denied \\(sqs:GetQueueAttributes\\), and the bucket's queue is \\S+/${queueName(bucket)}\\.$`,
      ),
      leaveOut,
    ],
    [
      "fault 71: of another bucket's validator",
      ...([8, `${QUEUES}/${queueName("another-bucket")}`, {}] as const),
      /\/cback-validator-another-bucket\]: it is the queue of another bucket's validator\.$/,
      leaveOut,
    ],
  ];
  // cback-amazons3-sync --detailed-exit-codes -O --queue URL SOURCE s3://BUCKET/named-queue
  for (const [title, code, url, settings, reason, hint] of wrongOnes)
    test(`${title}: exits ${code} before anything is sent`, async (t) => {
      const folder = temporaryFolder(t);
      const view = new BucketView(t, ownPrefix("named-queue"));
      await view.put("extra", "not to be deleted");
      const source = makeTree(folder, { a: "1" });
      const argv = ["-O", "--queue", url, source, view.url];
      const inDetail = await runAgent(folder, ["--detailed-exit-codes", ...argv], { environment: settings });
      assertExit(inDetail, code);
      assert.match(failureOf(inDetail).message, reason);
      assert.match(failureOf(inDetail).hint, hint);
      assertExit(await runAgent(folder, argv, { environment: settings }), 6);
      assertExit(await runAgent(folder, ["-v", ...argv], { environment: settings }), 6);
      assert.doesNotMatch(inDetail.log, /\bS3 \w+ \[/, "nothing was asked of S3");
      assert.deepEqual(await view.paths(), ["extra"]);
    });

  const faults: [title: string, fault: Fault, told: RegExp][] = [
    [
      "fault 16: that the host's policy does not let it see",
      { refuse: "AccessDeniedException", status: 403 },
      /access denied \(sqs:GetQueueAttributes\)/,
    ],
    ["fault 3: while SQS answers 503", { refuse: "ServiceUnavailable", status: 503 }, /ServiceUnavailable/],
    ["fault 1: while the connection is cut", { cut: "before" }, /the connection failed/],
    ["fault 6: while SQS does not answer", { silent: true }, /no answer/],
  ];
  // cback-amazons3-sync -d --queue URL SOURCE s3://BUCKET/named-queue
  for (const [title, fault, told] of faults)
    test(`${title}: is asked about once, and used`, async (t) => {
      const folder = temporaryFolder(t);
      const view = new BucketView(t, ownPrefix("named-queue"));
      const proxy = await startFaultProxy(t, async ({ operation }) =>
        /^GetQueue/.test(operation) ? fault : undefined,
      );
      const source = makeTree(folder, { a: "1" });
      const settings = { environment: proxy.environment };
      const run = await runAgent(folder, ["-d", "--queue", OWN, source, view.url], settings);
      assertExit(run, 0);
      const [, reason = ""] = /Whether the queue is there is not known: (.*)\./.exec(run.log) ?? [];
      assert.match(reason, told);
      assert.equal(proxy.passed.filter((operation) => operation === "GetQueueAttributes").length, 1);
      assert.deepEqual(await view.paths(), ["a"]);
    });
});

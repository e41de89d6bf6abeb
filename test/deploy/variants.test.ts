/** What else `cdk deploy` can be asked for: a bucket that is there already, several buckets, a policy for each host. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { IAMClient } from "@aws-sdk/client-iam";
import {
  CreateBucketCommand,
  GetBucketPolicyCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { RESERVED_PREFIX, STACK_OUTPUT, stackName } from "#shared/names.ts";
import { assertExit, runAgent } from "#test/e2e/agent-process.ts";
import { makeTree } from "#test/e2e/tree.ts";
import { makeUser } from "#test/iam-user.ts";
import { liveEngine } from "#test/live-engine.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { type Outputs, startBareEngine } from "./bare-engine.ts";

const ACCESS_DENIED = 12;

const folder = temporaryFolder({ after });
const source = makeTree(folder, { "notes.txt": "notes", "mail/inbox": "mail" });
const engine = await startBareEngine({ after });
const { administrator } = liveEngine();
const s3 = new S3Client(administrator);
const iam = new IAMClient(administrator);
after(() => [s3, iam].forEach((client) => void client.destroy()));

before(() => engine.bootstrap(context({ bucket: "any-of-them" })));

test("cdk deploy -c existingBucket: what the stack cannot add to the bucket's policy is an output", async () => {
  const Bucket = "old-backups";
  const given = context({ existingBucket: Bucket });
  // As others made it, filled it and guard it.
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "me/notes.txt", Body: "notes" }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "others/photo", Body: "photo" }));
  await putBucketPolicy(Bucket, [tlsOnly(Bucket)]);
  // Somebody of the same account whom no policy of the stack limits.
  const { credentials } = await makeUser(iam, "anything-to-s3", { actions: "s3:*" });
  const anything = new S3Client({ ...administrator, credentials });
  const forge = () => anything.send(new PutObjectCommand({ Bucket, Key: `${RESERVED_PREFIX}forged`, Body: "match" }));

  const outputs = outputsOf(Bucket, (await engine.deploy(given)).outputs);
  const toAdd = JSON.parse(outputs[STACK_OUTPUT.bucketPolicyStatements] ?? "");
  await forge();
  await putBucketPolicy(Bucket, [...(await bucketPolicy(Bucket)), ...toAdd]);
  await assert.rejects(forge(), { name: "AccessDenied" });
  anything.destroy();

  const host = await engine.makeHost(Bucket, outputs[STACK_OUTPUT.hostPolicyArn]);
  const ended = await runAgent(folder, [source, `s3://${Bucket}/me`], host);
  assertExit(ended, 0);
  assert.match(ended.stdout, /^Verdict: match\. The validator found all 2 files /m);
  await host.forget();

  assert.match((await engine.deploy(given)).said, /\(no changes\)/);
  await engine.cdk(["destroy", "--force", ...given]);
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
  const data = Contents.map(({ Key }) => Key).filter((key) => !key?.startsWith(RESERVED_PREFIX));
  assert.deepEqual(data, ["me/mail/inbox", "me/notes.txt", "others/photo"], "the bucket is not the stack's to delete");
});

test("cdk deploy -c bucket=ONE,OTHER: a stack each, and a host of one cannot reach the other", async () => {
  const buckets = ["first-backups", "second.backups"] as const;
  const { outputs } = await engine.deploy(context({ bucket: buckets.join(",") }));
  assert.deepEqual(Object.keys(outputs).sort(), buckets.map(stackName).sort());

  const urls = buckets.map((bucket) => `s3://${bucket}`) as [string, string];
  for (const [position, bucket] of buckets.entries()) {
    const host = await engine.makeHost(bucket, outputsOf(bucket, outputs)[STACK_OUTPUT.hostPolicyArn]);
    assertExit(await runAgent(folder, [source, urls[position] ?? ""], host), 0);
    const astray = await runAgent(folder, ["--detailed-exit-codes", source, urls[1 - position] ?? ""], host);
    assertExit(astray, ACCESS_DENIED);
  }
});

test("cdk deploy -c hosts: each host is verified in its own prefix, and reaches no other", async () => {
  const bucket = "fleet-backups";
  const { outputs } = await engine.deploy(context({ bucket, hosts: "web1,db-1=databases/db1" }));
  const own = outputsOf(bucket, outputs);
  const policies = { web1: own.HostPolicyArnWeb1, "db-1": own.HostPolicyArnDb1 };
  const prefixes = { web1: "web1", "db-1": "databases/db1" };

  for (const [name, other] of [
    ["web1", "db-1"],
    ["db-1", "web1"],
  ] as const) {
    const host = await engine.makeHost(`fleet-${name}`, policies[name]);
    const ended = await runAgent(folder, [source, `s3://${bucket}/${prefixes[name]}`], host);
    assertExit(ended, 0);
    assert.match(ended.stdout, /^Verdict: match\./m);
    for (const notItsOwn of [`/${prefixes[other]}`, ""]) {
      const astray = await runAgent(folder, ["--detailed-exit-codes", source, `s3://${bucket}${notItsOwn}`], host);
      assertExit(astray, ACCESS_DENIED);
    }
  }
});

function context(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([key, value]) => ["--context", `${key}=${value}`]);
}

function outputsOf(bucket: string, outputs: Outputs): Outputs[string] {
  return outputs[stackName(bucket)] ?? assert.fail(`no outputs of ${stackName(bucket)}`);
}

function tlsOnly(bucket: string) {
  return {
    Sid: "TlsOnly",
    Effect: "Deny",
    Principal: "*",
    Action: "s3:*",
    Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
}

async function bucketPolicy(Bucket: string): Promise<unknown[]> {
  const { Policy = "" } = await s3.send(new GetBucketPolicyCommand({ Bucket }));
  return JSON.parse(Policy).Statement;
}

async function putBucketPolicy(Bucket: string, Statement: readonly unknown[]): Promise<void> {
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
}

/** Who may do what, asked of the engine with real requests: each principal has exactly the policies of the stack. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  GetRoleCommand,
  IAMClient,
  PutUserPolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  ListTagsCommand,
} from "@aws-sdk/client-lambda";
import {
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { GetQueueUrlCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { queueName, REPORTS_PREFIX, RESERVED_PREFIX, VALIDATOR_TAG } from "#shared/names.ts";
import { CONTRACT_VERSION } from "#shared/version.ts";
import { liveEngine } from "#test/live-engine.ts";

const engine = liveEngine();
const Bucket = engine.bucket;
const prefix = `permissions-${process.pid}/`;
const dataKey = `${prefix}data`;
const reportKey = `${REPORTS_PREFIX}${prefix}report.json`;

const administrator = new S3Client(engine.administrator);
const iam = new IAMClient(engine.administrator);

before(async () => {
  await administrator.send(new PutObjectCommand({ Bucket, Key: dataKey, Body: "data" }));
  await administrator.send(new PutObjectCommand({ Bucket, Key: reportKey, Body: "{}" }));
});

after(async () => {
  for (const Key of [dataKey, reportKey]) await administrator.send(new DeleteObjectCommand({ Bucket, Key }));
  administrator.destroy();
  iam.destroy();
});

async function assertDenied(request: Promise<unknown>): Promise<void> {
  await assert.rejects(request, { name: /^AccessDenied/ });
}

describe("the host", () => {
  const s3 = new S3Client(engine.host);
  const sqs = new SQSClient(engine.host);
  const lambda = new LambdaClient(engine.host);
  after(() => [s3, sqs, lambda].forEach((client) => void client.destroy()));

  test("writes, lists and deletes data", async () => {
    const Key = `${prefix}from-host`;
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
    const listed = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: Key }));
    assert.equal(listed.KeyCount, 1);
    await s3.send(new DeleteObjectCommand({ Bucket, Key }));
  });

  test("cannot write, copy, start an upload or delete below the reserved prefix", async () => {
    const Key = `${RESERVED_PREFIX}forged`;
    await assertDenied(s3.send(new PutObjectCommand({ Bucket, Key: reportKey, Body: "forged" })));
    await assertDenied(s3.send(new PutObjectCommand({ Bucket, Key, Body: "forged" })));
    await assertDenied(s3.send(new CreateMultipartUploadCommand({ Bucket, Key })));
    await assertDenied(s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${reportKey}` })));
    await assertDenied(s3.send(new DeleteObjectCommand({ Bucket, Key: reportKey })));
    // S3 answers for each key, the engine for all of them.
    const many = s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: reportKey }] } }));
    assert.equal(
      (await many.catch((error: Error) => ({ Errors: [{ Code: error.name }] }))).Errors?.[0]?.Code,
      "AccessDenied",
    );
    assert.equal(await readText(administrator, reportKey), "{}", "the report is as it was");
  });

  test("cannot read data back", async () => {
    await assertDenied(s3.send(new GetObjectCommand({ Bucket, Key: dataKey })));
  });

  test("reads reports", async () => {
    assert.equal(await readText(s3, reportKey), "{}");
  });

  test("finds its queue, but cannot take messages from it", async () => {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queueName(Bucket) }));
    await assertDenied(sqs.send(new ReceiveMessageCommand({ QueueUrl })));
  });

  test("sees whether the validator listens, and its version, but neither its code nor its environment", async () => {
    const { State, FunctionArn = "" } = await findValidator(lambda);
    assert.equal(State, "Enabled");
    const { Tags = {} } = await lambda.send(new ListTagsCommand({ Resource: FunctionArn }));
    assert.equal(Tags[VALIDATOR_TAG.contractVersion], CONTRACT_VERSION);
    await assertDenied(lambda.send(new GetFunctionConfigurationCommand({ FunctionName: FunctionArn })));
    await assertDenied(lambda.send(new GetFunctionCommand({ FunctionName: FunctionArn })));
  });
});

describe("a user who may do anything to S3", () => {
  const user = { UserName: `cback-anything-${process.pid}` };
  const policy = { ...user, PolicyName: "anything" };
  let AccessKeyId: string | undefined;
  let s3: S3Client;

  before(async () => {
    await iam.send(new CreateUserCommand(user));
    const document = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "*" }] };
    await iam.send(new PutUserPolicyCommand({ ...policy, PolicyDocument: JSON.stringify(document) }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand(user));
    AccessKeyId = AccessKey?.AccessKeyId;
    const credentials = { accessKeyId: AccessKeyId ?? "", secretAccessKey: AccessKey?.SecretAccessKey ?? "" };
    s3 = new S3Client({ ...engine.host, credentials });
  });

  after(async () => {
    s3.destroy();
    await iam.send(new DeleteAccessKeyCommand({ ...user, AccessKeyId }));
    await iam.send(new DeleteUserPolicyCommand(policy));
    await iam.send(new DeleteUserCommand(user));
  });

  test("cannot write or delete below the reserved prefix either, for the bucket denies it", async () => {
    assert.equal(await readText(s3, dataKey), "data");
    await assertDenied(s3.send(new PutObjectCommand({ Bucket, Key: reportKey, Body: "forged" })));
    await assertDenied(s3.send(new CreateMultipartUploadCommand({ Bucket, Key: reportKey })));
    await assertDenied(s3.send(new DeleteObjectCommand({ Bucket, Key: reportKey })));
  });
});

describe("the validator's role", () => {
  let s3: S3Client;

  before(async () => {
    s3 = new S3Client({ ...engine.host, credentials: await assumeValidatorRole() });
  });
  after(() => s3.destroy());

  test("lists the bucket", async () => {
    const listed = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: prefix }));
    assert.ok((listed.KeyCount ?? 0) >= 1);
  });

  test("writes and reads below the reserved prefix", async () => {
    const Key = `${REPORTS_PREFIX}${prefix}written-by-role`;
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: "{}" }));
    assert.equal(await readText(s3, Key), "{}");
    await administrator.send(new DeleteObjectCommand({ Bucket, Key }));
  });

  test("cannot read, write or delete data", async () => {
    await assertDenied(s3.send(new GetObjectCommand({ Bucket, Key: dataKey })));
    await assertDenied(s3.send(new PutObjectCommand({ Bucket, Key: dataKey, Body: "changed" })));
    await assertDenied(s3.send(new PutObjectCommand({ Bucket, Key: `${prefix}new`, Body: "new" })));
    await assertDenied(s3.send(new DeleteObjectCommand({ Bucket, Key: dataKey })));
    assert.equal(await readText(administrator, dataKey), "data");
  });

  test("cannot delete reports", async () => {
    await assertDenied(s3.send(new DeleteObjectCommand({ Bucket, Key: reportKey })));
  });
});

test("plain HTTP gets no answer", async () => {
  const plain = engine.environment.AWS_ENDPOINT_URL.replace("https:", "http:");
  await assert.rejects(fetch(plain));
});

// Only Linux lets a program dial all of 127.0.0.0/8.
const otherAddress = { skip: process.platform !== "linux" };
test("the engine cannot be reached from another address of this machine", otherAddress, async () => {
  const { port } = new URL(engine.environment.AWS_ENDPOINT_URL);
  // Another address of the loopback interface is as far away as the next machine for a socket bound to 127.0.0.1.
  await assert.rejects(fetch(`https://127.0.0.2:${port}/`), (error: TypeError) => {
    assert.equal((error.cause as NodeJS.ErrnoException).code, "ECONNREFUSED");
    return true;
  });
});

async function readText(s3: S3Client, Key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return (await Body?.transformToString()) ?? "";
}

async function findValidator(lambda: LambdaClient) {
  const { EventSourceMappings = [] } = await lambda.send(new ListEventSourceMappingsCommand({}));
  const found = EventSourceMappings.find(({ EventSourceArn }) => EventSourceArn?.endsWith(`:${queueName(Bucket)}`));
  assert.ok(found, "a mapping from the bucket's queue");
  return found;
}

/** The function's own credentials. Only Lambda may take the role on, so we let ourselves in for a moment. */
async function assumeValidatorRole() {
  const lambda = new LambdaClient(engine.administrator);
  const { FunctionArn: FunctionName } = await findValidator(lambda);
  const { Role: RoleArn = "" } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  lambda.destroy();

  const RoleName = RoleArn.slice(RoleArn.lastIndexOf("/") + 1);
  const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
  const original = decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "");
  const opened = JSON.parse(original);
  opened.Statement.push({ Effect: "Allow", Principal: { AWS: "*" }, Action: "sts:AssumeRole" });
  await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: JSON.stringify(opened) }));
  const sts = new STSClient(engine.administrator);
  try {
    const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "permissions" }));
    return {
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken ?? "",
    };
  } finally {
    await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: original }));
    sts.destroy();
  }
}

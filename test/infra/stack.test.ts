/**
 * The stack as a template: what a deployment would make, including what no local engine enforces. What holds in each
 * way to ask for it is in security.test.ts.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { App } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { SyncStack } from "#infra/stack.ts";
import packageJson from "#package.json" with { type: "json" };
import {
  HOST_STATEMENT,
  queueName,
  REPORTS_PREFIX,
  RESERVED_PREFIX,
  RUNS_PREFIX,
  STACK_OUTPUT,
  STATUS_PREFIX,
  stackName,
  VALIDATOR_ENV,
  VALIDATOR_TAG,
} from "#shared/names.ts";
import { CONTRACT_VERSION } from "#shared/version.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { BUCKET, newApp } from "./construct.ts";
import { found, list, type Resource, rendered, renderedResources, type Statement, statementsOf } from "./template.ts";

const template = synthesize(BUCKET);

function synthesize(bucketName: string): Template {
  return Template.fromStack(new SyncStack(newApp(), stackName(bucketName), { bucketName }));
}

/** The silence check has tests of its own: operations.test.ts. */
function resources(type: string): [string, Resource][] {
  return found(template, type).filter(([id]) => !id.startsWith("BackupSilenceWatch"));
}

function only(type: string): [string, Resource] {
  const all = resources(type);
  assert.equal(all.length, 1, `one ${type}`);
  return all[0] as [string, Resource];
}

function statements(type: string): Statement[] {
  return statementsOf(resources(type));
}

const [bucketId, bucket] = only("AWS::S3::Bucket");
const [roleId] = only("AWS::IAM::Role");
const [functionId, validatorFunction] = only("AWS::Lambda::Function");
const bucketArn = `\${${bucketId}.Arn}`;
const roleArn = `\${${roleId}.Arn}`;
const queueIds = resources("AWS::SQS::Queue").map(([id]) => id);
const queueId = resources("AWS::SQS::Queue").find(([, { Properties }]) => "QueueName" in Properties)?.[0] ?? "";
const deadLetterQueueId = queueIds.find((id) => id !== queueId) ?? "";

describe("the bucket", () => {
  test("fault 22: gives up stale uploads, old reports and what is replaced of statuses, and never a file", () => {
    const { Rules } = bucket.Properties.LifecycleConfiguration as { Rules: Record<string, unknown>[] };
    const days = { NoncurrentDays: 400 };
    assert.deepEqual(
      Rules.map(({ Id, ...rule }) => rule),
      [
        { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 }, Status: "Enabled" },
        ...[REPORTS_PREFIX, RUNS_PREFIX].map((Prefix) => ({
          ExpirationInDays: 400,
          NoncurrentVersionExpiration: { NoncurrentDays: 1 },
          Prefix,
          Status: "Enabled",
        })),
        { NoncurrentVersionExpiration: days, Prefix: STATUS_PREFIX, Status: "Enabled" },
      ],
    );
  });

  test("denies everyone but the validator's role to write or delete below the reserved prefix", () => {
    const [guard] = statements("AWS::S3::BucketPolicy").filter(({ Sid }) => Sid === "OnlyTheValidatorWritesReports");
    assert.ok(guard);
    assert.equal(guard.Effect, "Deny");
    assert.deepEqual(guard.Principal, { AWS: "*" });
    assert.deepEqual(renderedResources(guard), [`${bucketArn}/${RESERVED_PREFIX}*`]);
    assertCoversWrites(list(guard.Action));

    assert.deepEqual(Object.keys(guard.Condition ?? {}), ["ArnNotLike"]);
    assert.deepEqual(Object.keys(guard.Condition?.ArnNotLike ?? {}), ["aws:PrincipalArn"]);
    const exempt = guard.Condition?.ArnNotLike?.["aws:PrincipalArn"] as unknown[];
    const sessions = `arn:\${AWS::Partition}:sts::\${AWS::AccountId}:assumed-role/\${${roleId}}/*`;
    assert.deepEqual(exempt.map(rendered), [roleArn, sessions]);
  });
});

describe("the queues", () => {
  test("the queue has the name that agents look for, and is kept longer than six time-outs of the function", () => {
    template.hasResourceProperties("AWS::SQS::Queue", {
      QueueName: queueName(BUCKET),
      SqsManagedSseEnabled: true,
      MessageRetentionPeriod: 4 * 24 * 60 * 60,
      MaximumMessageSize: 1024 * 1024,
      VisibilityTimeout: 6 * Number(validatorFunction.Properties.Timeout),
      RedrivePolicy: { deadLetterTargetArn: { "Fn::GetAtt": [deadLetterQueueId, "Arn"] }, maxReceiveCount: 8 },
    });
  });

  test("dead letters are kept for two weeks in a queue without a name of its own", () => {
    const [, deadLetters] = resources("AWS::SQS::Queue").find(([id]) => id === deadLetterQueueId) ?? [];
    assert.deepEqual(deadLetters?.Properties, {
      MessageRetentionPeriod: 14 * 24 * 60 * 60,
      SqsManagedSseEnabled: true,
    });
  });

  test("the longest bucket name still makes a queue name that SQS takes", () => {
    const longest = "b".repeat(63);
    synthesize(longest).hasResourceProperties("AWS::SQS::Queue", {
      QueueName: Match.stringLikeRegexp("^[A-Za-z0-9_-]{1,80}$"),
    });
  });
});

describe("the function", () => {
  test("runs on Node 24 and arm64, and says which version it is", () => {
    template.hasResourceProperties("AWS::Lambda::Function", {
      Runtime: "nodejs24.x",
      Architectures: ["arm64"],
      Timeout: 60,
      MemorySize: 512,
      Handler: "index.handler",
      Description: Match.stringLikeRegexp(packageJson.version.replaceAll(".", "\\.")),
      FunctionName: Match.absent(),
      ReservedConcurrentExecutions: Match.absent(),
    });
  });

  test("is told all that it needs, with the number of deliveries that its queue allows", () => {
    assert.deepEqual(validatorFunction.Properties.Environment, {
      Variables: {
        [VALIDATOR_ENV.bucket]: { Ref: bucketId },
        [VALIDATOR_ENV.queueUrl]: { Ref: queueId },
        [VALIDATOR_ENV.maxReceiveCount]: "8",
        [VALIDATOR_ENV.packageVersion]: packageJson.version,
      },
    });
    const told = Object.keys((validatorFunction.Properties.Environment as { Variables: object }).Variables);
    assert.deepEqual(told.sort(), Object.values(VALIDATOR_ENV).sort());
  });

  test("shows its versions in tags, which hosts may read", () => {
    assert.deepEqual(validatorFunction.Properties.Tags, [
      { Key: VALIDATOR_TAG.contractVersion, Value: CONTRACT_VERSION },
      { Key: VALIDATOR_TAG.packageVersion, Value: packageJson.version },
    ]);
  });

  test("gets one message at a time, and reports which one failed", () => {
    const [, mapping] = only("AWS::Lambda::EventSourceMapping");
    assert.deepEqual(mapping.Properties, {
      BatchSize: 1,
      EventSourceArn: { "Fn::GetAtt": [queueId, "Arn"] },
      FunctionName: { Ref: functionId },
      ScalingConfig: { MaximumConcurrency: 50 },
      FunctionResponseTypes: ["ReportBatchItemFailures"],
    });
  });

  test("logs to a group of its own that is kept for a year", () => {
    const [logId, log] = only("AWS::Logs::LogGroup");
    assert.equal(log.Properties.RetentionInDays, 365);
    template.hasResourceProperties("AWS::Lambda::Function", { LoggingConfig: { LogGroup: { Ref: logId } } });
  });

  test("comes with the silence check as files that load by themselves, the same bytes each time", async () => {
    const [first, second] = [bundleOf(BUCKET), bundleOf(BUCKET)];
    assert.deepEqual(readdirSync(first), ["index.mjs", "silence.mjs"]);
    for (const name of readdirSync(first)) {
      assert.ok(readFileSync(join(first, name)).equals(readFileSync(join(second, name))));
      // In a folder without packages, as on Lambda.
      const { handler } = await import(join(first, name));
      assert.equal(typeof handler, "function");
    }
  });
});

function bundleOf(bucketName: string): string {
  const app = new App({ outdir: temporaryFolder({ after }) });
  new SyncStack(app, stackName(bucketName), { bucketName });
  const { directory } = app.synth();
  const asset = readdirSync(directory).find((name) => name.startsWith("asset."));
  assert.ok(asset);
  return join(directory, asset);
}

describe("the validator's role", () => {
  const own = statements("AWS::IAM::Policy");

  test("belongs to Lambda alone, and has no policy that AWS manages", () => {
    template.hasResourceProperties("AWS::IAM::Role", {
      AssumeRolePolicyDocument: {
        Statement: [{ Action: "sts:AssumeRole", Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" } }],
      },
      ManagedPolicyArns: Match.absent(),
    });
  });

  test("may do exactly what it needs, on exactly what it needs", () => {
    const [logId] = only("AWS::Logs::LogGroup");
    const grants = own.map((statement) => [
      statement.Effect,
      list(statement.Action).sort(),
      renderedResources(statement),
    ]);
    assert.deepEqual(grants, [
      ["Allow", ["s3:ListBucket"], [bucketArn]],
      ["Allow", ["s3:GetObject", "s3:PutObject"], [`${bucketArn}/${RESERVED_PREFIX}*`]],
      ["Allow", ["logs:CreateLogStream", "logs:PutLogEvents"], [`\${${logId}.Arn}`]],
      [
        "Allow",
        [
          "sqs:ChangeMessageVisibility",
          "sqs:DeleteMessage",
          "sqs:GetQueueAttributes",
          "sqs:GetQueueUrl",
          "sqs:ReceiveMessage",
        ],
        [`\${${queueId}.Arn}`],
      ],
    ]);
  });
});

describe("the host policy", () => {
  const host = statements("AWS::IAM::ManagedPolicy");
  const allowed = (action: string) =>
    host.filter(({ Effect, Action }) => Effect === "Allow" && list(Action).includes(action)).flatMap(renderedResources);

  test("lets a host write and list the bucket", () => {
    for (const action of ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]) {
      assert.deepEqual(allowed(action), [`${bucketArn}/*`], action);
    }
    assert.deepEqual(allowed("s3:ListBucket"), [bucketArn]);
  });

  test("lets a host read what the validator found, and no data", () => {
    const readable = ["reports/*", "runs/*", "status*"].map((rest) => `${bucketArn}/${RESERVED_PREFIX}${rest}`);
    assert.deepEqual(allowed("s3:GetObject"), readable);
    assert.deepEqual(allowed("s3:GetObjectVersion"), []);
  });

  test("denies a host to write below the reserved prefix, whatever the bucket's policy says", () => {
    const denials = host.filter(({ Effect }) => Effect === "Deny");
    assert.equal(denials.length, 1);
    const [denial] = denials as [Statement];
    assert.deepEqual(renderedResources(denial), [`${bucketArn}/${RESERVED_PREFIX}*`]);
    assert.equal(denial.Condition, undefined);
    assertCoversWrites(list(denial.Action));
  });

  test("lets a host send manifests and see the validator's health", () => {
    const queueArn = `\${${queueId}.Arn}`;
    assert.deepEqual(allowed("sqs:SendMessage"), [queueArn]);
    for (const action of ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"]) {
      assert.deepEqual(allowed(action), [queueArn, `\${${deadLetterQueueId}.Arn}`], action);
    }
    assert.deepEqual(allowed("lambda:ListTags"), [`\${${functionId}.Arn}`]);
  });

  test("allows each action by the statement that an agent names when it is denied", () => {
    for (const [action, sid] of Object.entries(HOST_STATEMENT)) {
      const by = host.filter(({ Effect, Action }) => Effect === "Allow" && list(Action).includes(action));
      assert.deepEqual(
        by.map(({ Sid }) => Sid),
        [sid],
        action,
      );
    }
  });
});

test("deploying runs no function but the validator", () => {
  assert.deepEqual(
    Object.values(template.toJSON().Resources as Record<string, Resource>)
      .map(({ Type }) => Type)
      .filter((type) => type.startsWith("Custom::") || type === "AWS::CloudFormation::CustomResource"),
    [],
  );
});

test("the outputs are named as the contract says", () => {
  const { bucketPolicyStatements, ...always } = STACK_OUTPUT;
  assert.deepEqual(Object.keys(template.findOutputs("*")).sort(), Object.values(always).sort());
});

test("two buckets whose names differ by a dot have stacks and queues of their own", () => {
  assert.notEqual(stackName("a.b"), stackName("a-b"));
  assert.notEqual(queueName("a.b"), queueName("a-b"));
});

/** Every action by which an object comes to be, changes or goes; the actions may have wildcards. */
function assertCoversWrites(actions: string[]): void {
  const patterns = actions.map((action) => new RegExp(`^${action.replaceAll("*", ".*")}$`));
  const writes = [
    "s3:PutObject",
    "s3:PutObjectAcl",
    "s3:PutObjectVersionAcl",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
    "s3:PutObjectRetention",
    "s3:PutObjectLegalHold",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:DeleteObjectTagging",
    "s3:DeleteObjectVersionTagging",
    "s3:AbortMultipartUpload",
    "s3:RestoreObject",
    "s3:BypassGovernanceRetention",
    "s3:ReplicateObject",
    "s3:ReplicateDelete",
    "s3:ReplicateTags",
    "s3:ObjectOwnerOverrideToBucketOwner",
  ];
  assert.deepEqual(
    writes.filter((write) => !patterns.some((pattern) => pattern.test(write))),
    [],
  );
}

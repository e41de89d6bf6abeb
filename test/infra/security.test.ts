/** What must hold however the stack is asked for: who may do what, what is kept, and over what. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Template } from "aws-cdk-lib/assertions";
import { Key } from "aws-cdk-lib/aws-kms";
import { BackupValidator } from "#infra/backup-validator.ts";
import { MAX_PREFIX_LENGTH } from "#infra/hosts.ts";
import { RESERVED_PREFIX, STATUS_PREFIX } from "#shared/names.ts";
import { BUCKET, KEY_ARN, newApp, synthesize } from "./construct.ts";
import { found, grants, list, only, rendered, renderedResources, statementsOf } from "./template.ts";
import { OWNER, VARIANTS } from "./variants.ts";

const GUARD = "OnlyTheValidatorWritesReports";

describe("in every variant", () => {
  for (const [title, make] of Object.entries(VARIANTS)) {
    const stack = make(newApp());
    const template = Template.fromStack(stack);
    const own = (type: string) => found(template, type).filter(([id]) => !id.startsWith(OWNER));
    const allowed = ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"]
      .flatMap((type) => statementsOf(own(type)))
      .filter(({ Effect }) => Effect === "Allow");

    test(`no action is allowed by a wildcard, and no resource but where AWS takes none: ${title}`, () => {
      assert.ok(allowed.length > 0);
      for (const statement of allowed) {
        for (const action of list(statement.Action)) assert.doesNotMatch(action, /[*?]/);
        for (const resource of renderedResources(statement)) {
          if (resource === "*") assert.deepEqual(list(statement.Action), ["lambda:ListEventSourceMappings"]);
          // A pattern names its bucket, and stands at the end.
          else assert.match(resource, /^[^*?]+\*?$/);
        }
      }
    });

    test(`nobody is allowed to read data, to change the bucket, or to pass a role on: ${title}`, () => {
      for (const statement of allowed) {
        const actions = list(statement.Action);
        for (const action of actions)
          assert.match(
            action,
            /^(s3:(Get|Put|Delete)Object|s3:ListBucket|s3:AbortMultipartUpload|sqs:|lambda:List|logs:(CreateLogStream|PutLogEvents)|kms:(GenerateDataKey|Decrypt))/,
          );
        if (actions.includes("s3:GetObject"))
          for (const resource of renderedResources(statement))
            assert.ok(resource.includes(`/${RESERVED_PREFIX}`), resource);
      }
    });

    test(`a key is used through S3 alone: ${title}`, () => {
      for (const { Action, Condition } of allowed)
        if (list(Action).some((action) => action.startsWith("kms:")))
          assert.deepEqual(Object.keys(Condition?.StringEquals ?? {}), ["kms:ViaService"]);
    });

    test(`a bucket that is made is private, versioned, encrypted, over TLS only, and stays: ${title}`, () => {
      for (const [id, bucket] of own("AWS::S3::Bucket")) {
        // Kept when the stack goes; a creation that failed leaves none behind that is in the way of the next.
        assert.equal(bucket.DeletionPolicy, "RetainExceptOnCreate");
        assert.equal(bucket.UpdateReplacePolicy, "Retain");
        const { VersioningConfiguration, PublicAccessBlockConfiguration, BucketEncryption, OwnershipControls } =
          bucket.Properties;
        assert.deepEqual(VersioningConfiguration, { Status: "Enabled" });
        assert.deepEqual(PublicAccessBlockConfiguration, {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        });
        assert.match(JSON.stringify(BucketEncryption), /"SSEAlgorithm":"(AES256|aws:kms)"/);
        assert.deepEqual(OwnershipControls, { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] });
        const policy = statementsOf(
          own("AWS::S3::BucketPolicy").filter(([, { Properties }]) => rendered(Properties.Bucket) === `\${${id}}`),
        );
        assert.ok(policy.every(({ Effect }) => Effect === "Deny"));
        const [plain] = policy.filter(({ Condition }) => Condition?.Bool?.["aws:SecureTransport"] === "false");
        assert.deepEqual([plain?.Action, plain?.Principal], ["s3:*", { AWS: "*" }]);
        assert.deepEqual(plain && renderedResources(plain), [`\${${id}.Arn}`, `\${${id}.Arn}/*`]);
        const [guard] = policy.filter(({ Sid }) => Sid === GUARD);
        assert.deepEqual(guard && renderedResources(guard), [`\${${id}.Arn}/${RESERVED_PREFIX}*`]);
      }
    });

    test(`the reports of each bucket are kept from all but one role, here or by its owner: ${title}`, () => {
      const validators = stack.node.findAll().filter((one) => one instanceof BackupValidator);
      const attached = statementsOf(found(template, "AWS::S3::BucketPolicy")).filter(({ Sid }) => Sid === GUARD);
      const offered = validators.flatMap(({ bucketPolicyStatements }) => bucketPolicyStatements);
      assert.ok(validators.length > 0);
      assert.equal(attached.length + offered.length, validators.length);
    });

    test(`queues are encrypted, over TLS only, with dead letters for two weeks, and never held too short: ${title}`, () => {
      const queues = own("AWS::SQS::Queue");
      const [deadLetters, named] = [
        queues.filter(([, q]) => !q.Properties.QueueName),
        queues.filter(([, q]) => q.Properties.QueueName),
      ];
      assert.equal(deadLetters.length, named.length);
      for (const [, { Properties }] of queues) assert.equal(Properties.SqsManagedSseEnabled, true);
      for (const [, { Properties }] of deadLetters) assert.equal(Properties.MessageRetentionPeriod, 1_209_600);
      const policies = statementsOf(own("AWS::SQS::QueuePolicy"));
      assert.deepEqual(policies.flatMap(renderedResources).sort(), queues.map(([id]) => `\${${id}.Arn}`).sort());
      for (const { Sid, Resource, ...statement } of policies)
        assert.deepEqual(statement, {
          Action: "sqs:*",
          Effect: "Deny",
          Principal: { AWS: "*" },
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        });

      for (const [, mapping] of own("AWS::Lambda::EventSourceMapping")) {
        const { EventSourceArn, FunctionName, ...settings } = mapping.Properties;
        const queue = named.find(([id]) => `\${${id}.Arn}` === rendered(EventSourceArn))?.[1].Properties;
        const served = own("AWS::Lambda::Function").find(([id]) => `\${${id}}` === rendered(FunctionName))?.[1];
        assert.ok(Number(queue?.VisibilityTimeout) >= 6 * Number(served?.Properties.Timeout));
        assert.equal(queue?.MaximumMessageSize, 1_048_576);
        const { deadLetterTargetArn, maxReceiveCount } = (queue?.RedrivePolicy ?? {}) as Record<string, unknown>;
        assert.ok(deadLetters.some(([id]) => `\${${id}.Arn}` === rendered(deadLetterTargetArn)));
        assert.equal(maxReceiveCount, 8);
        assert.equal(settings.BatchSize, 1);
        assert.deepEqual(settings.FunctionResponseTypes, ["ReportBatchItemFailures"]);
        assert.ok(Number((settings.ScalingConfig as { MaximumConcurrency: number }).MaximumConcurrency) >= 2);
      }
    });

    test(`functions run on Node 24 and arm64, each with a role and a log of its own that ends: ${title}`, () => {
      const functions = own("AWS::Lambda::Function").map(([, { Properties }]) => Properties);
      for (const { Runtime, Architectures } of functions)
        assert.deepEqual([Runtime, Architectures], ["nodejs24.x", ["arm64"]]);
      const ownEach = (read: (properties: Record<string, unknown>) => unknown) =>
        assert.equal(new Set(functions.map((properties) => rendered(read(properties)))).size, functions.length);
      ownEach(({ Role }) => Role);
      ownEach(({ LoggingConfig }) => (LoggingConfig as { LogGroup: unknown }).LogGroup);
      for (const [, { Properties }] of own("AWS::Logs::LogGroup")) assert.ok(Number(Properties.RetentionInDays) > 0);
      for (const [, { Properties }] of own("AWS::IAM::Role")) {
        assert.equal(Properties.ManagedPolicyArns, undefined);
        assert.deepEqual(
          statementsOf([["", { Type: "", Properties: { PolicyDocument: Properties.AssumeRolePolicyDocument } }]]),
          [{ Action: "sts:AssumeRole", Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" } }],
        );
      }
    });
  }
});

describe("the policy of a host", () => {
  test("reaches its own prefix, reports and status, and nothing else of the bucket", () => {
    const template = synthesize({ bucketName: BUCKET, hosts: [{ name: "db1", prefix: "databases/db1" }] });
    const [bucketId] = only(template, "AWS::S3::Bucket");
    const objects = (key: string) => `\${${bucketId}.Arn}/${key}`;
    const ofBucket = grants(template, "HostPolicy").filter(
      (statement) => statement.Effect === "Allow" && renderedResources(statement).some((arn) => arn.includes(bucketId)),
    );
    assert.deepEqual(
      ofBucket.map((statement) => [list(statement.Action), renderedResources(statement), statement.Condition]),
      [
        [
          ["s3:ListBucket"],
          [`\${${bucketId}.Arn}`],
          {
            StringLike: {
              "s3:prefix": [
                "databases/db1/*",
                `${RESERVED_PREFIX}reports/databases/db1/*`,
                `${RESERVED_PREFIX}runs/databases/db1/*`,
                `${STATUS_PREFIX}/databases/db1.json`,
                `${STATUS_PREFIX}/databases/db1/*`,
              ],
            },
          },
        ],
        [["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], [objects("databases/db1/*")], undefined],
        [
          ["s3:GetObject"],
          [
            objects(`${RESERVED_PREFIX}reports/databases/db1/*`),
            objects(`${RESERVED_PREFIX}runs/databases/db1/*`),
            objects(`${STATUS_PREFIX}/databases/db1.json`),
            objects(`${STATUS_PREFIX}/databases/db1/*`),
          ],
          undefined,
        ],
      ],
    );
  });

  test("stays the policy that hosts have when the prefix changes", () => {
    const policyWith = (prefix: string) =>
      only(synthesize({ bucketName: BUCKET, hosts: [{ name: "db1", prefix }] }), "AWS::IAM::ManagedPolicy");
    const [[id, before], [idAfter, afterwards]] = [policyWith("db1"), policyWith("databases/db1")];
    assert.equal(idAfter, id);
    // The rest of a policy is changed in its place (CloudFormation user guide, "AWS::IAM::ManagedPolicy").
    assert.equal(afterwards.Properties.Description, before.Properties.Description);
    assert.notDeepEqual(afterwards.Properties.PolicyDocument, before.Properties.PolicyDocument);
  });

  test("fits into what IAM takes, with the longest prefix and the longest names", () => {
    const bucketName = "b".repeat(63);
    const template = synthesize((stack) => ({
      bucketName,
      encryptionKey: Key.fromKeyArn(stack, "Key", KEY_ARN),
      hosts: [{ name: "h".repeat(64), prefix: "p".repeat(MAX_PREFIX_LENGTH) }],
    }));
    const [, { Properties }] = only(template, "AWS::IAM::ManagedPolicy");
    // No name that CloudFormation fills in is longer, with its ARN.
    const longest = "x".repeat(140);
    const size = JSON.stringify(Properties.PolicyDocument, (_key, value) => {
      const inserted = typeof value === "object" && value !== null && ("Fn::Join" in value || "Fn::GetAtt" in value);
      return inserted ? rendered(value).replaceAll(/\$\{[^}]+\}/g, longest) : value;
    }).length;
    assert.ok(size <= 6_144, `${size} characters`);
  });
});

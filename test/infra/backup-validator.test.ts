/** The construct, property by property, with each kind of bucket, and several times in a stack. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { CfnParameter, Duration, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { Key } from "aws-cdk-lib/aws-kms";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { Bucket, type IBucket } from "aws-cdk-lib/aws-s3";
import { Topic } from "aws-cdk-lib/aws-sns";
import type { BackupValidatorProps } from "#infra/backup-validator.ts";
import { queueName, RESERVED_PREFIX, STACK_OUTPUT } from "#shared/names.ts";
import {
  type Asked,
  BUCKET,
  construct,
  KEY_ARN,
  newApp,
  newStack,
  REGION,
  synthesize,
  TOPIC_ARN,
} from "./construct.ts";
import {
  found,
  grants,
  list,
  only,
  type Resource,
  rendered,
  renderedResources,
  type Statement,
  statementsOf,
} from "./template.ts";
import { VARIANTS } from "./variants.ts";

function validator(template: Template): Resource {
  return only(template, "AWS::Lambda::Function", "Validator")[1];
}

function lifecycle(template: Template): Map<string, Record<string, unknown>> {
  const [, { Properties }] = only(template, "AWS::S3::Bucket");
  const { Rules } = Properties.LifecycleConfiguration as { Rules: Record<string, unknown>[] };
  return new Map(Rules.map((rule) => [String(rule.Id), rule]));
}

function watched(template: Template): Record<string, unknown> {
  const [, { Properties }] = only(template, "AWS::Events::Rule");
  return JSON.parse((Properties.Targets as { Input: string }[])[0]?.Input ?? "");
}

function policyNames(template: Template): string[] {
  return found(template, "AWS::IAM::ManagedPolicy").map(([, { Properties }]) => String(Properties.Description));
}

/** Types whose resources all carry the tag. */
function taggedTypes(template: Template, tag: object): string[] {
  const all = Object.values(template.toJSON().Resources as Record<string, Resource>);
  const tagged = all.filter(({ Properties }) =>
    (Properties.Tags as object[] | undefined)?.some((other) => JSON.stringify(other) === JSON.stringify(tag)),
  );
  const types = new Set(tagged.map(({ Type }) => Type));
  for (const { Type } of all.filter((resource) => !tagged.includes(resource))) types.delete(Type);
  return [...types].sort();
}

interface Property {
  readonly read: (template: Template) => unknown;
  /** What is read when it is left out. */
  readonly byDefault: unknown;
  readonly changed: Asked;
  readonly becomes: unknown;
}

const PROPERTIES = {
  bucketName: {
    read: (template) => [
      only(template, "AWS::S3::Bucket")[1].Properties.BucketName,
      only(template, "AWS::SQS::Queue", "ValidatorQueue")[1].Properties.QueueName,
    ],
    byDefault: [BUCKET, queueName(BUCKET)],
    changed: { bucketName: "other-backup" },
    becomes: ["other-backup", queueName("other-backup")],
  },
  bucket: {
    read: (template) => [
      found(template, "AWS::S3::Bucket").length,
      list(grants(template, "ValidatorRole").find(({ Sid }) => Sid === "ListTheBucket")?.Resource).map(rendered),
    ],
    byDefault: [1, [`\${BackupBucketBC94E555.Arn}`]],
    changed: (stack) => ({ bucket: Bucket.fromBucketName(stack, "Existing", "old-backup") }),
    becomes: [0, [`arn:\${AWS::Partition}:s3:::old-backup`]],
  },
  encryptionKey: {
    read: (template) => [
      only(template, "AWS::S3::Bucket")[1].Properties.BucketEncryption,
      ["ValidatorRole", "HostPolicy", "SilenceWatchRole"].map((part) =>
        grants(template, part)
          .filter(({ Action }) => list(Action).some((action) => action.startsWith("kms:")))
          .map(({ Action, Resource, Condition }) => [Action, Resource, Condition]),
      ),
    ],
    byDefault: [
      { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }] },
      [[], [], []],
    ],
    changed: (stack) => ({ bucketName: BUCKET, encryptionKey: Key.fromKeyArn(stack, "Key", KEY_ARN) }),
    becomes: [
      {
        ServerSideEncryptionConfiguration: [
          {
            BucketKeyEnabled: true,
            ServerSideEncryptionByDefault: { KMSMasterKeyID: KEY_ARN, SSEAlgorithm: "aws:kms" },
          },
        ],
      },
      [["kms:GenerateDataKey", "kms:Decrypt"], ["kms:GenerateDataKey", "kms:Decrypt"], "kms:Decrypt"].map((action) => [
        [
          action,
          KEY_ARN,
          { StringEquals: { "kms:ViaService": { "Fn::Join": ["", [`s3.${REGION}.`, { Ref: "AWS::URLSuffix" }]] } } },
        ],
      ]),
    ],
  },
  hosts: {
    read: (template) => [policyNames(template), watched(template).prefixes],
    byDefault: [[`Sync a host to ${BUCKET} and read what the validator found`], null],
    changed: { bucketName: BUCKET, hosts: [{ name: "web1" }, { name: "db1", prefix: "databases/db1" }] },
    becomes: [
      [
        `Sync web1 to ${BUCKET} and read what the validator found`,
        `Sync db1 to ${BUCKET} and read what the validator found`,
      ],
      ["web1/", "databases/db1/"],
    ],
  },
  reportRetention: {
    read: (template) => [
      lifecycle(template).get("expire-.cback/reports/")?.ExpirationInDays,
      lifecycle(template).get("expire-.cback/runs/")?.ExpirationInDays,
      lifecycle(template).get("old-statuses")?.NoncurrentVersionExpiration,
    ],
    byDefault: [400, 400, { NoncurrentDays: 400 }],
    changed: { bucketName: BUCKET, reportRetention: Duration.days(30) },
    becomes: [30, 30, { NoncurrentDays: 30 }],
  },
  oldVersionRetention: {
    read: (template) => lifecycle(template).get("old-versions"),
    byDefault: undefined,
    changed: { bucketName: BUCKET, oldVersionRetention: Duration.days(90) },
    becomes: {
      Id: "old-versions",
      ExpiredObjectDeleteMarker: true,
      NoncurrentVersionExpiration: { NoncurrentDays: 90 },
      Status: "Enabled",
    },
  },
  maxConcurrency: {
    read: (template) => only(template, "AWS::Lambda::EventSourceMapping")[1].Properties.ScalingConfig,
    byDefault: { MaximumConcurrency: 50 },
    changed: { bucketName: BUCKET, maxConcurrency: 7 },
    becomes: { MaximumConcurrency: 7 },
  },
  memorySize: {
    read: (template) => validator(template).Properties.MemorySize,
    byDefault: 512,
    changed: { bucketName: BUCKET, memorySize: 1_024 },
    becomes: 1_024,
  },
  timeout: {
    read: (template) => [
      validator(template).Properties.Timeout,
      only(template, "AWS::SQS::Queue", "ValidatorQueue")[1].Properties.VisibilityTimeout,
    ],
    byDefault: [60, 360],
    changed: { bucketName: BUCKET, timeout: Duration.minutes(15) },
    becomes: [900, 5_400],
  },
  logRetention: {
    read: (template) => found(template, "AWS::Logs::LogGroup").map(([, { Properties }]) => Properties.RetentionInDays),
    byDefault: [365, 365],
    changed: { bucketName: BUCKET, logRetention: RetentionDays.ONE_MONTH },
    becomes: [30, 30],
  },
  maxSilence: {
    read: (template) => watched(template).maxSilenceHours,
    byDefault: 26,
    changed: { bucketName: BUCKET, maxSilence: Duration.minutes(90) },
    becomes: 1.5,
  },
  unwatched: {
    read: (template) => watched(template).unwatched,
    byDefault: [],
    changed: { bucketName: BUCKET, unwatched: ["old/", ""] },
    becomes: ["old/", ""],
  },
  alarmTopic: {
    read: (template) =>
      [
        ...new Set(found(template, "AWS::CloudWatch::Alarm").map(([, { Properties }]) => Properties.AlarmActions)),
      ].flat(),
    byDefault: [undefined],
    changed: (stack) => ({ bucketName: BUCKET, alarmTopic: Topic.fromTopicArn(stack, "Ops", TOPIC_ARN) }),
    becomes: Array.from({ length: 7 }, () => TOPIC_ARN),
  },
  tags: {
    read: (template) => taggedTypes(template, { Key: "team", Value: "infra" }),
    byDefault: [],
    changed: { bucketName: BUCKET, tags: { team: "infra" } },
    becomes: [
      "AWS::CloudWatch::Alarm",
      "AWS::CloudWatch::Dashboard",
      "AWS::Events::Rule",
      "AWS::IAM::Role",
      "AWS::Lambda::EventSourceMapping",
      "AWS::Lambda::Function",
      "AWS::Logs::LogGroup",
      "AWS::S3::Bucket",
      "AWS::SQS::Queue",
    ],
  },
} satisfies Record<keyof BackupValidatorProps, Property>;

describe("the property", () => {
  const plain = synthesize({ bucketName: BUCKET });

  for (const [name, property] of Object.entries<Property>(PROPERTIES)) {
    test(`${name} has its default`, () => assert.deepEqual(property.read(plain), property.byDefault));
    test(`${name} is obeyed`, () => {
      assert.notDeepEqual(property.becomes, property.byDefault);
      assert.deepEqual(property.read(synthesize(property.changed)), property.becomes);
    });
  }

  const source = readFileSync(new URL("../../infra/backup-validator-props.ts", import.meta.url), "utf8");
  const documented = new Map(
    [...source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s+readonly (\w+)\?: ([^;]+);/g)].map(
      ([, text = "", name = "", type = ""]) => [name, { text: text.replaceAll(/\s+\*\s+/g, " "), type }],
    ),
  );

  test("is documented, with its default, and its unit where it has one", () => {
    assert.deepEqual([...documented.keys()].sort(), Object.keys(PROPERTIES).sort());
    for (const [name, { text, type }] of documented) {
      assert.match(text, /[.:] .*@default \S/, name);
      if (type === "Duration" || type === "number")
        assert.match(text, /\b(days|hours?|seconds|MiB|shards)\b/, `${name} has no unit`);
    }
  });

  test("has the default that is documented", () => {
    const defaults = [...documented].flatMap(([name, { text }]) => {
      const number = /@default (\d+)/.exec(text)?.[1];
      return number === undefined ? [] : [[name, Number(number)]];
    });
    assert.deepEqual(Object.fromEntries(defaults), {
      reportRetention: 400,
      maxConcurrency: 50,
      memorySize: 512,
      timeout: 60,
      maxSilence: 26,
    });
  });

  test("taken as a parameter of the stack is left to the deployment", () => {
    const template = synthesize((stack) => ({
      bucketName: BUCKET,
      memorySize: new CfnParameter(stack, "Memory", { type: "Number" }).valueAsNumber,
    }));
    assert.deepEqual(validator(template).Properties.MemorySize, { Ref: "Memory" });
  });
});

describe("a bucket of the same stack", () => {
  const sameStack = (stack: Stack) => {
    const encryptionKey = new Key(stack, "Key");
    return {
      bucket: new Bucket(stack, "Files", { bucketName: BUCKET, encryptionKey }) as IBucket,
      bucketName: BUCKET,
    };
  };

  test("gets the denial into its policy, so that nothing is left to add by hand", () => {
    const validator = construct(sameStack);
    assert.deepEqual(validator.bucketPolicyStatements, []);
    const template = Template.fromStack(Stack.of(validator));
    const [guard, ...others] = statementsOf(found(template, "AWS::S3::BucketPolicy"));
    assert.equal(guard?.Sid, "OnlyTheValidatorWritesReports");
    assert.deepEqual(others, []);
  });

  test("has its own key used", () => {
    const template = synthesize(sameStack);
    const [keyId] = only(template, "AWS::KMS::Key");
    const uses = grants(template).filter(({ Action }) => list(Action).includes("kms:Decrypt"));
    assert.deepEqual(uses.flatMap(renderedResources), Array(3).fill(`\${${keyId}.Arn}`));
  });

  test("is nowhere changed in anything else", () => {
    const alone = newStack();
    sameStack(alone);
    const [, before] = only(Template.fromStack(alone), "AWS::S3::Bucket");
    const [, withValidator] = only(synthesize(sameStack), "AWS::S3::Bucket");
    assert.deepEqual(withValidator, before);
  });
});

describe("a bucket that is known by name", () => {
  const existing = (stack: Stack) => ({ bucket: Bucket.fromBucketName(stack, "Existing", BUCKET) });

  test("gets no policy, and the statement to add by hand is the one that a made bucket has", () => {
    const validator = construct(existing);
    const stack = Stack.of(validator);
    assert.deepEqual(found(Template.fromStack(stack), "AWS::S3::BucketPolicy"), []);
    const [statement, ...others] = validator.bucketPolicyStatements;
    assert.deepEqual(others, []);
    const toAdd = stack.resolve(statement?.toStatementJson()) as Statement;

    const made = synthesize({ bucketName: BUCKET });
    const attached = statementsOf(found(made, "AWS::S3::BucketPolicy")).find(({ Sid }) => Sid === toAdd.Sid);
    assert.deepEqual({ ...toAdd, Resource: undefined }, { ...attached, Resource: undefined });
    assert.deepEqual(renderedResources(toAdd), [`arn:\${AWS::Partition}:s3:::${BUCKET}/${RESERVED_PREFIX}*`]);
  });

  test("has that statement as an output of cdk deploy's stack, as JSON", () => {
    const stack = VARIANTS["an existing bucket"]?.(newApp()) ?? assert.fail();
    const [output] = Object.values(Template.fromStack(stack).findOutputs(STACK_OUTPUT.bucketPolicyStatements));
    const statements = JSON.parse(rendered(output?.Value)) as Statement[];
    assert.deepEqual(
      statements.map(({ Sid, Effect, Principal, Resource }) => ({ Sid, Effect, Principal, Resource })),
      [
        {
          Sid: "OnlyTheValidatorWritesReports",
          Effect: "Deny",
          Principal: { AWS: "*" },
          Resource: `arn:\${AWS::Partition}:s3:::${BUCKET}/${RESERVED_PREFIX}*`,
        },
      ],
    );
  });

  test("keeps the settings of its owner: no lifecycle, no retention is made up for it", () => {
    assert.deepEqual(found(synthesize(existing), "AWS::S3::Bucket"), []);
  });
});

describe("several in one stack", () => {
  const template = Template.fromStack(VARIANTS["several in one stack"]?.(newApp()) ?? assert.fail());

  test("have queues, functions and roles of their own", () => {
    const queues = found(template, "AWS::SQS::Queue").flatMap(([, { Properties }]) => Properties.QueueName ?? []);
    assert.deepEqual(queues, ["one-bucket", "two-bucket", "three-bucket"].map(queueName));
    assert.equal(found(template, "AWS::Lambda::Function").length, 6);
    assert.equal(found(template, "AWS::IAM::Role").length, 6);
  });

  test("reach nothing of each other", () => {
    const parts = ["One", "Two", "Three"];
    for (const part of parts) {
      const own = JSON.stringify([
        ...found(template, "AWS::IAM::Policy", part),
        ...found(template, "AWS::IAM::ManagedPolicy", part),
        ...found(template, "AWS::S3::BucketPolicy", part),
        ...found(template, "AWS::Lambda::EventSourceMapping", part),
      ]);
      for (const other of parts.filter((name) => name !== part))
        assert.doesNotMatch(own, new RegExp(`"${other}[A-Z]|${other.toLowerCase()}-bucket`), `${part} and ${other}`);
    }
  });
});

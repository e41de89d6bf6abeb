/** What tells a team of trouble, as a template: the silence check and its role, alarms, dashboard and alarm topic. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Duration, Stack } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { BackupValidator, type BackupValidatorProps, PropError } from "#infra/backup-validator.ts";
import { MAX_HOSTS } from "#infra/hosts.ts";
import { SyncStack, type SyncStackProps } from "#infra/stack.ts";
import { METRIC, METRIC_DIMENSION, METRIC_NAMESPACE, SILENCE_ENV, STATUS_PREFIX } from "#shared/names.ts";
import { MAX_WATCH_BYTES } from "#shared/watch.ts";
import { BUCKET, newApp } from "./construct.ts";
import { found, only } from "./template.ts";

const RUNBOOK = readFileSync(new URL("../../docs/runbook.md", import.meta.url), "utf8");

interface AlarmProperties {
  readonly AlarmDescription: string;
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Statistic: string;
  readonly Period: number;
  readonly EvaluationPeriods: number;
  readonly Threshold: number;
  readonly ComparisonOperator: string;
  readonly TreatMissingData: string;
  readonly Dimensions: readonly { readonly Name: string; readonly Value: unknown }[];
  readonly AlarmActions?: readonly unknown[];
  readonly OKActions?: readonly unknown[];
}

function synthesize(props: Omit<SyncStackProps, "bucketName"> = {}): Template {
  return Template.fromStack(new SyncStack(newApp(), "stack", { bucketName: BUCKET, ...props }));
}

/** The construct alone, for what `cdk deploy` has no key for. */
function construct(props: BackupValidatorProps): Template {
  const stack = new Stack(newApp(), "stack");
  new BackupValidator(stack, "Backup", { bucketName: BUCKET, ...props });
  return Template.fromStack(stack);
}

function alarms(template: Template): Map<string, AlarmProperties> {
  return new Map(
    found(template, "AWS::CloudWatch::Alarm").map(([id, { Properties }]) => [
      id.replace(/^BackupAlarms/, "").replace(/[0-9A-F]{8}$/, ""),
      Properties as unknown as AlarmProperties,
    ]),
  );
}

const template = synthesize();
const [bucketId] = only(template, "AWS::S3::Bucket", "");
const [deadLetterQueueId] = only(template, "AWS::SQS::Queue", "DeadLetters");
const queueId = Object.keys(template.findResources("AWS::SQS::Queue")).find((id) => id !== deadLetterQueueId) ?? "";
const [validatorId] = only(template, "AWS::Lambda::Function", "Validator");
const [silenceId, silenceFunction] = only(template, "AWS::Lambda::Function", "SilenceWatch");

describe("an alarm", () => {
  const queueMetric = (name: string, id: string) => ({
    Namespace: "AWS/SQS",
    MetricName: name,
    Dimensions: [{ Name: "QueueName", Value: { "Fn::GetAtt": [id, "QueueName"] } }],
    Statistic: "Maximum",
    Period: 300,
  });
  const validatorMetric = (name: string) => ({
    Namespace: "AWS/Lambda",
    MetricName: name,
    Dimensions: [{ Name: "FunctionName", Value: { Ref: validatorId } }],
    Statistic: "Sum",
    Period: 300,
  });
  const ownMetric = (name: string) => ({
    Namespace: METRIC_NAMESPACE,
    MetricName: name,
    Dimensions: [{ Name: METRIC_DIMENSION, Value: BUCKET }],
    Statistic: "Sum",
    Period: 300,
  });
  const once = { EvaluationPeriods: 1, Threshold: 1, TreatMissingData: "notBreaching" };

  const EXPECTED: Readonly<Record<string, [string, object]>> = {
    DeadLetters: [
      "goes off at the first dead letter",
      { ...queueMetric("ApproximateNumberOfMessagesVisible", deadLetterQueueId), ...once },
    ],
    OldestMessage: [
      "goes off when a message has waited for more than 15 minutes",
      { ...queueMetric("ApproximateAgeOfOldestMessage", queueId), ...once, Threshold: 901 },
    ],
    FunctionErrors: ["goes off when the validator fails as a whole", { ...validatorMetric("Errors"), ...once }],
    Throttles: [
      "goes off when the validator is held back for three periods in a row",
      { ...validatorMetric("Throttles"), ...once, EvaluationPeriods: 3 },
    ],
    Mismatch: ["goes off at the first mismatch", { ...ownMetric(METRIC.mismatch), ...once }],
    ErrorVerdict: ["goes off at the first run that could not be checked", { ...ownMetric(METRIC.error), ...once }],
    Silence: [
      "goes off at the first silent prefix, and when no check has said anything in two hours",
      {
        ...ownMetric(METRIC.silentPrefixes),
        Statistic: "Maximum",
        Period: 7_200,
        EvaluationPeriods: 1,
        Threshold: 1,
        TreatMissingData: "breaching",
      },
    ],
  };

  for (const [id, [title, expected]] of Object.entries(EXPECTED)) {
    test(title, () => {
      const { AlarmDescription, ...properties } = alarms(template).get(id) ?? assert.fail(`no alarm ${id}`);
      assert.deepEqual(properties, { ...expected, ComparisonOperator: "GreaterThanOrEqualToThreshold" });
      assert.ok(AlarmDescription.includes(BUCKET), AlarmDescription);
    });
  }

  test("is one of these, and each has a test", () => {
    assert.deepEqual([...alarms(template).keys()].sort(), Object.keys(EXPECTED).sort());
  });

  test("says what is wrong in one sentence, and its section of the runbook is there and complete", () => {
    const sections = new Map(
      RUNBOOK.split(/^## /m)
        .slice(1)
        .map((section) => {
          const heading = section.slice(0, section.indexOf("\n")).trim();
          // As GitHub makes anchors.
          return [
            heading
              .toLowerCase()
              .replaceAll(/[^\w -]/g, "")
              .replaceAll(" ", "-"),
            section,
          ];
        }),
    );
    for (const { AlarmDescription } of alarms(template).values()) {
      const [, sentence = "", anchor = ""] =
        /^([^.]+(?:\.[^ .]+)*[^.]*\.) See docs\/runbook\.md#([a-z-]+)$/.exec(AlarmDescription) ?? [];
      assert.notEqual(sentence, "", AlarmDescription);
      const section = sections.get(anchor) ?? assert.fail(`docs/runbook.md has no section #${anchor}`);
      for (const part of ["*Description.*", "*Investigation.*", "*Resolution.*"])
        assert.ok(section.includes(part), `#${anchor} has no ${part}`);
    }
  });

  test("tells nobody by itself, and with a topic also when it is over", () => {
    for (const { AlarmActions, OKActions } of alarms(template).values())
      assert.deepEqual([AlarmActions, OKActions], [undefined, undefined]);
    const told = synthesize({ alarmEmail: "ops@example.com" });
    const [topicId] = only(told, "AWS::SNS::Topic", "");
    assert.equal(alarms(told).size, alarms(template).size);
    for (const { AlarmActions, OKActions } of alarms(told).values())
      assert.deepEqual([AlarmActions, OKActions], [[{ Ref: topicId }], [{ Ref: topicId }]]);
  });

  test("names the time allowed", () => {
    const text = alarms(construct({ maxSilence: Duration.hours(50) })).get("Silence")?.AlarmDescription;
    assert.match(text ?? "", /for 50 hours/);
  });
});

test("the runbook asks the logs for events that the functions write, and the stack for outputs that it has", () => {
  const folder = new URL("../../lambda/", import.meta.url);
  const sources = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), "utf8"));
  const asked = [...RUNBOOK.matchAll(/\bevents "\$\w+" ([a-z-]+)/g)].map(([, event]) => event);
  assert.ok(asked.length >= 8);
  for (const event of asked)
    assert.ok(
      sources.some((source) => source.includes(`"${event}"`)),
      event,
    );
  for (const [, output] of RUNBOOK.matchAll(/\$\(output (\w+)\)/g))
    assert.ok(output && template.findOutputs(output)[output]);
});

describe("the alarm topic", () => {
  const told = synthesize({ alarmEmail: "ops@example.com" });

  test("sends to the address given", () => {
    told.hasResourceProperties("AWS::SNS::Subscription", { Protocol: "email", Endpoint: "ops@example.com" });
  });

  test("takes messages from this account's CloudWatch, which its policy would otherwise shut out, and over TLS only", () => {
    const [topicId] = only(told, "AWS::SNS::Topic", "");
    told.hasResourceProperties("AWS::SNS::TopicPolicy", {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: "Deny", Condition: { Bool: { "aws:SecureTransport": "false" } } }),
          {
            Sid: "AlarmsOfThisAccount",
            Effect: "Allow",
            Principal: { Service: "cloudwatch.amazonaws.com" },
            Action: "sns:Publish",
            Resource: { Ref: topicId },
            Condition: { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } },
          },
        ]),
      },
    });
  });

  test("is not made when nobody is to be told", () => {
    template.resourceCountIs("AWS::SNS::Topic", 0);
  });
});

describe("the silence check", () => {
  test("runs each hour, on the bucket of the stack", () => {
    template.hasResourceProperties("AWS::Events::Rule", {
      ScheduleExpression: "rate(1 hour)",
      State: "ENABLED",
      Targets: [{ Arn: { "Fn::GetAtt": [silenceId, "Arn"] } }],
    });
    assert.deepEqual(silenceFunction.Properties.Environment, {
      Variables: { [SILENCE_ENV.bucket]: { Ref: bucketId } },
    });
    template.hasResourceProperties("AWS::Lambda::Function", {
      Handler: "silence.handler",
      Runtime: "nodejs24.x",
      Architectures: ["arm64"],
      LoggingConfig: {
        LogFormat: "JSON",
        LogGroup: { Ref: only(template, "AWS::Logs::LogGroup", "SilenceWatch")[0] },
      },
    });
  });

  test("may be called by its rule alone", () => {
    const [ruleId] = only(template, "AWS::Events::Rule", "");
    const [, { Properties }] = only(template, "AWS::Lambda::Permission", "");
    assert.deepEqual(Properties, {
      Action: "lambda:InvokeFunction",
      FunctionName: { "Fn::GetAtt": [silenceId, "Arn"] },
      Principal: "events.amazonaws.com",
      SourceArn: { "Fn::GetAtt": [ruleId, "Arn"] },
    });
  });

  test("is deployed from the same code as the validator", () => {
    const [, validator] = only(template, "AWS::Lambda::Function", "Validator");
    assert.deepEqual(silenceFunction.Properties.Code, validator.Properties.Code);
  });

  test("keeps its log for a year, or as long as is asked for", () => {
    const [, log] = only(template, "AWS::Logs::LogGroup", "SilenceWatch");
    assert.equal(log.Properties.RetentionInDays, 365);
    const [, other] = only(construct({ logRetention: 30 }), "AWS::Logs::LogGroup", "SilenceWatch");
    assert.equal(other.Properties.RetentionInDays, 30);
  });

  test("has a role of its own that sees the statuses and nothing else", () => {
    const [roleId, role] = only(template, "AWS::IAM::Role", "SilenceWatch");
    assert.deepEqual(silenceFunction.Properties.Role, { "Fn::GetAtt": [roleId, "Arn"] });
    assert.equal(role.Properties.ManagedPolicyArns, undefined);
    const bucketArn = { "Fn::GetAtt": [bucketId, "Arn"] };
    const [logId] = only(template, "AWS::Logs::LogGroup", "SilenceWatch");
    const [, policy] = only(template, "AWS::IAM::Policy", "SilenceWatch");
    assert.deepEqual(policy.Properties.PolicyDocument, {
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "ListStatuses",
          Effect: "Allow",
          Action: "s3:ListBucket",
          Resource: bucketArn,
          Condition: { StringLike: { "s3:prefix": `${STATUS_PREFIX}*` } },
        },
        {
          Sid: "ReadStatuses",
          Effect: "Allow",
          Action: "s3:GetObject",
          Resource: { "Fn::Join": ["", [bucketArn, `/${STATUS_PREFIX}*`]] },
        },
        {
          Effect: "Allow",
          Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
          Resource: { "Fn::GetAtt": [logId, "Arn"] },
        },
      ],
    });
  });
});

describe("what the silence check watches", () => {
  function input(of: Template): unknown {
    const [, rule] = only(of, "AWS::Events::Rule", "");
    const [target] = rule.Properties.Targets as { Input: string }[];
    return JSON.parse(target?.Input ?? "");
  }

  test("is each prefix that ever had a run, where no hosts are named", () => {
    assert.deepEqual(input(template), { prefixes: null, unwatched: [], maxSilenceHours: 26 });
  });

  test("are the hosts' prefixes, where hosts are named", () => {
    const hosts = [{ name: "web1" }, { name: "db1", prefix: "databases/db1" }];
    const watching = synthesize({ hosts, unwatched: ["old/"], maxSilence: Duration.days(8) });
    assert.deepEqual(input(watching), {
      prefixes: ["web1/", "databases/db1/"],
      unwatched: ["old/"],
      maxSilenceHours: 192,
    });
  });

  const many = Array.from({ length: 400 }, (_, number) => `retired-host-${number}.example.com/`);
  const REFUSED: [string, BackupValidatorProps, string, RegExp][] = [
    ["too short a time", { maxSilence: Duration.minutes(30) }, "maxSilence", /0\.5 hours is less than one/],
    ["a retired prefix that cannot be", { unwatched: ["old"] }, "unwatched", /\[old\].*does not end in \//],
    ["more retired prefixes than a rule holds", { unwatched: many }, "unwatched", new RegExp(String(MAX_WATCH_BYTES))],
    [
      "more hosts than a rule holds",
      {
        hosts: many
          .slice(0, MAX_HOSTS)
          .map((prefix, number) => ({ name: `host${number}`, prefix: `retired/for/years/${prefix}` })),
      },
      "hosts",
      new RegExp(String(MAX_WATCH_BYTES)),
    ],
  ];
  for (const [title, props, property, reason] of REFUSED)
    test(`is refused at synthesis by the property's name: ${title}`, () => {
      assert.throws(
        () => construct(props),
        (error) => error instanceof PropError && error.property === property && reason.test(error.reason),
      );
    });
});

describe("the dashboard", () => {
  const [, { Properties }] = only(template, "AWS::CloudWatch::Dashboard", "");
  const text = JSON.stringify(Properties.DashboardBody);

  test("shows every metric that the functions send", () => {
    for (const name of Object.values(METRIC)) assert.ok(text.includes(`\\"${name}\\"`), name);
  });

  test("shows queue, dead letters, errors, throttles and how long the validator takes", () => {
    for (const name of [
      "ApproximateNumberOfMessagesVisible",
      "ApproximateNumberOfMessagesNotVisible",
      "ApproximateAgeOfOldestMessage",
      "Errors",
      "Throttles",
      "Duration",
    ])
      assert.ok(text.includes(name), name);
    assert.match(text, /p95/);
    assert.ok(text.includes(deadLetterQueueId) && text.includes(validatorId) && text.includes(silenceId));
  });

  test("is one for each bucket", () => {
    const stack = new Stack(newApp(), "stack");
    for (const name of ["one", "two"]) new BackupValidator(stack, name, { bucketName: `${name}-bucket` });
    const both = Template.fromStack(stack);
    both.resourceCountIs("AWS::CloudWatch::Dashboard", 2);
    both.resourceCountIs("AWS::CloudWatch::Alarm", 14);
    both.resourceCountIs("AWS::Events::Rule", 2);
  });
});

/**
 * What tells a team of trouble, deployed for real. The engine reads no metrics out of logs, so the tests hand on what
 * the functions' lines say, and it takes a missing value for none at all: that is proven of the template.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  GetDashboardCommand,
  type MetricAlarm,
  PutMetricDataCommand,
} from "@aws-sdk/client-cloudwatch";
import {
  DescribeRuleCommand,
  EventBridgeClient,
  ListRuleNamesByTargetCommand,
  ListTargetsByRuleCommand,
} from "@aws-sdk/client-eventbridge";
import { IAMClient } from "@aws-sdk/client-iam";
import { GetFunctionConfigurationCommand, InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { readStackOutputs } from "#infra/local/deployment.ts";
import { engineFiles } from "#infra/local/paths.ts";
import { encodeManifest } from "#shared/manifest.ts";
import { encodeMessage } from "#shared/message.ts";
import { METRIC, METRIC_NAMESPACE, REPORTS_PREFIX, STATUS_PREFIX, stackName } from "#shared/names.ts";
import { runId } from "#shared/run-id.ts";
import { statusKey } from "#shared/status.ts";
import type { Watch } from "#shared/watch.ts";
import { takeOnRole } from "#test/function-role.ts";
import { ENGINE_SETTINGS_ENV, liveEngine } from "#test/live-engine.ts";

const engine = liveEngine();
const Bucket = engine.bucket;
const STACK = stackName(Bucket);
const outputs = readStackOutputs(engineFiles(dirname(process.env[ENGINE_SETTINGS_ENV] ?? "")), Bucket);

const lambda = new LambdaClient(engine.administrator);
const cloudwatch = new CloudWatchClient(engine.administrator);
const events = new EventBridgeClient(engine.administrator);
const s3 = new S3Client(engine.administrator);
after(() => [lambda, cloudwatch, events, s3].forEach((client) => void client.destroy()));

/** What a function answers, and the lines of JSON that it wrote. */
async function invoke(FunctionName: string, event: unknown) {
  const {
    Payload,
    LogResult = "",
    FunctionError,
  } = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), LogType: "Tail" }));
  const lines = Buffer.from(LogResult, "base64")
    .toString("utf8")
    .split("\n")
    .flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
  return { answer: JSON.parse(Buffer.from(Payload ?? []).toString("utf8")), lines, FunctionError };
}

/** Those of this stack: other tests deploy more of them beside it. */
async function alarms(): Promise<MetricAlarm[]> {
  const { MetricAlarms = [] } = await cloudwatch.send(new DescribeAlarmsCommand({ AlarmNamePrefix: STACK }));
  return MetricAlarms.filter(({ AlarmName }) => AlarmName?.startsWith(`${STACK}-`));
}

async function alarm(idPart: string): Promise<MetricAlarm> {
  const all = await alarms();
  return all.find(({ AlarmName }) => AlarmName?.includes(`Alarms${idPart}`)) ?? assert.fail(`no alarm ${idPart}`);
}

/** As CloudWatch does with each such line. */
async function handOn(
  line: { _aws: { CloudWatchMetrics: EmbeddedMetrics[] } } & Record<string, unknown>,
): Promise<void> {
  for (const { Namespace, Dimensions, Metrics } of line._aws.CloudWatchMetrics)
    await cloudwatch.send(
      new PutMetricDataCommand({
        Namespace,
        MetricData: Metrics.map(({ Name, Unit }) => ({
          MetricName: Name,
          Unit,
          Value: Number(line[Name]),
          Dimensions: Dimensions[0]?.map((name) => ({ Name: name, Value: String(line[name]) })),
        })),
      }),
    );
}

interface EmbeddedMetrics {
  readonly Namespace: string;
  readonly Dimensions: string[][];
  readonly Metrics: { readonly Name: string; readonly Unit: "Count" }[];
}

const newPrefix = () => `operations-${randomBytes(6).toString("hex")}/`;

/** Has the validator check a run of nothing, as its queue would. */
function verify(prefix: string, expected: { path: string; sizeBytes: number; etag: string }[] = []) {
  const body = encodeMessage({
    run: runId(new Date(), randomBytes(16)),
    bucket: Bucket,
    prefix,
    shard: { index: 0, after: null, through: null, last: true },
    extras: "mismatch",
    repairs: null,
    source: { host: "host", directory: "/home" },
    agentVersion: "0.0.0",
    manifest: encodeManifest(expected),
  });
  const attributes = { ApproximateReceiveCount: "1", SenderId: "AIDAHOST" };
  return invoke(outputs.ValidatorFunctionName, {
    Records: [{ messageId: "1", receiptHandle: "1", body, attributes }],
  });
}

const metricLines = (lines: readonly Record<string, unknown>[]) => lines.filter((line) => "_aws" in line);

describe("the deployed alarms", () => {
  test("are all there, and so is the dashboard", async () => {
    assert.equal((await alarms()).length, 7);
    assert.equal((await alarm("Silence")).TreatMissingData, "breaching");
    const { DashboardName } = outputs;
    const { DashboardBody = "" } = await cloudwatch.send(new GetDashboardCommand({ DashboardName }));
    const { widgets } = JSON.parse(DashboardBody);
    assert.equal(widgets.length, 9);
    // What CloudFormation filled in.
    assert.ok(DashboardBody.includes(outputs.ValidatorFunctionName));
  });

  test("a mismatch that the validator finds sets off its alarm, by the line that it logs", async () => {
    const { answer, lines } = await verify(newPrefix(), [{ path: "gone", sizeBytes: 1, etag: "e" }]);
    assert.deepEqual(answer, { batchItemFailures: [] });
    const [line, ...more] = metricLines(lines);
    assert.deepEqual(more, []);
    assert.equal(line?.bucket, Bucket);
    assert.deepEqual(
      [line?.[METRIC.shardsChecked], line?.[METRIC.missing], line?.[METRIC.mismatch], line?.[METRIC.match]],
      [1, 1, 1, undefined],
    );
    assert.notEqual((await alarm("Mismatch")).StateValue, "ALARM");
    await handOn(line as Parameters<typeof handOn>[0]);
    assert.equal((await alarm("Mismatch")).StateValue, "ALARM");
    assert.notEqual((await alarm("ErrorVerdict")).StateValue, "ALARM");
  });
});

describe("the deployed silence check", () => {
  const silentPrefix = newPrefix();
  const damagedPrefix = newPrefix();
  const FunctionName = outputs.SilenceFunctionName;
  const watch = (changes: Partial<Watch>): Watch => ({
    prefixes: null,
    unwatched: [],
    maxSilenceHours: 26,
    ...changes,
  });

  before(async () => {
    await verify(silentPrefix);
    // The root key is bound by no policy on the engine: nobody could write this on AWS.
    await s3.send(new PutObjectCommand({ Bucket, Key: statusKey(damagedPrefix), Body: '{"version": "1.0", "bu' }));
  });
  after(async () => {
    await s3.send(new DeleteObjectCommand({ Bucket, Key: statusKey(damagedPrefix) }));
  });

  test("has a rule that calls it each hour with what the stack was told to watch", async () => {
    const { FunctionArn: TargetArn } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const { RuleNames: [Rule = ""] = [] } = await events.send(new ListRuleNamesByTargetCommand({ TargetArn }));
    const { ScheduleExpression, State } = await events.send(new DescribeRuleCommand({ Name: Rule }));
    assert.deepEqual([ScheduleExpression, State], ["rate(1 hour)", "ENABLED"]);
    const { Targets: [target] = [] } = await events.send(new ListTargetsByRuleCommand({ Rule }));
    const event = JSON.parse(target?.Input ?? "");
    assert.deepEqual(event, watch({}));
    // The very event, as the rule would send it.
    const { answer, FunctionError } = await invoke(FunctionName, event);
    assert.equal(FunctionError, undefined);
    assert.ok(answer.watched >= 2);
  });

  test("finds a prefix alive after its run, and an expected one silent that never had one", async () => {
    const never = newPrefix();
    const { answer, lines } = await invoke(FunctionName, watch({ prefixes: [silentPrefix, never] }));
    assert.deepEqual(answer.silent, [{ prefix: never, reason: "no run ever", hours: null }]);
    assert.equal(answer.watched, 2);
    assert.deepEqual(
      lines.flatMap(({ event, prefix }) => (event === "silent-prefix" ? [prefix] : [])),
      [never],
    );
    const [line] = metricLines(lines);
    assert.deepEqual([line?.[METRIC.silentPrefixes], line?.[METRIC.damagedStatuses]], [1, 1]);
  });

  test("names and counts a damaged status, and goes on", async () => {
    const { answer, lines } = await invoke(FunctionName, watch({ prefixes: [damagedPrefix, silentPrefix] }));
    assert.deepEqual(answer.silent, [{ prefix: damagedPrefix, reason: "its status is damaged", hours: null }]);
    assert.deepEqual(
      answer.damaged.map(({ key }: { key: string }) => key),
      [statusKey(damagedPrefix)],
    );
    assert.ok(lines.some(({ event, key }) => event === "damaged-status" && key === statusKey(damagedPrefix)));
  });

  test("leaves out a host that was retired", async () => {
    const { answer } = await invoke(FunctionName, watch({ unwatched: [damagedPrefix] }));
    const named = answer.silent.map(({ prefix }: { prefix: string }) => prefix);
    assert.ok(!named.includes(damagedPrefix));
  });

  test("sets off its alarm, by the line that it logs", async () => {
    const found = await invoke(FunctionName, watch({ prefixes: [newPrefix()] }));
    await handOn(metricLines(found.lines)[0] as Parameters<typeof handOn>[0]);
    assert.equal((await alarm("Silence")).StateValue, "ALARM");
    assert.equal((await alarm("Silence")).Namespace, METRIC_NAMESPACE);
  });

  test("fails as a whole, and counts nothing, when it is called with something else", async () => {
    const { answer, lines, FunctionError } = await invoke(FunctionName, { source: "aws.events" });
    assert.notEqual(FunctionError, undefined);
    assert.match(answer.errorMessage, /prefixes: it is missing/);
    assert.deepEqual(metricLines(lines), []);
  });
});

describe("the silence check's role", () => {
  let role: S3Client;
  before(async () => {
    const iam = new IAMClient(engine.administrator);
    const credentials = await takeOnRole(outputs.SilenceFunctionName, { iam, lambda });
    iam.destroy();
    role = new S3Client({ ...engine.administrator, credentials });
  });
  after(() => role.destroy());

  test("lists and reads statuses", async () => {
    const prefix = newPrefix();
    await verify(prefix);
    const { Contents = [] } = await role.send(new ListObjectsV2Command({ Bucket, Prefix: STATUS_PREFIX }));
    assert.ok(Contents.some(({ Key }) => Key === statusKey(prefix)));
    await role.send(new GetObjectCommand({ Bucket, Key: statusKey(prefix) }));
  });

  test("sees nothing else of the bucket, and writes and deletes nothing", async () => {
    const Key = `${newPrefix()}data`;
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: "data" }));
    const status = statusKey(newPrefix());
    const denied = { name: /^AccessDenied/ };
    await assert.rejects(role.send(new ListObjectsV2Command({ Bucket })), denied);
    await assert.rejects(role.send(new ListObjectsV2Command({ Bucket, Prefix: REPORTS_PREFIX })), denied);
    await assert.rejects(role.send(new ListObjectsV2Command({ Bucket, Prefix: Key })), denied);
    await assert.rejects(role.send(new GetObjectCommand({ Bucket, Key })), denied);
    await assert.rejects(role.send(new GetObjectCommand({ Bucket, Key: `${REPORTS_PREFIX}a.json` })), denied);
    await assert.rejects(role.send(new PutObjectCommand({ Bucket, Key, Body: "changed" })), denied);
    await assert.rejects(role.send(new PutObjectCommand({ Bucket, Key: status, Body: "{}" })), denied);
    await assert.rejects(role.send(new DeleteObjectCommand({ Bucket, Key: status })), denied);
    await s3.send(new DeleteObjectCommand({ Bucket, Key }));
  });
});

/**
 * The life of a stack, as an infra team meets it: from an account with nothing in it until it is taken away again. That
 * the bucket outlives it is proven of the template (`test/infra/stack.test.ts`), for the engine deletes it all the same.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { CloudWatchClient, DescribeAlarmsCommand } from "@aws-sdk/client-cloudwatch";
import { GetPolicyCommand, IAMClient } from "@aws-sdk/client-iam";
import { GetFunctionConfigurationCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { GetQueueUrlCommand, SQSClient } from "@aws-sdk/client-sqs";
import { queueName, stackName } from "#shared/names.ts";
import { assertExit, runAgent } from "#test/e2e/agent-process.ts";
import { makeTree } from "#test/e2e/tree.ts";
import { liveEngine } from "#test/live-engine.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { type Host, startBareEngine } from "./bare-engine.ts";

const BUCKET = "life.example.com";
const STACK = stackName(BUCKET);
const URL = `s3://${BUCKET}`;
const CONTEXT = ["--context", `bucket=${BUCKET}`];
const CHANGED = [...CONTEXT, "--context", "maxSilence=50"];

const folder = temporaryFolder({ after });
const source = makeTree(folder, { "notes.txt": "notes", "mail/inbox": "mail" });
const engine = await startBareEngine({ after });

// Each step stands on the one before.
test("the life of a stack", async (life) => {
  let outputs: Readonly<Record<string, string>> = {};
  let host: Host;

  await life.test("cdk bootstrap makes the account ready", async () => {
    assert.match(await engine.bootstrap(CONTEXT), / bootstrapped\.\n/);
  });

  await life.test("cdk deploy makes all that a host needs: its first run is verified", async () => {
    const started = performance.now();
    const deployment = await engine.deploy(CONTEXT);
    outputs = deployment.outputs[STACK] ?? assert.fail(`no outputs of ${STACK}`);
    host = await engine.makeHost("host", outputs.HostPolicyArn);
    const ended = await runAgent(folder, [source, outputs.BucketUrl ?? ""], host);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);

    assertExit(ended, 0);
    assert.match(ended.stdout, /^Verdict: match\. The validator found all 2 files /m);
    life.diagnostic(`from cdk deploy to the first verified run: ${seconds} s`);
  });

  await life.test("cdk deploy once more has nothing to do", async () => {
    const { said } = await engine.deploy(CONTEXT);
    assert.match(said, new RegExp(`${STACK} \\(no changes\\)`));
  });

  await life.test("cdk diff --fail finds no difference, and one where a setting differs", async () => {
    assert.match(await engine.cdk(["diff", "--fail", ...CONTEXT]), /There were no differences/);
    await assert.rejects(engine.cdk(["diff", "--fail", ...CHANGED]), /Number of stacks with differences: 1/);
  });

  await life.test("cdk deploy with another setting brings it in, and hosts go on", async () => {
    assert.match(await silenceAlarm(), / for 26 hours, /);
    const { said } = await engine.deploy(CHANGED);
    assert.doesNotMatch(said, /no changes/);
    assert.match(await silenceAlarm(), / for 50 hours, /);
    assertExit(await runAgent(folder, [source, URL], host), 0);
  });

  await life.test("cdk destroy leaves no queue, function, alarm or policy behind", async () => {
    // IAM deletes no policy that is attached.
    await host.forget();
    await engine.cdk(["destroy", "--force", ...CHANGED]);

    const { administrator } = liveEngine();
    const [sqs, lambda, iam] = [
      new SQSClient(administrator),
      new LambdaClient(administrator),
      new IAMClient(administrator),
    ];
    await assert.rejects(sqs.send(new GetQueueUrlCommand({ QueueName: queueName(BUCKET) })), {
      name: "QueueDoesNotExist",
    });
    for (const FunctionName of [outputs.ValidatorFunctionName, outputs.SilenceFunctionName]) {
      const asked = lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
      await assert.rejects(asked, { name: "ResourceNotFoundException" });
    }
    const asked = iam.send(new GetPolicyCommand({ PolicyArn: outputs.HostPolicyArn }));
    await assert.rejects(asked, { name: "NoSuchEntityException" });
    assert.deepEqual(await alarms(), []);
    for (const client of [sqs, lambda, iam]) client.destroy();
  });
});

async function alarms(): Promise<{ readonly name: string; readonly description: string }[]> {
  const cloudwatch = new CloudWatchClient(liveEngine().administrator);
  const { MetricAlarms = [] } = await cloudwatch.send(new DescribeAlarmsCommand({ AlarmNamePrefix: STACK }));
  cloudwatch.destroy();
  return MetricAlarms.map(({ AlarmName = "", AlarmDescription = "" }) => ({
    name: AlarmName,
    description: AlarmDescription,
  }));
}

async function silenceAlarm(): Promise<string> {
  const all = await alarms();
  return all.find(({ name }) => name.includes("AlarmsSilence"))?.description ?? assert.fail("no silence alarm");
}

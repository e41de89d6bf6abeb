/** The engine's life: started twice, stopped, started again, killed, pushed off its port. It is one of the test's own. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { type Engine, findEngine, startEngine, stopEngine } from "#infra/local/engine.ts";
import { clientSettings } from "#infra/local/engine-client.ts";
import { startEngineProcess } from "#infra/local/engine-process.ts";
import { engineFiles } from "#infra/local/paths.ts";
import { groupMembers } from "#infra/local/processes.ts";
import { installEngine } from "#infra/local/virtual-environment.ts";
import { queueName } from "#shared/names.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";

const BUCKET = "cback-life";
const folder = temporaryFolder({ after });

test("an engine's life", async (life) => {
  life.after(() => stopEngine(folder));
  const said: string[] = [];
  const up = () => startEngine({ folder, bucket: BUCKET, say: (line) => void said.push(line) });
  const deployments = () => said.filter((line) => line.startsWith("Deploying")).length;

  let engine: Engine;

  /** The real CDK, which finds a file where it is to write. */
  async function failingDeployment(): Promise<void> {
    const { cdkOutput, deployed } = engineFiles(folder);
    rmSync(cdkOutput, { recursive: true, force: true });
    rmSync(deployed, { force: true });
    writeFileSync(cdkOutput, "");
    await assert.rejects(up(), /^LocalError: cdk \w+ failed\./);
    rmSync(cdkOutput);
  }

  await life.test("two that start it at once start one", async () => {
    const [first, second] = await Promise.all([up(), up()]);
    assert.deepEqual(first, second);
    assert.equal(deployments(), 1);
    engine = first;
  });

  await life.test("its settings are for nobody else to read, and mean the same to a shell and to Node", () => {
    assert.equal(statSync(engine.environmentFile).mode & 0o777, 0o600);
    const lines = readFileSync(engine.environmentFile, "utf8").trimEnd().split("\n");
    assert.deepEqual(
      lines.toSorted(),
      Object.entries(engine.environment)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    );
  });

  await life.test("stopping it leaves no process, functions included, and closes its port", async () => {
    await putObject(engine, "kept");
    await wakeFunction(engine);
    assert.ok(groupMembers(engine.pid, folder).length > 1, "a function runs beside the engine");

    assert.equal(await stopEngine(folder), true);
    assert.deepEqual(processesThatName(folder), []);
    await assert.rejects(fetch(engine.endpoint));
    assert.equal(findEngine(folder), undefined);
    assert.equal(await stopEngine(folder), false, "there is nothing left to stop");
  });

  await life.test("started again it holds what it held, without a deployment, at the same address", async () => {
    const again = await up();
    assert.equal(deployments(), 1);
    assert.deepEqual(again.environment, engine.environment);
    assert.deepEqual(await listKeys(again), ["kept"]);
    engine = again;
  });

  await life.test("killed it loses neither the stack nor what was synced", async () => {
    await putObject(engine, "late");
    process.kill(engine.pid, "SIGKILL");
    const again = await up();
    assert.equal(deployments(), 1);
    assert.deepEqual(again.environment, engine.environment);
    assert.deepEqual(await listKeys(again), ["kept", "late"]);
    engine = again;
  });

  await life.test("where somebody took its port it says so, for its stack works on no other", async () => {
    await stopEngine(folder);
    const squatter = await listenOn(engine.port);
    await assert.rejects(
      up(),
      new RegExp(`Port ${engine.port} is taken by another process, .*\\nFree the port, or delete `),
    );
    await new Promise((resolve) => squatter.close(resolve));

    const again = await up();
    assert.equal(again.endpoint, engine.endpoint);
    assert.deepEqual(await listKeys(again), ["kept", "late"]);
  });

  await life.test("where another deployment fails, one that is up stays up", async () => {
    const deployed = readFileSync(engineFiles(folder).deployed);
    const running = findEngine(folder);
    await failingDeployment();
    assert.deepEqual(findEngine(folder), running);
    writeFileSync(engineFiles(folder).deployed, deployed);
  });

  await life.test(
    "deleted while it runs, it is stopped all the same, and so is another whose deployment fails",
    async () => {
      const abandoned = findEngine(folder);
      assert.ok(abandoned);
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
      await failingDeployment();
      assert.equal(findEngine(folder), undefined);
      assert.deepEqual(processesThatName(folder), []);
      assert.deepEqual(groupMembers(abandoned.pid, folder), []);
    },
  );

  await life.test("one whose start was cut short is found and stopped, without settings", async () => {
    const { pid } = await startEngineProcess(folder, await installEngine(() => {}));
    const found = findEngine(folder);
    assert.deepEqual([found?.pid, found?.environment], [pid, undefined]);
    assert.equal(await stopEngine(folder), true);
    assert.deepEqual(processesThatName(folder), []);
  });

  await life.test("after that it starts empty", async () => {
    const before = deployments();
    const fresh = await up();
    assert.equal(deployments(), before + 1);
    assert.deepEqual(await listKeys(fresh), []);
  });

  await life.test("a process that only has the engine's number is left alone", async () => {
    await stopEngine(folder);
    writeFileSync(join(folder, "engine.pid"), String(process.pid));
    assert.equal(findEngine(folder), undefined);
    assert.equal(await stopEngine(folder), false);
  });
});

async function putObject(engine: Engine, Key: string): Promise<void> {
  const s3 = new S3Client(clientSettings(engine.environment));
  await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: Key }));
  s3.destroy();
}

async function listKeys(engine: Engine): Promise<(string | undefined)[]> {
  const s3 = new S3Client(clientSettings(engine.environment));
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  s3.destroy();
  return Contents.map(({ Key }) => Key).filter((key) => !key?.startsWith(".cback/"));
}

/** Sends a message that means nothing, and waits until the function's runtime is there to refuse it. */
async function wakeFunction(engine: Engine): Promise<void> {
  const sqs = new SQSClient(clientSettings(engine.environment));
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queueName(BUCKET) }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "{}" }));
  sqs.destroy();
  for (let waitedMs = 0; groupMembers(engine.pid, folder).length < 2 && waitedMs < 20_000; waitedMs += 50)
    await sleep(50);
}

function processesThatName(text: string): string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").includes(text);
    } catch {
      return false;
    }
  });
}

function listenOn(port: number): Promise<Server> {
  const { promise, resolve, reject } = Promise.withResolvers<Server>();
  const server = createServer();
  server.on("error", reject);
  server.listen(port, "127.0.0.1", () => resolve(server));
  return promise;
}

/** Runs on a whole bucket of their own: its level, its validator's own objects, and a validator that does not answer. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  GetEventSourceMappingCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
} from "@aws-sdk/client-lambda";
import { REPORTS_PREFIX, RESERVED_PREFIX } from "#shared/names.ts";
import { liveEngine } from "#test/live-engine.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, failureOf, runAgent, startAgent, unbroken } from "./agent-process.ts";
import { BucketView } from "./bucket-view.ts";
import { deploySecondStack, type SecondStack } from "./second-stack.ts";
import { makeTree } from "./tree.ts";

const folder = mkdtempSync(join(tmpdir(), "cback-test-"));
let stack: SecondStack;
before(async () => {
  stack = await deploySecondStack(folder);
});
after(async () => {
  await stack?.forget();
  rmSync(folder, { recursive: true, force: true });
});

// One after the other: they share the bucket.
describe("a whole bucket", () => {
  // cback-amazons3-sync SOURCE s3://BUCKET
  // cback-amazons3-sync SOURCE/ s3://BUCKET/
  test("fault 39: with and without slashes at the end is the same, and .cback/ is neither listed nor deleted", async (t) => {
    const own = temporaryFolder(t);
    const { environment, bucket } = stack;
    const view = new BucketView(t, "", bucket);
    // On both sides of .cback/ in key order, and names that begin like it.
    const paths = [" first", "-dash", ".cbac", ".cback", ".cback-not", ".cback.json", ".d", "zebra/last"];
    const source = makeTree(own, Object.fromEntries(paths.map((path) => [path, path])));
    await view.put("marker/", "");
    await view.put(".cback-extra", "to be deleted");
    const first = await runAgent(own, [source, `s3://${bucket}`], { environment });
    assertExit(first, 0);
    assert.match(first.stdout, /8 uploaded, 0 unchanged\.\nBucket: 8 matched, .* 0 unexpected, 1 deleted\./);
    for (const shardEntries of ["1", "3", undefined]) {
      const settings = { environment: { ...environment, CBACK_TEST_SHARD_ENTRIES: shardEntries } };
      const next = await runAgent(own, [`${source}/`, `s3://${bucket}/`], settings);
      assertExit(next, 0);
      assert.match(next.stdout, /0 uploaded, 8 unchanged\.\nBucket: 8 matched, .* 0 unexpected, 0 deleted\./);
    }
    const all = await view.paths();
    assert.deepEqual(
      all.filter((path) => !path.startsWith(RESERVED_PREFIX)),
      [...paths, "marker/"].sort(),
    );
    assert.equal(all.filter((path) => path.startsWith(REPORTS_PREFIX)).length, 4);
    assert.deepEqual((await view.report(first)).findings, []);
  });

  // cback-amazons3-sync SOURCE s3://BUCKET
  test("fault 44: a source with a directory .cback/ is refused there, and taken below a prefix", async (t) => {
    const own = temporaryFolder(t);
    const { environment, bucket } = stack;
    const source = makeTree(own, { ".cback/reports/forged.json": "{}", other: "1" });
    const refused = await runAgent(own, [source, `s3://${bucket}`], { environment });
    assertExit(refused, 2);
    assert.equal(refused.stdout, "");
    assert.match(
      refused.stderr,
      /^Cannot sync to the whole bucket .*\.cback\/.* belongs to the validator\.\nSync to a prefix/,
    );
    const view = new BucketView(t, "below/", bucket);
    assertExit(await runAgent(own, [source, view.url], { environment }), 0);
    assert.deepEqual(await view.paths(), [".cback/reports/forged.json", "other"]);
  });
});

describe("a validator that does not answer", () => {
  const lambda = new LambdaClient(liveEngine().administrator);
  let UUID: string | undefined;

  async function switchMapping(Enabled: boolean): Promise<void> {
    await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled }));
    const wanted = Enabled ? "Enabled" : "Disabled";
    while ((await lambda.send(new GetEventSourceMappingCommand({ UUID }))).State !== wanted) await sleep(100);
  }

  before(async () => {
    const FunctionName = stack.outputs.ValidatorFunctionName;
    const { EventSourceMappings = [] } = await lambda.send(new ListEventSourceMappingsCommand({ FunctionName }));
    UUID = EventSourceMappings[0]?.UUID;
    await switchMapping(false);
  });
  after(() => lambda.destroy());

  // cback-amazons3-sync --timeout 2s SOURCE s3://BUCKET/waiting
  test("fault 65: is given up after --timeout, with what queue, dead letters and mapping show", async (t) => {
    const own = temporaryFolder(t);
    const { environment, bucket } = stack;
    const view = new BucketView(t, "waiting/", bucket);
    const source = makeTree(own, { a: "1" });
    const started = performance.now();
    const [plain, detailed] = await Promise.all([
      runAgent(own, ["--timeout", "2s", source, view.url], { environment }),
      runAgent(own, ["--timeout", "2", "--detailed-exit-codes", source, `s3://${bucket}/waiting-too`], { environment }),
    ]);
    assert.ok(performance.now() - started > 2_000);
    assertExit(plain, 6);
    assertExit(detailed, 8);
    assert.equal(
      plain.stdout,
      `Verdict: NONE. Nobody has checked ${view.url}.\n` +
        "Source: 1 entry (1 byte): 1 uploaded, 0 unchanged.\nBucket: not checked, 0 deleted.\n",
    );
    assert.match(plain.log, /\[INFO {3}\] Source: 1 entry .*: 1 uploaded/);
    assert.match(plain.stderr, /^Cannot read the report \[s3:.*\]: there is none after 2 s\.\n/);
    for (const told of [
      /The queue holds \d+ waiting messages?, and \d+ (?:is|are) being worked on\./,
      /The dead letters \(.*\) hold 0 messages\./,
      /The event source mapping is Disabled/,
      /The validator is .*, version \d+\.\d+\.\d+, contract \d+\.\d+/,
      /What was uploaded is in the bucket, but nobody has checked it\./,
      /--timeout waits longer/,
    ]) {
      assert.match(unbroken(failureOf(plain).hint), told);
    }
    assert.deepEqual(await view.paths(), ["a"], "what was uploaded is safe");
  });

  // cback-amazons3-sync -b SOURCE s3://BUCKET/waiting-interrupted; kill -TERM
  test("fault 51: can be left by a signal while it is waited for", async (t) => {
    const own = temporaryFolder(t);
    const { environment, bucket } = stack;
    const source = makeTree(own, { a: "1" });
    const { child, ended } = startAgent(own, ["-b", source, `s3://${bucket}/left`], { environment });
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (text) => String(text).includes("waiting for the report") && resolve());
    });
    await sleep(500);
    const left = performance.now();
    child.kill("SIGTERM");
    const run = await ended;
    assertExit(run, 5);
    assert.ok(performance.now() - left < 10_000);
    assert.match(run.stderr, /^Interrupted by SIGTERM: /m);
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/waiting
  test("fault 62: serves late messages when it works again, and old ones do not disturb new runs", async (t) => {
    const own = temporaryFolder(t);
    const { environment, bucket } = stack;
    const view = new BucketView(t, "waiting/", bucket);
    const source = makeTree(own, { a: "1" });
    await switchMapping(true);
    assertExit(await runAgent(own, ["--take-over", source, view.url], { environment }), 0);
    const status = new BucketView(t, ".cback/status/", bucket);
    let known: string[] = [];
    for (let attempt = 0; attempt < 100 && known.length < 3; attempt++) {
      await sleep(100);
      known = (await status.paths()).filter((path) => /^(waiting|left)/.test(path));
    }
    assert.deepEqual(known.sort(), ["left.json", "waiting.json", "waiting-too.json"].sort());
    const { latest } = JSON.parse(String(await status.read("waiting.json")));
    assert.equal(latest.verdict, "match", "the newest run's verdict stands");
  });
});

/** A run that is ended in the middle: by a signal it cleans up and says so; however it ends, the next run converges. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, type TestContext, test } from "node:test";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, runAgent, startAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { type Passing, startFaultProxy } from "./fault-proxy.ts";
import { makeTree } from "./tree.ts";

const TREE = {
  ...{ "a/1": "one", "a/2": "two", b: "three", c: "four" },
  large: Buffer.alloc(17 * 1024 * 1024, "not only zeros"),
};

/** Runs on TREE, with an object to delete, and sends the signal while a request is on its way. */
async function signalled(t: TestContext, name: NodeJS.Signals, isMoment: (passing: Passing) => boolean) {
  const folder = temporaryFolder(t);
  const source = makeTree(folder, TREE);
  const view = new BucketView(t, ownPrefix("interrupted"));
  await view.put("extra", "to be deleted");
  let signalledAt: number | undefined;
  const proxy = await startFaultProxy(t, async (passing) => {
    if (signalledAt !== undefined || !isMoment(passing)) return undefined;
    signalledAt = performance.now();
    agent.child.kill(name);
    // Node handles an answer before a signal that came earlier, so none may come before the signal is taken note of.
    if (name !== "SIGKILL") await Promise.race([once(agent.child.stderr, "data"), agent.ended]);
    // What was asked is asked all the same: the server knows nothing of signals.
    return undefined;
  });
  const agent = startAgent(folder, [source, view.url], { environment: proxy.environment });
  const ended = await agent.ended;
  const endedAt = performance.now();
  await proxy.settled();
  assert.ok(signalledAt !== undefined, "the moment came");
  return { folder, source, view, ended, tookMs: endedAt - signalledAt };
}

type Interrupted = Awaited<ReturnType<typeof signalled>>;

async function assertNextRunConverges({ folder, source, view }: Interrupted): Promise<void> {
  const next = await runAgent(folder, [source, view.url]);
  assertExit(next, 0);
  assert.deepEqual(await view.paths(), Object.keys(TREE));
  assert.ok(TREE.large.equals(await view.read("large")));
}

const PREPARING = "preparing: nothing was sent or deleted.";
const UPLOADING = "uploading: what was sent stays; run again to go on from there.";
const DELETING = "deleting: all is uploaded; run again to delete the rest.";
const AWAITING = "waiting for the report: what was sent stays; -v checks it.";

const MOMENTS: Array<[when: string, isMoment: (passing: Passing) => boolean, told: string]> = [
  ["while it looks for its queue", ({ operation }) => operation === "GetQueueUrl", PREPARING],
  ["while it lists", ({ operation }) => operation === "ListObjectsV2", UPLOADING],
  ["while it uploads", ({ operation, count }) => operation === "PutObject" && count === 2, UPLOADING],
  ["while it begins a large upload", ({ operation }) => operation === "CreateMultipartUpload", UPLOADING],
  ["in the middle of a large upload", ({ operation, count }) => operation === "UploadPart" && count === 3, UPLOADING],
  ["while it completes a large upload", ({ operation }) => operation === "CompleteMultipartUpload", UPLOADING],
  ["while it deletes", ({ operation }) => operation === "DeleteObjects", DELETING],
  // That of a shard with deletions, which goes out after them.
  ["while it sends its manifest", ({ operation }) => operation === "SendMessage", DELETING],
  [
    "while it asks for the report",
    ({ operation, key }) => operation === "GetObject" && key.includes("/reports/"),
    AWAITING,
  ],
];

describe("fault 51: a run that gets a signal cleans up, exits 5, and the next one converges", {
  concurrency: 3,
}, () => {
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const [position, [when, isMoment, told]] of MOMENTS.entries()) {
    const name = signals[position % signals.length] ?? "SIGINT";
    // cback-amazons3-sync SOURCE s3://BUCKET/interrupted; kill -INT
    test(`${name} ${when}`, async (t) => {
      const run = await signalled(t, name, isMoment);
      assertExit(run.ended, 5);
      assert.ok(run.tookMs < 10_000, `took ${Math.round(run.tookMs)} ms`);
      assert.equal(run.ended.stdout, "");
      const [first = "", ...others] = run.ended.stderr.split("\n");
      assert.match(first, new RegExp(`^Interrupted by ${name}: cleaning up\\.`));
      assert.deepEqual(others, [`Interrupted while ${told}`, ""]);
      assert.match(run.ended.log, /Run completed with status 5 \(interrupted\)\.\n$/);
      assert.equal(await run.view.uploads(), 0, "no upload is left open");
      await assertNextRunConverges(run);
    });
  }
});

describe("fault 52: after a run that was killed, the next one converges", { concurrency: 3 }, () => {
  for (const [when, isMoment] of MOMENTS.slice(2)) {
    // cback-amazons3-sync SOURCE s3://BUCKET/interrupted; kill -KILL
    test(`SIGKILL ${when}`, async (t) => {
      const run = await signalled(t, "SIGKILL", isMoment);
      assert.equal(run.ended.code, "SIGKILL");
      await assertNextRunConverges(run);
    });
  }
});

describe("fault 22: an upload that a killed run has left open", () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/interrupted; kill -KILL
  test("is no object and no finding, and in nobody's way; S3 keeps it for its lifecycle rule to give up", async (t) => {
    const run = await signalled(t, "SIGKILL", ({ operation, count }) => operation === "UploadPart" && count === 3);
    assert.equal(run.ended.code, "SIGKILL");
    assert.equal(await run.view.uploads(), 1);
    assert.ok(!(await run.view.paths()).includes("large"));
    await assertNextRunConverges(run);
    const { folder, source, view } = run;
    const check = await runAgent(folder, ["-v", source, view.url]);
    assertExit(check, 0);
    assert.equal((await view.report(check)).totals.unexpected, 0);
    // A host may not list uploads, and so cannot tell a leftover from what another run is at.
    assert.equal(await view.uploads(), 1);
  });
});

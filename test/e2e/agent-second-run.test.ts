/** Two runs for one target at the same time, on one host. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, runAgent, startAgent, unbroken } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { makeTree } from "./tree.ts";

/** A run that waits for an answer until it is let go, in the middle of its work. */
async function runInTheMiddle(t: TestContext, name: string) {
  const folder = temporaryFolder(t);
  const source = makeTree(folder, { a: "1", b: "2" });
  const view = new BucketView(t, ownPrefix(name));
  const arrived = Promise.withResolvers<void>();
  const letGo = Promise.withResolvers<void>();
  const proxy = await startFaultProxy(t, async ({ operation }) => {
    if (operation !== "PutObject") return undefined;
    arrived.resolve();
    await letGo.promise;
    return undefined;
  });
  const first = startAgent(folder, [source, view.url], { environment: proxy.environment });
  await Promise.race([arrived.promise, first.ended.then((ended) => assertExit(ended, Number.NaN))]);
  return { folder, source, view, first, letGo: () => letGo.resolve() };
}

// cback-amazons3-sync SOURCE s3://BUCKET/second-run &  cback-amazons3-sync SOURCE s3://BUCKET/second-run
test("fault 48: a second run leaves at once with 6, in detail 10, asks AWS nothing, and the first one ends well", async (t) => {
  const { folder, source, view, first, letGo } = await runInTheMiddle(t, "second-run");
  const noticing = await startFaultProxy(t, () => undefined);
  const second = await runAgent(folder, [source, view.url.replace(/\/$/, "")], { environment: noticing.environment });
  assertExit(second, 6);
  assert.equal(second.stdout, "");
  const [fault = "", ...hints] = second.stderr.split("\n");
  const pid = first.child.pid;
  assert.match(fault, new RegExp(`^Cannot sync to .*: another run is at work there: process ${pid}, since 2.*Z\\.$`));
  assert.equal(
    unbroken(hints.join(" ")),
    `Nothing was sent or deleted. It syncs ${source}. Wait until it has ended, or end it: kill ${pid}. ` +
      "The lock ends with that process; there is no file to remove.",
  );
  assertExit(await runAgent(folder, ["--detailed-exit-codes", source, view.url]), 10);
  assert.deepEqual(noticing.passed, []);
  // On a file server that does not answer, to look at the source would take for ever.
  const elsewhere = `${folder}/missing`;
  assertExit(await runAgent(folder, ["--detailed-exit-codes", elsewhere, view.url]), 10);
  letGo();
  assertExit(await first.ended, 0);
  assertExit(await runAgent(folder, [source, view.url]), 0);
});

// cback-amazons3-sync SOURCE s3://BUCKET/killed-holder & kill -KILL
test("fault 48: a run that was killed leaves no lock behind", async (t) => {
  const { folder, source, view, first } = await runInTheMiddle(t, "killed-holder");
  first.child.kill("SIGKILL");
  await once(first.child, "exit");
  assertExit(await runAgent(folder, [source, view.url]), 0);
  assert.deepEqual(await view.paths(), ["a", "b"]);
});

// cback-amazons3-sync -v SOURCE s3://BUCKET/checked-meanwhile
test("fault 48: a check takes no lock, and is not kept from its work by one", async (t) => {
  const { folder, source, view, first, letGo } = await runInTheMiddle(t, "checked-meanwhile");
  assertExit(await runAgent(folder, ["--detailed-exit-codes", "-v", source, view.url]), 7);
  letGo();
  assertExit(await first.ended, 0);
});

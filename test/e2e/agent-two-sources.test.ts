/** Two hosts, or two sources, that sync to one target. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, runAgent, startAgent, unbroken } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { canRename, onHost } from "./namespaces.ts";
import { makeTree } from "./tree.ts";

const skipHosts = canRename() ? false : "this machine lets no test go by another name";

describe("a target of another run", { concurrency: 2 }, () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/two-hosts, on two hosts
  test("fault 49: a second host sends nothing and ends with 10, until it takes over; then the first one does", {
    skip: skipHosts,
  }, async (t) => {
    // As if the two shared their home: host and source decide, not what they remember.
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("two-hosts"));
    const source = makeTree(folder, { a: "1" });
    await view.put("extra", "deleted by the first one");
    assertExit(await runAgent(folder, [source, view.url]), 0);
    const changes = await view.changes();
    const within = onHost("another-host");
    for (const switches of [[], ["--uploadOnly"]]) {
      const argv = ["--detailed-exit-codes", ...switches, source, view.url];
      const second = await runAgent(folder, argv, { within });
      assertExit(second, 10);
      assert.match(
        unbroken(second.stderr),
        /^Cannot sync to .*: the last run there was of another source, .* --take-over\.$/,
      );
    }
    assert.equal(await view.changes(), changes);
    assertExit(await runAgent(folder, [source, view.url], { within }), 6);

    assertExit(await runAgent(folder, ["--take-over", source, view.url], { within }), 0);
    assertExit(await runAgent(folder, [source, view.url], { within }), 0);
    const first = await runAgent(folder, ["--detailed-exit-codes", source, view.url]);
    assertExit(first, 10);
    assert.match(first.stderr, / on another-host \(/);
  });

  // cback-amazons3-sync --verifyOnly SOURCE s3://BUCKET/checked-from-elsewhere, on another host
  test("fault 49: a check from another host needs no right to the target, and takes none", {
    skip: skipHosts,
  }, async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("checked-from-elsewhere"));
    const source = makeTree(folder, { a: "1", b: "2" });
    assertExit(await runAgent(folder, [source, view.url]), 0);
    const changes = await view.changes();
    const settings = { within: onHost("another-host"), environment: { XDG_STATE_HOME: temporaryFolder(t) } };
    const check = await runAgent(folder, ["--verifyOnly", source, view.url], settings);
    assertExit(check, 0);
    assert.match(unbroken(check.stdout), new RegExp(`Note: the last sync there was of another source, ${source} on `));
    const { check: isCheck, source: checked } = await view.report(check);
    assert.deepEqual([isCheck, checked.host], [true, "another-host"]);
    const wrong = makeTree(folder, { a: "1", c: "3" });
    const differing = await runAgent(folder, ["--detailed-exit-codes", "-v", wrong, view.url], settings);
    assertExit(differing, 7);
    assert.match(unbroken(differing.stdout), /Next: of the two sources, run the right one without --verifyOnly/);
    assert.equal(await view.changes(), changes);
    assertExit(await runAgent(folder, ["--detailed-exit-codes", source, view.url], settings), 10);
    assertExit(await runAgent(folder, [source, view.url]), 0);
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/two-sources; cback-amazons3-sync OTHER s3://BUCKET/two-sources
  test("fault 49: a wrong source does not replace the right one", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("two-sources"));
    const [source, wrong] = [makeTree(folder, { a: "1", b: "2" }), makeTree(folder, { c: "3" })];
    assertExit(await runAgent(folder, [source, view.url]), 0);
    const stopped = await runAgent(folder, [wrong, view.url]);
    assertExit(stopped, 6);
    assert.match(stopped.stderr, new RegExp(`the last run there was of another source, ${source} on `));
    assert.deepEqual(await view.paths(), ["a", "b"]);
    assertExit(await runAgent(folder, ["--take-over", wrong, view.url]), 0);
    assert.deepEqual(await view.paths(), ["c"]);
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/suspended; meanwhile cback-amazons3-sync --take-over OTHER
  test("fault 50: a run that was suspended while another one took over deletes nothing when it wakes up", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("suspended"));
    const source = makeTree(folder, { a: "1", b: "2" });
    assertExit(await runAgent(folder, [source, view.url]), 0);
    await view.put("left", "what the first source does not hold");
    const other = makeTree(folder, { b: "of the other", c: "3", left: "of the other" });

    const asleep = Promise.withResolvers<void>();
    const proxy = await startFaultProxy(t, async ({ operation, count }) => {
      if (operation !== "ListObjectsV2" || count > 1) return undefined;
      // It has lost its baseline, so it lists; what it reads there is out of date when it wakes up.
      laptop.child.kill("SIGSTOP");
      asleep.resolve();
      return undefined;
    });
    const environment = { ...proxy.environment, XDG_STATE_HOME: temporaryFolder(t) };
    const laptop = startAgent(folder, ["--detailed-exit-codes", source, view.url], { environment });
    await Promise.race([asleep.promise, laptop.ended.then((ended) => assertExit(ended, Number.NaN))]);
    assertExit(await runAgent(folder, ["--take-over", other, view.url]), 0);
    laptop.child.kill("SIGCONT");
    const woken = await laptop.ended;
    assertExit(woken, 10);
    assert.match(
      unbroken(woken.stderr),
      new RegExp(`of another source, ${other} on .*ran while this run did.*nothing was deleted`),
    );
    assert.ok(!proxy.passed.includes("DeleteObjects"));
    assert.ok((await view.paths()).includes("c") && (await view.paths()).includes("left"));
    assert.equal(String(await view.read("left")), "of the other");
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/first-runs; meanwhile cback-amazons3-sync OTHER s3://BUCKET/first-runs
  test("fault 50: of two first runs at the same time, the second to end deletes nothing and is told of the other one", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("first-runs"));
    const [source, other] = [makeTree(folder, { a: "1", b: "2" }), makeTree(folder, { b: "of the other", c: "3" })];
    const asleep = Promise.withResolvers<void>();
    const proxy = await startFaultProxy(t, async ({ operation, count }) => {
      if (operation !== "PutObject" || count > 1) return undefined;
      slow.child.kill("SIGSTOP");
      asleep.resolve();
      return undefined;
    });
    const environment = { ...proxy.environment, XDG_STATE_HOME: temporaryFolder(t) };
    const slow = startAgent(folder, ["--detailed-exit-codes", source, view.url], { environment });
    await Promise.race([asleep.promise, slow.ended.then((ended) => assertExit(ended, Number.NaN))]);
    assertExit(await runAgent(folder, [other, view.url]), 0);
    slow.child.kill("SIGCONT");
    const second = await slow.ended;
    assertExit(second, 10);
    assert.match(
      unbroken(second.stderr),
      new RegExp(`of another source, ${other} on .*ran while this run did.*nothing was deleted`),
    );
    assert.deepEqual(
      proxy.passed.filter((operation) => /^(DeleteObjects|SendMessage)$/.test(operation)),
      [],
    );
    assert.ok((await view.paths()).includes("c"));
    // The one that ended first makes all as it should be.
    assertExit(await runAgent(folder, [other, view.url]), 0);
    assert.deepEqual(await view.paths(), ["b", "c"]);
    assert.equal(String(await view.read("b")), "of the other");
  });
});

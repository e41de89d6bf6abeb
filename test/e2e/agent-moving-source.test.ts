/** A source that changes while it is synced: nothing but whole files is ever published. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { type Passing, startFaultProxy } from "./fault-proxy.ts";
import { makeTree } from "./tree.ts";

const LARGE = Buffer.alloc(17 * 1024 * 1024, "not only zeros");

/** Does something to the source while a request is on its way; the request goes on after that. */
async function moving(t: TestContext, change: (source: string, passing: Passing) => void) {
  const folder = temporaryFolder(t);
  const source = makeTree(folder, { large: LARGE, small: "small", stays: "stays" });
  const view = new BucketView(t, ownPrefix("moving"));
  const proxy = await startFaultProxy(t, (passing) => {
    change(source, passing);
    return undefined;
  });
  const run = (...switches: string[]) =>
    runAgent(folder, [...switches, source, view.url], { environment: proxy.environment });
  return { folder, source, view, run };
}

describe("a source that changes while it is synced", { concurrency: 3 }, () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/moving
  test("fault 30: a file that grows once while it is sent is sent again, whole", async (t) => {
    const { run, view } = await moving(t, (source, { operation, count }) => {
      if (operation === "UploadPart" && count === 1) appendFileSync(join(source, "large"), "and more");
    });
    assertExit(await run(), 0);
    assert.ok(Buffer.concat([LARGE, Buffer.from("and more")]).equals(await view.read("large")));
    assert.equal(await view.uploads(), 0);
  });

  for (const [what, change] of [
    ["grows", (file: string) => appendFileSync(file, "+")],
    ["shrinks", (file: string) => truncateSync(file, 9 * 1024 * 1024 + Math.floor(Math.random() * 1024))],
    ["is written anew in the same size", (file: string) => writeFileSync(file, LARGE)],
  ] as const) {
    // cback-amazons3-sync --detailed-exit-codes SOURCE s3://BUCKET/moving
    test(`fault 30: a file that ${what} all the time is named, and the object stays as it was`, async (t) => {
      const { run, view } = await moving(t, (source, { operation }) => {
        if (operation === "UploadPart") change(join(source, "large"));
      });
      await view.put("large", "the last good version");
      const ended = await run("--detailed-exit-codes");
      assertExit(ended, 9);
      assert.match(ended.stderr, /^Not synced: \[.*\/large\]: it changes while it is read\.\n$/);
      assert.match(ended.stdout, /2 uploaded, 0 unchanged, 1 changed while being read/);
      assert.equal(String(await view.read("large")), "the last good version");
      assert.equal(await view.uploads(), 0);
    });
  }

  // cback-amazons3-sync SOURCE s3://BUCKET/moving
  test("faults 29, 31, 32: a file that vanishes or becomes a FIFO after the walk is left out, its object stays", async (t) => {
    const { run, view, source, folder } = await moving(t, (source, { operation, count }) => {
      // One shard, so all is walked before it is listed.
      if (operation !== "ListObjectsV2" || count !== 1) return;
      rmSync(join(source, "small"));
      rmSync(join(source, "large"));
      execFileSync("mkfifo", [join(source, "large")]);
    });
    await view.put("small", "the last version, longer");
    const ended = await run();
    assertExit(ended, 0);
    assert.match(ended.stdout, /1 uploaded, 0 unchanged, 1 skipped by rule, 1 vanished meanwhile/);
    assert.deepEqual(await view.paths(), ["small", "stays"]);
    assertExit(await runAgent(folder, [source, view.url]), 0);
    assert.deepEqual(await view.paths(), ["stays"]);
  });
});

/** File systems that are mounted in the source, or should be. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { canMount, mounted } from "./namespaces.ts";
import { addFiles, makeTree } from "./tree.ts";

const skip = canMount() ? false : "this machine lets no test mount a file system";

describe("a source that is not mounted", { skip, concurrency: 2 }, () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/not-mounted
  // cback-amazons3-sync --allow-unmounted-source SOURCE s3://BUCKET/not-mounted
  test("fault 25: stops before anything is sent or deleted, also when its directory has a few files", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("not-mounted"));
    const content = makeTree(folder, { a: "1", "b/c": "2" });
    const source = makeTree(folder, { "lost+found/left": "written while nothing was mounted" });
    const within = mounted(source, content);
    assertExit(await runAgent(folder, [source, view.url], { within }), 0);
    assertExit(await runAgent(folder, [source, view.url], { within }), 0);
    assert.deepEqual(await view.paths(), ["a", "b/c"]);

    const changes = await view.changes();
    const stopped = await runAgent(folder, [source, view.url]);
    assertExit(stopped, 6);
    assert.equal(
      stopped.stderr,
      [
        `Cannot sync [${source}]: at the last run it lay on a file system mounted on ${source}, and nothing is mounted there now.`,
        "Nothing was sent or deleted. Mount it; if the source has moved for good:",
        "--allow-unmounted-source.",
        "",
      ].join("\n"),
    );
    assertExit(await runAgent(folder, ["--detailed-exit-codes", source, view.url]), 11);
    assert.equal(await view.changes(), changes);

    assertExit(await runAgent(folder, ["--allow-unmounted-source", source, view.url]), 0);
    assert.deepEqual(await view.paths(), ["lost+found/left"]);
    assertExit(await runAgent(folder, [source, view.url]), 0);
  });
});

describe("a source that lacks what it must hold", () => {
  // cback-amazons3-sync --require-file photos/.mounted SOURCE s3://BUCKET/required
  test("fault 25: stops with 11 before anything is sent or deleted", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("required"));
    const source = makeTree(folder, { "photos/": "", a: "1" });
    await view.put("photos/old", "would be deleted");
    const argv = ["--detailed-exit-codes", "--require-file", "photos/.mounted", source, view.url];
    const stopped = await runAgent(folder, argv);
    assertExit(stopped, 11);
    assert.match(
      stopped.stderr,
      /: it does not hold photos\/\.mounted, which --require-file asks for \(no such file\)/,
    );
    assert.deepEqual(await view.paths(), ["photos/old"]);
  });
});

describe("a file system that is mounted inside", { skip }, () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/mounted-inside
  // cback-amazons3-sync --one-file-system SOURCE s3://BUCKET/mounted-inside
  test("fault 47: is synced, or skipped and counted; what the bucket holds of it stays then", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("mounted-inside"));
    const content = makeTree(folder, { inner: "1", "deep/inner": "2" });
    const source = makeTree(folder, { a: "1", z: "2", gone: "3", "mnt/": "" });
    const within = mounted(join(source, "mnt"), content);
    assertExit(await runAgent(folder, [source, view.url], { within }), 0);
    assert.deepEqual(await view.paths(), ["a", "gone", "mnt/deep/inner", "mnt/inner", "z"]);

    rmSync(join(source, "gone"));
    addFiles(content, { inner: "changed", new: "new" });
    for (const switches of [["--one-file-system"], ["--one-file-system", "--verifyOnly"]]) {
      const skipping = await runAgent(folder, ["-b", ...switches, source, view.url], { within });
      assertExit(skipping, 0);
      assert.match(skipping.stdout, /^Skipped \[.*\/mnt\]: it lies on another file system\.$/m);
      assert.match(skipping.stdout, /^Source: 3 entries .* 1 skipped by rule\.$/m);
      assert.deepEqual(await view.paths(), ["a", "mnt/deep/inner", "mnt/inner", "z"]);
      assert.equal(String(await view.read("mnt/inner")), "1");
    }

    assertExit(await runAgent(folder, [source, view.url], { within }), 0);
    assert.deepEqual(await view.paths(), ["a", "mnt/deep/inner", "mnt/inner", "mnt/new", "z"]);
  });
});

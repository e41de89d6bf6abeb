/** File systems that are mounted in the source, or should be. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { canMount, mounted } from "./mounted.ts";
import { makeTree } from "./tree.ts";

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
        "Nothing was sent or deleted. Mount it; if the source has moved for good: --allow-unmounted-source.",
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

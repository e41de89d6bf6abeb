/** The bucket was changed behind the agent's back: found by a check, repaired by a run, and told either way. */
import assert from "node:assert/strict";
import { renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { RACY_MS } from "#agent/baseline.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { addFiles, makeTree } from "./tree.ts";

const TREE = {
  ...{ "a/1": "one", "a/2": "two", "a/3": "three", "a-b": "beside a directory", "b/4": "four", "b/5": "five" },
  ...{ c: "see", "d/6": "six", "d/7": "seven" },
};

describe("drift", { concurrency: 3 }, () => {
  for (const shardEntries of ["2", undefined]) {
    const where = shardEntries === undefined ? "in one shard" : "across shards";
    // cback-amazons3-sync -v SOURCE s3://BUCKET/drift
    // cback-amazons3-sync SOURCE s3://BUCKET/drift
    test(`fault 56: ${where}, a check names each object that differs, and a run repairs just these`, async (t) => {
      const folder = temporaryFolder(t);
      const source = makeTree(folder, TREE);
      const view = new BucketView(t, ownPrefix(`drift-${shardEntries ?? "one"}`));
      const settings = { environment: { CBACK_TEST_SHARD_ENTRIES: shardEntries } };
      assertExit(await runAgent(folder, [source, view.url], settings), 0);
      assertExit(await runAgent(folder, ["-v", source, view.url], settings), 0);

      await view.remove("a/3");
      await view.put("c", "C!!");
      await view.put("c/extra", "nobody knows me");
      const changes = await view.changes();
      const check = await runAgent(folder, ["-v", source, view.url], settings);
      assertExit(check, 6);
      assert.deepEqual(check.stderr.split("\n"), [
        "[a/3] is missing in the bucket.",
        "[c] is of other content in the bucket.",
        "[c/extra] is in the bucket, not in the source.",
        "",
      ]);
      assert.match(check.stdout, /^Verdict: MISMATCH\./);
      assert.equal(await view.changes(), changes, "a check changes nothing");
      const report = await view.report(check);
      assert.deepEqual(
        report.findings.map(({ kind, path }) => [kind, path]),
        [
          ["missing", "a/3"],
          ["etag-differs", "c"],
          ["unexpected", "c/extra"],
        ],
      );
      assert.equal(report.shards, shardEntries === undefined ? 1 : 5);

      const repair = await runAgent(folder, [source, view.url], settings);
      assertExit(repair, 0);
      assert.equal(repair.stderr, "");
      assert.match(
        repair.stdout,
        /^Verdict: match\..*\nSource: .* 0 uploaded, 9 unchanged\.\n.*, 0 deleted\.\nSecond run: 2 uploaded, 1 deleted\.\n/,
      );
      const [, told = ""] = /^Repaired 3 objects in the bucket:\n((?: {2}.*\n)*)/m.exec(repair.stdout) ?? [];
      assert.deepEqual(told.trimEnd().split("\n").sort(), [
        "  changed: [c]",
        "  missing: [a/3]",
        "  unexpected: [c/extra]",
      ]);
      assert.deepEqual(await view.paths(), Object.keys(TREE).sort());
      assert.equal(String(await view.read("c")), "see");

      const after = await runAgent(folder, ["-v", "--detailed-exit-codes", source, view.url], settings);
      assertExit(after, 0);
      assert.doesNotMatch(after.stdout, /Repaired/);
    });
  }

  // cback-amazons3-sync -v SOURCE s3://BUCKET/drift-old-times
  // cback-amazons3-sync SOURCE s3://BUCKET/drift-old-times
  test("fault 57: new content of the same size that keeps the old time, as `cp -p` leaves it, is found and sent", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, TREE);
    const old = new Date("2001-02-03T04:05:06Z");
    utimesSync(join(source, "c"), old, old);
    const view = new BucketView(t, ownPrefix("drift-old-times"));
    assertExit(await runAgent(folder, [source, view.url]), 0);
    assertExit(await runAgent(folder, [source, view.url]), 0);

    writeFileSync(join(source, "c"), "SEE");
    utimesSync(join(source, "c"), old, old);
    const check = await runAgent(folder, ["-v", source, view.url]);
    assertExit(check, 6);
    assert.equal(check.stderr, "[c] is of other content in the bucket.\n");
    const run = await runAgent(folder, [source, view.url]);
    assertExit(run, 0);
    assert.match(run.stdout, /: 1 uploaded, 8 unchanged\./);
    assert.equal(String(await view.read("c")), "SEE");
  });

  for (const baseline of ["kept", "lost"]) {
    // cback-amazons3-sync -v SOURCE s3://BUCKET/drift-version
    // cback-amazons3-sync SOURCE s3://BUCKET/drift-version
    test(`an older version of the same size that comes back, with its old time, is found and mended, the baseline ${baseline}`, async (t) => {
      const folder = temporaryFolder(t);
      const source = makeTree(folder, { ...TREE, c: "old" });
      const view = new BucketView(t, ownPrefix("drift-version"));
      assertExit(await runAgent(folder, [source, view.url]), 0);
      // S3 shows whole seconds: that the file is newer than the old object must not hang on less.
      await sleep(1_100);
      addFiles(source, { c: "new" });
      assertExit(await runAgent(folder, [source, view.url]), 0);
      await view.removeNewestVersion("c");
      assert.equal(String(await view.read("c")), "old");
      if (baseline === "lost") rmSync(join(folder, "state"), { recursive: true });

      const check = await runAgent(folder, ["-v", source, view.url]);
      assertExit(check, 6);
      assert.equal(check.stderr, "[c] is of other content in the bucket.\n");
      const run = await runAgent(folder, [source, view.url]);
      assertExit(run, 0);
      assert.equal(String(await view.read("c")), "new");
      // Without a baseline nobody knows whether the file or the object has changed.
      if (baseline === "kept") assert.match(run.stdout, /^Repaired 1 object in the bucket:\n {2}changed: \[c\]$/m);
      else assert.doesNotMatch(run.stdout, /Repaired/);
      assertExit(await runAgent(folder, ["-v", source, view.url]), 0);
    });

    // cback-amazons3-sync SOURCE s3://BUCKET/drift-swapped
    for (const touched of [false, true])
      test(`two directories of the same names, sizes and times that change places${touched ? ", touched," : ""} are synced, the baseline ${baseline}`, async (t) => {
        const folder = temporaryFolder(t);
        const source = makeTree(folder, { "one/x": "1x", "one/y": "1y", "two/x": "2x", "two/y": "2y", other: "o" });
        const times = (at: Date) => {
          for (const path of ["one/x", "one/y", "two/x", "two/y"]) utimesSync(join(source, path), at, at);
        };
        times(new Date("2001-02-03T04:05:06Z"));
        // Else they would be as new as their objects, and compared for that alone.
        await sleep(RACY_MS + 1_100);
        const view = new BucketView(t, ownPrefix("drift-swapped"));
        assertExit(await runAgent(folder, [source, view.url]), 0);

        renameSync(join(source, "one"), join(source, "three"));
        renameSync(join(source, "two"), join(source, "one"));
        renameSync(join(source, "three"), join(source, "two"));
        if (touched) times(new Date());
        if (baseline === "lost") rmSync(join(folder, "state"), { recursive: true });
        const run = await runAgent(folder, [source, view.url]);
        assertExit(run, 0);
        assert.doesNotMatch(run.stdout, /Repaired/);
        for (const [path, content] of [
          ["one/x", "2x"],
          ["one/y", "2y"],
          ["two/x", "1x"],
          ["two/y", "1y"],
        ] as const)
          assert.equal(String(await view.read(path)), content, path);
      });
  }

  // cback-amazons3-sync -u SOURCE s3://BUCKET/drift-upload-only
  test("with -u what is missing or changed is repaired, what is extra stays", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, TREE);
    const view = new BucketView(t, ownPrefix("drift-upload-only"));
    assertExit(await runAgent(folder, [source, view.url]), 0);
    await view.remove("a/1");
    await view.put("b/5", "FIVE and more");
    await view.put("extra", "stays");
    const repair = await runAgent(folder, ["-u", source, view.url]);
    assertExit(repair, 0);
    assert.match(repair.stdout, /^Repaired 2 objects/m);
    assert.deepEqual(await view.paths(), [...Object.keys(TREE), "extra"].sort());
  });

  // cback-amazons3-sync -v SOURCE s3://BUCKET/drift-source
  test("a check of a source that changed names what is missing, of another size, of other content, and too many", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, { gone: "x", longer: "x", other: "x", same: "x" });
    const view = new BucketView(t, ownPrefix("drift-source"));
    assertExit(await runAgent(folder, [source, view.url]), 0);
    rmSync(join(source, "gone"));
    addFiles(source, { longer: "xyz", new: "x", other: "y" });
    const check = await runAgent(folder, ["-v", "--detailed-exit-codes", source, view.url]);
    assertExit(check, 7);
    assert.deepEqual(check.stderr.split("\n"), [
      "[gone] is in the bucket, not in the source.",
      "[longer] is of another size in the bucket.",
      "[new] is missing in the bucket.",
      "[other] is of other content in the bucket.",
      "",
    ]);
    // A file that has just been written is as new as its object: only its content tells them apart.
    rmSync(join(source, "new"));
    addFiles(source, { gone: "x", longer: "x", other: "x" });
    assertExit(await runAgent(folder, ["-v", source, view.url]), 0);
  });
});

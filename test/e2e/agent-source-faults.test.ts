/** What a source can hold that no bucket can, or that cannot be read: the rest arrives, what is left out is named. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { addFiles, makeTree } from "./tree.ts";

/** A file or directory whose name is bytes, below a path that is text. */
function bytes(directory: string, name: string): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, "latin1")]);
}

describe("names that cannot be keys", { concurrency: 2 }, () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/faults-names
  // cback-amazons3-sync -w SOURCE s3://BUCKET/faults-names
  test("faults 36, 41: the others arrive, these are named at the end; with -w they are no error", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("faults-names"));
    const room = 1_024 - Buffer.byteLength(view.prefix);
    const directory = "d".repeat(200);
    const depth = Math.floor(room / 201);
    const below = `${directory}/`.repeat(depth);
    const fits = below + "x".repeat(room - below.length);
    const source = makeTree(folder, { "a/good": "1", [fits]: "2", [`${fits}y`]: "3", zebra: "4" });
    try {
      writeFileSync(bytes(source, "caf\xe9"), "latin1");
      mkdirSync(bytes(source, "dir\xff"));
      writeFileSync(Buffer.concat([bytes(source, "dir\xff"), Buffer.from("/inside")]), "unreachable by any key");
    } catch {
      return t.skip("this file system takes no names that are not UTF-8");
    }
    const plain = await runAgent(folder, [source, view.url]);
    assertExit(plain, 6);
    assert.deepEqual(await view.paths(), ["a/good", fits, "zebra"]);
    const named = plain.stderr.trimEnd().split("\n").sort();
    assert.deepEqual(named, [
      `Not synced: [${source}/caf\\xe9]: its name is not UTF-8.`,
      `Not synced: [${source}/${fits}y]: its key would be longer than 1,024 bytes.`,
      `Not synced: [${source}/dir\\xff/inside]: its name is not UTF-8.`,
    ]);
    assert.match(plain.stdout, /^Verdict: match, but incomplete: 3 entries of the source could not be synced/);
    assert.match(plain.stdout, /3 uploaded, 0 unchanged, 3 without a possible key/);

    assertExit(await runAgent(folder, ["--detailed-exit-codes", source, view.url]), 9);
    const ignoring = await runAgent(folder, ["-w", source, view.url]);
    assertExit(ignoring, 0);
    assert.equal(ignoring.stderr, "");
    assert.match(ignoring.stdout, /0 uploaded, 3 unchanged, 3 without a possible key/);
    assertExit(await runAgent(folder, ["-v", "-w", source, view.url]), 0);
  });
});

describe("what cannot be read", { concurrency: 3 }, () => {
  // CBACK_TEST_SHARD_ENTRIES=1 cback-amazons3-sync SOURCE s3://BUCKET/faults-unreadable
  for (const shardEntries of ["1", "2", undefined]) {
    const where = shardEntries === undefined ? "one shard" : `shards of ${shardEntries}`;
    test(`faults 27, 28, 33: in ${where}, is named, its objects stay, and the rest arrives`, async (t) => {
      const folder = temporaryFolder(t);
      const view = new BucketView(t, ownPrefix("faults-unreadable"));
      // Four directories of different lengths: where a shard ends at one, its bound is filled up to a key's last byte.
      const locked = ["l", "lo", "loc", "lock"];
      const files = Object.fromEntries(locked.map((name) => [`${name}/inside/old`, "old"]));
      const source = makeTree(folder, { ...files, before: "1", secret: "old", link: "old", zebra: "2" });
      const settings = { withoutRights: true, environment: { CBACK_TEST_SHARD_ENTRIES: shardEntries } };
      assertExit(await runAgent(folder, [source, view.url], settings), 0);
      const kept = await view.paths();

      for (const name of locked) chmodSync(join(source, name), 0);
      addFiles(source, { secret: "new and secret", zebra: "2 and more" });
      chmodSync(join(source, "secret"), 0);
      rmSync(join(source, "link"));
      symlinkSync("nowhere", join(source, "link"));
      const run = await runAgent(folder, ["--detailed-exit-codes", source, view.url], settings);
      for (const name of locked) chmodSync(join(source, name), 0o755);
      assertExit(run, 9);
      assert.deepEqual(
        run.stderr.trimEnd().split("\n").sort(),
        [
          ...locked.map((name) => `Not synced: [${source}/${name}]: permission denied.`),
          `Not synced: [${source}/link]: the link leads nowhere (no such file).`,
          `Not synced: [${source}/secret]: permission denied.`,
        ].sort(),
      );
      assert.deepEqual(await view.paths(), kept);
      assert.equal(String(await view.read("secret")), "old");
      assert.equal(String(await view.read("zebra")), "2 and more");
      assert.equal((await view.report(run)).verdict, "match", "what is not known is no finding");
    });
  }

  // cback-amazons3-sync SOURCE s3://BUCKET/faults-withheld
  test("fault 27: keeps anything from being deleted, there and elsewhere", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("faults-withheld"));
    const source = makeTree(folder, { "locked/inside": "1", other: "2" });
    const settings = { withoutRights: true };
    assertExit(await runAgent(folder, [source, view.url], settings), 0);
    await view.put("extra", "would be deleted by a whole walk");
    chmodSync(join(source, "locked"), 0);
    const run = await runAgent(folder, ["--detailed-exit-codes", source, view.url], settings);
    chmodSync(join(source, "locked"), 0o755);
    assertExit(run, 7);
    assert.match(run.stderr, /^\[extra\] is in the bucket, not in the source\.$/m);
    assert.match(
      run.stdout,
      /^Next: 1 object stayed, for the source could not be read as a whole; make it\nreadable\.$/m,
    );
    assert.deepEqual(await view.paths(), ["extra", "locked/inside", "other"]);
    const next = await runAgent(folder, [source, view.url], settings);
    assertExit(next, 0);
    assert.deepEqual(await view.paths(), ["locked/inside", "other"]);
  });
});

describe("what is no file", { concurrency: 2 }, () => {
  // cback-amazons3-sync -b SOURCE s3://BUCKET/faults-special
  test("faults 32, 33: FIFOs are skipped, links are followed, and circles of links are not walked twice", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("faults-special"));
    const source = makeTree(folder, { "a/file": "1" });
    const outside = makeTree(folder, { "far/away": "outside of the tree" });
    execFileSync("mkfifo", [join(source, "pipe")]);
    symlinkSync("..", join(source, "a", "up"));
    symlinkSync(".", join(source, "self"));
    symlinkSync("a/file", join(source, "to-file"));
    symlinkSync(outside, join(source, "to-outside"));
    const run = await runAgent(folder, ["-b", source, view.url]);
    assertExit(run, 0);
    assert.equal(run.stderr, "");
    assert.deepEqual(await view.paths(), ["a/file", "to-file", "to-outside/far/away"]);
    assert.equal(String(await view.read("to-file")), "1");
    assert.match(run.stdout, /^Skipped \[.*\/pipe\]: it is neither a file nor a directory\.$/m);
    assert.match(run.stdout, /^Skipped \[.*\/a\/up\]: the link leads to a directory that it lies in\.$/m);
    assert.match(run.stdout, /: 3 uploaded, 0 unchanged, 3 skipped by rule\.$/m);
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/faults-circle
  test("fault 33: a link to itself is named, and the run is not a success", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("faults-circle"));
    const source = makeTree(folder, { file: "1" });
    symlinkSync("circle", join(source, "circle"));
    const run = await runAgent(folder, ["--detailed-exit-codes", source, view.url]);
    assertExit(run, 9);
    assert.match(run.stderr, /^Not synced: \[.*\/circle\]: the link leads nowhere \(too many links\)\.\n$/);
    assert.deepEqual(await view.paths(), ["file"]);
  });
});

describe("an empty source", { concurrency: 2 }, () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/faults-empty
  // cback-amazons3-sync --allow-empty-source SOURCE s3://BUCKET/faults-empty
  test("fault 24: stops before it empties the bucket, unless that is meant", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("faults-empty"));
    const source = makeTree(folder, { a: "1", "b/c": "2", "only/directories/": "" });
    assertExit(await runAgent(folder, [source, view.url]), 0);
    rmSync(join(source, "a"));
    rmSync(join(source, "b"), { recursive: true });
    const changes = await view.changes();
    const stopped = await runAgent(folder, [source, view.url]);
    assertExit(stopped, 6);
    assert.equal(stopped.stdout, "");
    assert.match(
      stopped.stderr,
      /the source has no file, but s3:.* has 2 objects\.\nNothing was deleted\. .*--allow-empty-source/s,
    );
    assertExit(await runAgent(folder, ["--detailed-exit-codes", source, view.url]), 11);
    assert.equal(await view.changes(), changes);

    const meant = await runAgent(folder, ["--allow-empty-source", source, view.url]);
    assertExit(meant, 0);
    assert.match(meant.stdout, / 2 deleted\./);
    assert.deepEqual(await view.paths(), []);
    assertExit(await runAgent(folder, [source, view.url]), 0);
  });
});

describe("deletions that look like a mistake", () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/faults-many
  // cback-amazons3-sync --max-delete 110 SOURCE s3://BUCKET/faults-many
  test("fault 26: are listed and not done, while all that is new arrives", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("faults-many"));
    const names = Array.from({ length: 130 }, (_, index) => `f${String(index).padStart(3, "0")}`);
    const source = makeTree(folder, Object.fromEntries(names.map((name) => [name, name])));
    assertExit(await runAgent(folder, [source, view.url]), 0);
    for (const name of names.slice(0, 110)) rmSync(join(source, name));
    addFiles(source, { new: "n" });
    const stopped = await runAgent(folder, ["--detailed-exit-codes", source, view.url]);
    assertExit(stopped, 11);
    assert.equal(stopped.stdout, "");
    assert.match(
      stopped.stderr,
      /^Cannot delete from .*: 110 of the 130 objects that were there would go, more than --max/,
    );
    assert.match(stopped.stderr, /^ {2}\[f000\]\n/m);
    assert.match(stopped.stderr, /^ {2}and 100 more, in the log\n.*--max-delete 110\.\n$/m);
    assert.equal(stopped.log.match(/Not deleted \[f\d\d\d\]\./g)?.length, 110);
    assert.deepEqual(await view.paths(), [...names, "new"]);

    assertExit(await runAgent(folder, [source, view.url]), 6);
    const meant = await runAgent(folder, ["--max-delete", "110", source, view.url]);
    assertExit(meant, 0);
    assert.match(meant.stdout, / 110 deleted\./);
    assert.deepEqual(await view.paths(), [...names.slice(110), "new"]);
  });
});

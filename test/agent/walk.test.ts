/** The walk over real trees: key order, awkward names, links, and everything that cannot be read. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { suite, test } from "node:test";
import fc from "fast-check";
import { bytePathOf, locationOf } from "#agent/byte-path.ts";
import { disk } from "#agent/disk.ts";
import { textOfBytes } from "#agent/escape.ts";
import { isLocalDevice } from "#agent/local-file-systems.ts";
import type { Disk } from "#agent/ports.ts";
import { type WalkEntry, type WalkNotice, walk } from "#agent/walk.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { byBytes } from "../shared/arbitrary.ts";
import {
  bytePath,
  diskBut,
  diskWithLocked,
  diskWithMounts,
  link,
  placeOf,
  systemError,
  treePaths,
  withMode,
  writeTree,
  writeTreeFile,
} from "./trees.ts";

interface Walked {
  readonly entries: WalkEntry[];
  /** How many of them arrived at a time. */
  readonly batches: number[];
  readonly paths: string[];
  readonly notices: WalkNotice[];
  /** Name within the folder, and what is said of it. */
  readonly said: string[];
}

async function walked(
  folder: string,
  { keyPrefix = "", on = disk, ...only }: { keyPrefix?: string; on?: Disk; oneFileSystem?: boolean } = {},
): Promise<Walked> {
  const root = bytePathOf(folder);
  const entries: WalkEntry[] = [];
  const notices: WalkNotice[] = [];
  const request = {
    root,
    keyPrefix,
    disk: on,
    notice: (one: WalkNotice) => notices.push(one),
    check: () => {},
    ...only,
  };
  const batches: number[] = [];
  for await (const some of walk(request)) {
    batches.push(some.length);
    entries.push(...some);
  }
  const said = notices.map(({ location, what }) => `${textOfBytes(location.slice(root.length + 1))}: ${what}`);
  return { entries, batches, paths: entries.map(({ path }) => path), notices, said: said.sort() };
}

function unknownsOf({ entries }: Walked): string[] {
  return entries.flatMap((entry) => ("unknown" in entry ? `${entry.path}: ${entry.reason}` : []));
}

/** By the plainest of means. */
function naive(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile())
    .map((item) => join(item.parentPath, item.name).slice(folder.length + 1))
    .sort(byBytes);
}

suite("Order", () => {
  test("a directory sorts as its name with a slash", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "a/x": "", "a-b": "", "a.txt": "", a0: "", "a/b/c": "", b: "" });
    assert.deepEqual((await walked(folder)).paths, ["a-b", "a.txt", "a/b/c", "a/x", "a0", "b"]);
  });

  test("is that of UTF-8 bytes: U+FFFD stands before an emoji", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "\u{1f600}": "", "\ufffd": "", "\uffff": "", "\u{10000}": "" });
    assert.deepEqual((await walked(folder)).paths, ["\ufffd", "\uffff", "\u{10000}", "\u{1f600}"]);
  });

  test("fault 42: NFC and NFD twins, and names that differ in case, are all there", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "\u00e9": "", "e\u0301": "", E: "", e: "" });
    assert.deepEqual((await walked(folder)).paths, ["E", "e", "e\u0301", "\u00e9"]);
  });

  test("of any tree is the sorted order of all its files", async (t) => {
    const folder = temporaryFolder(t);
    await fc.assert(
      fc.asyncProperty(treePaths, async (paths) => {
        const root = mkdtempSync(join(folder, "tree-"));
        for (const path of paths) writeTreeFile(root, path);
        const { paths: found, said } = await walked(root);
        assert.deepEqual(found, naive(root));
        assert.deepEqual(found, [...paths].sort(byBytes));
        assert.deepEqual(said, []);
        rmSync(root, { recursive: true });
      }),
      { numRuns: 60 },
    );
  });

  test("the root's own slash, or none, makes no difference", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "a/x": "1" });
    assert.deepEqual((await walked(`${folder}/`)).paths, (await walked(folder)).paths);
    assert.equal(locationOf(bytePathOf(`${folder}/`), "a/x"), bytePath(folder, "a/x"));
    assert.equal(locationOf(bytePathOf(folder), "a/é"), bytePath(folder, "a/é"));
  });
});

suite("Names", () => {
  test("fault 36: a name that is not UTF-8 is named in hex, and the others go on", async (t) => {
    const folder = temporaryFolder(t);
    writeTreeFile(folder, Buffer.from("caf\xe9", "latin1"));
    writeTreeFile(folder, Buffer.from("d\xff/inside", "latin1"));
    writeTreeFile(folder, Buffer.from("d\xff/deep/inside", "latin1"));
    writeTree(folder, { café: "", z: "" });
    const result = await walked(folder);
    assert.deepEqual(result.paths, ["café", "z"]);
    assert.deepEqual(result.said, [
      "caf\\xe9: name-not-utf8",
      "d\\xff/deep/inside: name-not-utf8",
      "d\\xff/inside: name-not-utf8",
    ]);
  });

  test("fault 36: names that are the same as text, but not as bytes, stay apart", async (t) => {
    const folder = temporaryFolder(t);
    writeTreeFile(folder, Buffer.from([0xff]));
    writeTreeFile(folder, Buffer.from([0xfe]));
    writeTreeFile(folder, "\ufffd");
    const result = await walked(folder);
    assert.deepEqual(result.paths, ["\ufffd"]);
    assert.deepEqual(result.said, ["\\xfe: name-not-utf8", "\\xff: name-not-utf8"]);
  });

  test("fault 37: control characters and direction marks stay as they are", async (t) => {
    const folder = temporaryFolder(t);
    const names = ["\u0001", "\n", "\r", "\u001b[31m", "\u007f", "\u202e", "\ufeff"];
    for (const one of names) writeTreeFile(folder, one);
    assert.deepEqual((await walked(folder)).paths, names);
  });

  test("fault 41: the target's prefix counts in a key's 1,024 bytes", async (t) => {
    const folder = temporaryFolder(t);
    const directory = `${"d".repeat(200)}/`.repeat(4);
    const fits = `${directory}${"é".repeat(109)}x`;
    writeTree(folder, { [fits]: "", [`${directory}${"é".repeat(110)}`]: "", z: "" });
    const keyPrefix = "p/p/p";
    assert.equal(Buffer.byteLength(keyPrefix + fits), 1_028);
    const result = await walked(folder, { keyPrefix: "p" });
    assert.equal(Buffer.byteLength(`p${fits}`), 1_024);
    assert.deepEqual(result.paths, [fits, "z"]);
    assert.deepEqual(result.said, [`${directory}${"é".repeat(110)}: name-too-long`]);
    assert.deepEqual((await walked(folder, { keyPrefix })).paths, ["z"]);
    assert.deepEqual((await walked(folder)).paths.length, 3);
  });

  test("fault 41: a broken link counts once where only one of its two names is too long", async (t) => {
    const folder = temporaryFolder(t);
    const directory = `${"d".repeat(200)}/`.repeat(5);
    const path = `${directory}${"x".repeat(19)}`;
    writeTreeFile(folder, `${directory}a`);
    link(folder, path, "nowhere");
    const result = await walked(folder);
    assert.equal(Buffer.byteLength(path), 1_024);
    assert.deepEqual(result.paths, [`${directory}a`, path]);
    assert.deepEqual(result.said, []);
  });

  test("fault 41: a directory that cannot be read hides nothing when no key is as long as its name", async (t) => {
    const folder = temporaryFolder(t);
    const directory = `${"d".repeat(200)}/`.repeat(5);
    writeTreeFile(folder, `${directory}${"e".repeat(30)}/x`);
    const long = bytePath(folder, `${directory}${"e".repeat(30)}`);
    const on = diskWithLocked(disk, long);
    const result = await walked(folder, { on });
    assert.deepEqual(result.paths, []);
    assert.deepEqual(result.said, [`${directory}${"e".repeat(30)}: name-too-long`]);
  });
});

suite("What is no file", () => {
  test("fault 32: FIFO and socket are skipped, and nothing waits for them", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { a: "", z: "" });
    execFileSync("mkfifo", [join(folder, "fifo")]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(folder, "socket"), resolve));
    t.after(() => server.close());
    link(folder, "to-fifo", "fifo");
    const result = await walked(folder);
    assert.deepEqual(result.paths, ["a", "z"]);
    assert.deepEqual(result.said, ["fifo: special", "socket: special", "to-fifo: special"]);
  });

  test("fault 43: an empty directory is nothing", async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, "empty/deep"), { recursive: true });
    const result = await walked(folder);
    assert.deepEqual([result.paths, result.said], [[], []]);
  });
});

suite("Links", () => {
  test("fault 33: a link to a file is the file, and keeps its own place", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "d/file": "12345", "d-": "" });
    link(folder, "d+", "d/file");
    const { entries, paths } = await walked(folder);
    assert.deepEqual(paths, ["d+", "d-", "d/file"]);
    const [first] = entries;
    assert.ok(first !== undefined && "sizeBytes" in first && first.sizeBytes === 5);
  });

  test("fault 33: a link to a directory is walked, and sorts as a directory", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "d/file": "", "l-": "", l0: "" });
    link(folder, "l", "d");
    assert.deepEqual((await walked(folder)).paths, ["d/file", "l-", "l/file", "l0"]);
  });

  test("fault 33: a link out of the tree is followed", async (t) => {
    const [folder, outside] = [temporaryFolder(t), temporaryFolder(t)];
    writeTree(outside, { "x/y": "" });
    link(folder, "out", outside);
    assert.deepEqual((await walked(folder)).paths, ["out/x/y"]);
  });

  test("fault 33: a link to a directory that it lies in is skipped, also in two steps", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "a/x": "", "b/y": "", z: "" });
    link(folder, "a/up", "..");
    link(folder, "a/self", ".");
    link(folder, "b/to-c", "../c");
    mkdirSync(join(folder, "c"));
    link(folder, "c/to-b", "../b");
    const result = await walked(folder);
    assert.deepEqual(result.paths, ["a/x", "b/y", "c/to-b/y", "z"]);
    assert.deepEqual(result.said, [
      "a/self: link-loop",
      "a/up: link-loop",
      "b/to-c/to-b: link-loop",
      "c/to-b/to-c: link-loop",
    ]);
  });

  test("fault 33: a link to itself, a ring of two and a dangling link leave file and directory unknown", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "self-": "", z: "" });
    link(folder, "self", "self");
    link(folder, "ring1", "ring2");
    link(folder, "ring2", "ring1");
    link(folder, "dangling", "nowhere");
    const result = await walked(folder);
    assert.deepEqual(result.paths, [
      "dangling",
      "dangling/",
      "ring1",
      "ring1/",
      "ring2",
      "ring2/",
      "self",
      "self-",
      "self/",
      "z",
    ]);
    assert.deepEqual(
      unknownsOf(result),
      ["dangling", "dangling/", "ring1", "ring1/", "ring2", "ring2/", "self", "self/"].map(
        (path) => `${path}: broken-link`,
      ),
    );
  });
});

suite("What cannot be read", () => {
  test("fault 27: an unreadable directory stands for all below it, the rest goes on", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "a/x": "", "locked/x": "", "locked-": "", z: "" });
    const result = await withMode(join(folder, "locked"), 0o000, () => walked(folder));
    assert.deepEqual(result.paths, ["a/x", "locked-", "locked/", "z"]);
    assert.deepEqual(unknownsOf(result), ["locked/: unreadable-directory"]);
  });

  test("fault 27: a directory that may be listed but not entered has its files unknown one by one", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "listed/x": "", "listed/d/y": "", z: "" });
    const result = await withMode(join(folder, "listed"), 0o444, () => walked(folder));
    assert.deepEqual(result.paths, ["listed/d/", "listed/x", "z"]);
    assert.deepEqual(unknownsOf(result), ["listed/d/: unreadable-directory", "listed/x: unreadable-file"]);
  });

  test("fault 47: a directory on another file system stands for all below it, if it is to stay out", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "a/x": "", "mnt/x": "", "mnt/d/y": "", "mnt-": "", "bin\u0001/x": "", z: "" });
    const outside = temporaryFolder(t);
    writeTree(outside, { "far/x": "", file: "" });
    link(folder, "to-directory", join(outside, "far"));
    link(folder, "to-file", join(outside, "file"));
    const on = diskWithMounts(disk, folder, "mnt", "to-directory", "to-file");
    const all = ["a/x", "bin\u0001/x", "mnt-", "mnt/d/y", "mnt/x", "to-directory/x", "to-file", "z"];
    assert.deepEqual((await walked(folder, { on })).paths, all);
    const result = await walked(folder, { on, oneFileSystem: true });
    assert.deepEqual(result.paths, ["a/x", "bin\u0001/x", "mnt-", "mnt/", "to-directory/", "to-file", "z"]);
    assert.deepEqual(unknownsOf(result), ["mnt/: other-file-system", "to-directory/: other-file-system"]);
    assert.deepEqual(result.said, []);
  });

  test("fault 47: a directory on another file system that can have no key is told apart", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { [`${"d".repeat(200)}/mnt/x`]: "", z: "" });
    const on = diskWithMounts(disk, folder, `${"d".repeat(200)}/mnt`);
    const result = await walked(folder, { on, oneFileSystem: true, keyPrefix: `${"p".repeat(840)}/` });
    assert.deepEqual(result.paths, ["z"]);
    assert.deepEqual(result.said, [`${"d".repeat(200)}/mnt: name-too-long`]);
  });

  test("a root that cannot be read is an error of its own", async (t) => {
    const folder = temporaryFolder(t);
    await assert.rejects(walked(join(folder, "missing")), { code: "ENOENT" });
    writeTree(folder, { file: "" });
    await assert.rejects(walked(join(folder, "file")), { code: "ENOTDIR" });
  });

  test("fault 28: an input/output error of one directory or file stays its own", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "a/x": "", b: "", "c/y": "", d: "" });
    const on = diskBut(disk, {
      directory: (path) => {
        if (path === bytePath(folder, "a")) throw systemError("EIO");
        return disk.directory(path);
      },
      facts: async (path, follow) => {
        if (path === bytePath(folder, "b")) throw systemError("EIO");
        return disk.facts(path, follow);
      },
    });
    const result = await walked(folder, { on });
    assert.deepEqual(result.paths, ["a/", "b", "c/y", "d"]);
    assert.deepEqual(unknownsOf(result), ["a/: unreadable-directory", "b: unreadable-file"]);
  });
});

suite("A tree that changes", () => {
  test("fault 46: a name that a directory tells twice is one", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { a: "", "d/x": "" });
    link(folder, "l", "d");
    link(folder, "broken", "nowhere");
    execFileSync("mkfifo", [join(folder, "fifo")]);
    const on = diskBut(disk, {
      async *directory(path) {
        yield* disk.directory(path);
        yield* disk.directory(path);
      },
    });
    const result = await walked(folder, { on });
    assert.deepEqual(result.paths, ["a", "broken", "broken/", "d/x", "l/x"]);
    assert.deepEqual(result.said, ["fifo: special"]);
  });

  /** The real disk, and something that happens just before facts of a path are asked for. */
  function changing(folder: string, at: string, change: () => void): Disk {
    let done = false;
    return diskBut(disk, {
      facts: (path, follow) => {
        if (path === bytePath(folder, at) && !done) {
          done = true;
          change();
        }
        return disk.facts(path, follow);
      },
    });
  }

  test("fault 46: a directory that vanishes leaves its keys unknown", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "a/x": "", "gone/x": "", z: "" });
    const on = changing(folder, "gone", () => rmSync(join(folder, "gone"), { recursive: true }));
    const result = await walked(folder, { on });
    assert.deepEqual(result.paths, ["a/x", "gone/", "z"]);
    assert.deepEqual(unknownsOf(result), ["gone/: vanished"]);
  });

  test("fault 29: a file that vanishes leaves its key unknown", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { a: "", gone: "", z: "" });
    const on = changing(folder, "gone", () => unlinkSync(join(folder, "gone")));
    assert.deepEqual(unknownsOf(await walked(folder, { on })), ["gone: vanished"]);
  });

  test("fault 46: a file that becomes a directory is unknown, for what is below was not walked", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { a: "", b: "", z: "" });
    const on = changing(folder, "b", () => {
      unlinkSync(join(folder, "b"));
      writeTree(folder, { "b/below": "" });
    });
    const result = await walked(folder, { on });
    assert.deepEqual(unknownsOf(result), ["b: unreadable-file"]);
    assert.deepEqual(result.said, []);
  });

  test("fault 46: a directory that becomes a file is unknown, and so is what was below", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { a: "", "b/x": "", z: "" });
    const on = changing(folder, "b", () => {
      rmSync(join(folder, "b"), { recursive: true });
      writeFileSync(join(folder, "b"), "");
    });
    const result = await walked(folder, { on });
    assert.deepEqual(unknownsOf(result), ["b/: unreadable-directory"]);
  });

  test("fault 46: a file that becomes a link is what the link leads to", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { a: "12345", b: "" });
    const on = changing(folder, "b", () => {
      unlinkSync(join(folder, "b"));
      link(folder, "b", "a");
    });
    const { entries } = await walked(folder, { on });
    assert.deepEqual(
      entries.map((entry) => ("sizeBytes" in entry ? entry.sizeBytes : undefined)),
      [5, 5],
    );
  });

  test("fault 46: files that come and go meanwhile are met once or not at all, in order", async (t) => {
    const folder = temporaryFolder(t);
    for (let index = 0; index < 300; index++) writeTreeFile(folder, `d${index % 7}/${index}`);
    let round = 0;
    const on = diskBut(disk, {
      facts: (path, follow) => {
        round += 1;
        writeTreeFile(folder, `d${round % 7}/new-${round}`);
        rmSync(placeOf(folder, `d${(round * 3) % 7}/${round}`), { force: true });
        return disk.facts(path, follow);
      },
    });
    const { paths } = await walked(folder, { on });
    assert.deepEqual(paths, [...new Set(paths)].sort(byBytes));
  });
});

suite("Large trees", () => {
  test("fault 45: a depth of 1,000 directories is walked, names beyond the limit of a key are named", async (t) => {
    const folder = temporaryFolder(t);
    const deep = "d/".repeat(500);
    writeTreeFile(folder, `${deep}x`);
    writeTreeFile(folder, `${"d/".repeat(1_000)}y`);
    const result = await walked(folder);
    assert.deepEqual(result.paths, [`${deep}x`]);
    assert.deepEqual(result.said, [`${"d/".repeat(1_000)}y: name-too-long`]);
  });

  test("fault 45: a directory of 20,000 files", async (t) => {
    const folder = temporaryFolder(t);
    for (let index = 0; index < 20_000; index++) writeFileSync(join(folder, `f${index}`), "");
    const { paths, batches } = await walked(folder);
    assert.equal(paths.length, 20_000);
    assert.deepEqual(batches, [...Array<number>(312).fill(64), 32]);
    assert.deepEqual(paths, [...paths].sort(byBytes));
  });

  test("fault 51: an interruption ends the walk, also among directories that hold no file", async (t) => {
    const folder = temporaryFolder(t);
    for (let index = 0; index < 50; index++) mkdirSync(join(folder, `d${index}`));
    let checks = 0;
    const check = () => {
      checks += 1;
      if (checks > 10) throw new Error("interrupted");
    };
    const walking = walk({ root: bytePathOf(folder), keyPrefix: "", disk, notice: () => {}, check });
    await assert.rejects(walking.next(), /interrupted/);
    assert.equal(checks, 11);
  });
});

test("facts are those of the file: size, times, and what tells it from others", async (t) => {
  const folder = temporaryFolder(t);
  writeTree(folder, { a: "1234567" });
  const [entry] = (await walked(folder)).entries;
  const stats = statSync(join(folder, "a"), { bigint: true });
  assert.deepEqual(entry, {
    path: "a",
    sizeBytes: 7,
    modifiedMs: Number(stats.mtimeNs) / 1e6,
    changedMs: Number(stats.ctimeNs) / 1e6,
    inode: Number(stats.ino),
    isLocal: isLocalDevice(stats.dev),
    placedMs: 0,
  });
});

suite("A file is local", () => {
  /** As if all were on a local file system but for one directory; tells which paths were asked about as local ones. */
  function localBut(other?: string) {
    const askedAsLocal: string[] = [];
    const on = diskBut(disk, {
      facts: async (path, follow, wayIsLocal) => {
        if (wayIsLocal) askedAsLocal.push(path.slice(path.lastIndexOf("/") + 1));
        const isOther = other !== undefined && path.includes(other);
        return { ...(await disk.facts(path, follow)), isLocal: !isOther };
      },
    });
    return { on, askedAsLocal };
  }

  const localOnes = (entries: readonly WalkEntry[]) =>
    entries.filter((entry) => "isLocal" in entry && entry.isLocal).map(({ path }) => path);

  test("where all directories on the way to it are, and none of them nor itself is a link", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { a: "", "d/e/x": "", "d/y": "", "other/deep/z": "" });
    link(folder, "link", "a");
    link(folder, "linked", "d");
    const { on, askedAsLocal } = localBut("/other");
    const { entries, paths } = await walked(folder, { on });
    assert.deepEqual(paths, ["a", "d/e/x", "d/y", "link", "linked/e/x", "linked/y", "other/deep/z"]);
    assert.deepEqual(localOnes(entries), ["a", "d/e/x", "d/y"]);
    assert.deepEqual(askedAsLocal.sort(), ["a", "x", "y"]);
  });

  test("also when its facts are told at once", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { a: "", b: "", d: "" });
    link(folder, "c", "b");
    const on = diskBut(disk, {
      async *directory() {
        yield ["a", "b", "c", "d"].map((name) => ({ name, kind: "file" as const }));
      },
      facts(path, follow) {
        if (path === bytePath(folder, "b")) return Promise.reject(systemError("EIO"));
        const stats = (follow ? statSync : lstatSync)(Buffer.from(path, "latin1"));
        return {
          ...{ kind: stats.isDirectory() ? "directory" : stats.isSymbolicLink() ? "link" : "file" },
          ...{ sizeBytes: stats.size, modifiedMs: 1, changedMs: 2, identity: path, inode: stats.ino, isLocal: true },
        };
      },
    });
    const result = await walked(folder, { on });
    assert.deepEqual(result.paths, ["a", "b", "c", "d"]);
    assert.deepEqual(unknownsOf(result), ["b: unreadable-file"]);
    assert.deepEqual(localOnes(result.entries), ["a", "d"]);
  });

  test("not when it became a link while its directory was walked", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { a: "", b: "" });
    link(folder, "l", "b");
    const { on } = localBut();
    // The directory was read before.
    const before: Disk = {
      ...on,
      async *directory() {
        yield ["a", "l"].map((name) => ({ name, kind: "file" as const }));
      },
    };
    const { entries, paths } = await walked(folder, { on: before });
    assert.deepEqual(paths, ["a", "l"]);
    assert.deepEqual(localOnes(entries), ["a"]);
    const [, linked] = entries;
    assert.ok(linked !== undefined && "placedMs" in linked);
    assert.equal(linked.placedMs, Number(lstatSync(join(folder, "l"), { bigint: true }).ctimeNs) / 1e6);
  });

  test("nowhere in a source that is reached by a link, or that is on another file system", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "source/a": "", "source/d/x": "" });
    link(folder, "link", "source");
    const byLink = localBut();
    assert.deepEqual(localOnes((await walked(`${folder}/link/`, { on: byLink.on })).entries), []);
    const onOther = localBut("/source");
    assert.deepEqual(localOnes((await walked(`${folder}/source`, { on: onOther.on })).entries), []);
    assert.deepEqual([...byLink.askedAsLocal, ...onOther.askedAsLocal], []);
    assert.deepEqual(localOnes((await walked(`${folder}/source`, { on: localBut().on })).entries), ["a", "d/x"]);
  });
});

test("fault 46: a name that a directory shows twice while it changes is one entry", async (t) => {
  const folder = temporaryFolder(t);
  writeTree(folder, { a: "1", b: "2" });
  const twice: Disk = {
    ...disk,
    async *directory(path) {
      yield* disk.directory(path);
      yield* disk.directory(path);
    },
  };
  assert.deepEqual((await walked(folder, { on: twice })).paths, ["a", "b"]);
});

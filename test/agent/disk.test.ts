/** The disk on the real file system: bytes as names, nothing that blocks, the system's own errors. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, linkSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { CallsAtOnce } from "#agent/at-once.ts";
import { bytePathOf } from "#agent/byte-path.ts";
import { disk, openDisk } from "#agent/disk.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { bytePath, link, systemError, withMode, writeTree, writeTreeFile } from "./trees.ts";

/** What this process has open, where the system shows it. */
const OPEN_FILES = "/proc/self/fd";

async function names(folder: string): Promise<string[]> {
  const items = (await Array.fromAsync(disk.directory(bytePathOf(folder)))).flat();
  return items.map(({ name, kind }) => `${name} ${kind}`).sort();
}

suite("A directory", () => {
  test("gives each name as its bytes, with its kind", async (t) => {
    const folder = temporaryFolder(t);
    writeTreeFile(folder, Buffer.from([0xff, 0x41]));
    writeTree(folder, { é: "", "d/x": "" });
    link(folder, "l", "d");
    execFileSync("mkfifo", [join(folder, "fifo")]);
    assert.deepEqual(await names(folder), ["d directory", "fifo other", "l link", "\xc3\xa9 file", "\xffA file"]);
  });

  test("that cannot be read gives the system's error", async (t) => {
    const folder = temporaryFolder(t);
    await assert.rejects(names(join(folder, "missing")), { code: "ENOENT" });
    writeTree(folder, { file: "" });
    await assert.rejects(names(join(folder, "file")), { code: "ENOTDIR" });
    mkdirSync(join(folder, "locked"));
    await withMode(join(folder, "locked"), 0o000, () =>
      assert.rejects(names(join(folder, "locked")), { code: "EACCES" }),
    );
  });

  /** node:fs where the kernel does not tell what an item is: it looks, and throws when one of them is gone. */
  function openingUntold(gone = () => {}, code = "ENOENT"): typeof opendir {
    return (async (...of: Parameters<typeof opendir>) => {
      const directory = await opendir(...of);
      return (async function* () {
        for await (const item of directory) {
          yield item;
          gone();
          throw systemError(code);
        }
      })();
    }) as unknown as typeof opendir;
  }

  test("fault 46: is not gone because one of its names is", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { a: "", "d/x": "" });
    link(folder, "l", "d");
    execFileSync("mkfifo", [join(folder, "fifo")]);
    for (let index = 0; index < 200; index++) writeTreeFile(folder, `f${index}`);
    const on = openDisk(new CallsAtOnce(), openingUntold());
    const kinds = new Map<string, string>();
    for await (const items of on.directory(bytePathOf(folder))) {
      // Some are gone only when they are looked at by themselves.
      for (let index = 0; index < 200; index++) rmSync(join(folder, `f${index}`), { force: true });
      for (const { name, kind } of items) kinds.set(name, kind);
    }
    assert.equal(kinds.size, 204);
    const others = Object.fromEntries([...kinds].filter(([name]) => !/^f\d/.test(name)));
    assert.deepEqual(others, { a: "file", d: "directory", fifo: "other", l: "link" });
  });

  test("fault 46: that is gone itself is, and other errors stay what they are", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { "d/x": "" });
    const read = (code?: string) => {
      const gone = () => rmSync(join(folder, "d"), { recursive: true, force: true });
      return Array.fromAsync(openDisk(new CallsAtOnce(), openingUntold(gone, code)).directory(bytePath(folder, "d")));
    };
    await assert.rejects(read("EIO"), { code: "EIO" });
    writeTree(folder, { "d/x": "" });
    await assert.rejects(read("ESTALE"), { code: "ENOENT" });
  });

  test("that is left early is closed", { skip: !existsSync(OPEN_FILES) }, async (t) => {
    const folder = temporaryFolder(t);
    // More than arrive at a time.
    for (let index = 0; index < 1_100; index++) writeTreeFile(folder, `f${index}`);
    const before = readdirSync(OPEN_FILES).length;
    for (let round = 0; round < 50; round++)
      for await (const items of disk.directory(bytePathOf(folder))) {
        assert.equal(items.length, 1_024);
        break;
      }
    assert.ok(readdirSync(OPEN_FILES).length <= before + 1);
  });
});

suite("Facts", () => {
  test("are those of the link or of what it leads to", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { file: "12345" });
    link(folder, "l", "file");
    assert.equal((await disk.facts(bytePath(folder, "l"), false)).kind, "link");
    const followed = await disk.facts(bytePath(folder, "l"), true);
    assert.deepEqual([followed.kind, followed.sizeBytes], ["file", 5]);
  });

  test("fault 34: hard links are one file, two files are two", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { a: "", b: "" });
    linkSync(join(folder, "a"), join(folder, "c"));
    const [a, b, c] = await Promise.all(["a", "b", "c"].map((name) => disk.facts(bytePath(folder, name), false)));
    assert.equal(a?.identity, c?.identity);
    assert.notEqual(a?.identity, b?.identity);
  });
});

for (const [way, make] of [
  [
    "at once",
    async <T>(mayBe: boolean, atOnce: () => T, byThread: () => Promise<T>) => (mayBe ? atOnce() : byThread()),
  ],
  ["by threads", <T>(_: boolean, _atOnce: () => T, byThread: () => Promise<T>) => byThread()],
] as const)
  suite(`What is local, asked ${way}`, () => {
    const local = openDisk({ make });

    test("has the same facts and the same content", async (t) => {
      const folder = temporaryFolder(t);
      const sizes = { empty: 0, file: 9, large: 100_000 };
      for (const [name, sizeBytes] of Object.entries(sizes))
        writeTree(folder, { [name]: Buffer.alloc(sizeBytes, name) });
      link(folder, "l", "file");
      for (const name of [...Object.keys(sizes), "l"])
        for (const follow of [false, true]) {
          const path = bytePath(folder, name);
          assert.deepEqual(await local.facts(path, follow, true), await disk.facts(path, follow));
        }
      for (const [name, sizeBytes] of Object.entries(sizes)) {
        const file = await local.open(bytePath(folder, name), true);
        assert.equal((await file.facts()).sizeBytes, sizeBytes);
        const buffer = Buffer.alloc(sizeBytes + 1);
        assert.equal(await file.read(buffer), sizeBytes);
        assert.ok(buffer.subarray(0, sizeBytes).equals(Buffer.alloc(sizeBytes, name)));
        await file.close();
      }
    });

    test("has the same errors", async (t) => {
      const folder = temporaryFolder(t);
      const missing = bytePath(folder, "missing");
      await assert.rejects(async () => local.facts(missing, false, true), { code: "ENOENT", syscall: "lstat" });
      await assert.rejects(local.open(missing, true), { code: "ENOENT", syscall: "open" });
      link(folder, "loop", "loop");
      await assert.rejects(local.open(bytePath(folder, "loop"), true), { code: "ELOOP", syscall: "open" });
      const directory = await local.open(bytePathOf(folder), true);
      await assert.rejects(directory.read(Buffer.alloc(1)), { code: "EISDIR", syscall: "read" });
      await directory.close();
    });
  });

test("A link that has taken the place of a local file is opened by a thread, and what it leads to is asked there", async (t) => {
  const folder = temporaryFolder(t);
  writeTree(folder, { file: "content" });
  link(folder, "l", "file");
  const made: string[] = [];
  const local = openDisk({
    async make(mayBeAtOnce, atOnce, byThread) {
      made.push(mayBeAtOnce ? "at once" : "by a thread");
      return mayBeAtOnce ? atOnce() : byThread();
    },
  });
  const file = await local.open(bytePath(folder, "l"), true);
  const buffer = Buffer.alloc(7);
  await file.read(buffer);
  await file.close();
  assert.equal(buffer.toString(), "content");
  // What was opened at once was not the link's end; read before its facts were asked, that is not known to be local.
  assert.deepEqual(made, ["at once", "by a thread"]);
});

suite("An open file", () => {
  test("is read in order, as far as the buffer or the file goes", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { file: "123456789" });
    const file = await disk.open(bytePath(folder, "file"));
    const buffer = Buffer.alloc(4);
    const read = async () => buffer.subarray(0, await file.read(buffer)).toString();
    assert.deepEqual([await read(), await read(), await read(), await read()], ["1234", "5678", "9", ""]);
    appendFileSync(join(folder, "file"), "more");
    assert.deepEqual([await read(), (await file.facts()).sizeBytes], ["more", 13]);
    await file.close();
  });

  test("with as much as is enough, is asked no more; nothing being enough, it is asked once", async (t) => {
    const folder = temporaryFolder(t);
    writeTree(folder, { file: "123456789", empty: "" });
    const file = await disk.open(bytePath(folder, "file"));
    assert.equal(await file.read(Buffer.alloc(10), 9), 9);
    appendFileSync(join(folder, "file"), "more");
    assert.equal(await file.read(Buffer.alloc(1), 0), 1, "what says it is empty, and is not");
    await file.close();
    const empty = await disk.open(bytePath(folder, "empty"));
    assert.equal(await empty.read(Buffer.alloc(1), 0), 0);
    await empty.close();
  });

  test("with a name that is not UTF-8 is that very file", async (t) => {
    const folder = temporaryFolder(t);
    const name = Buffer.from([0xff]);
    writeTreeFile(folder, name, "content");
    const file = await disk.open(`${bytePathOf(folder)}/${name.toString("latin1")}`);
    const buffer = Buffer.alloc(10);
    assert.equal(buffer.subarray(0, await file.read(buffer)).toString(), "content");
    await file.close();
  });

  test("fault 32: a FIFO without a writer opens at once, as what it is", async (t) => {
    const folder = temporaryFolder(t);
    execFileSync("mkfifo", [join(folder, "fifo")]);
    const file = await disk.open(bytePath(folder, "fifo"));
    assert.equal((await file.facts()).kind, "other");
    await file.close();
  });

  test("fault 34: a sparse file is read as its zeros", async (t) => {
    const folder = temporaryFolder(t);
    const place = join(folder, "sparse");
    writeFileSync(place, "");
    execFileSync("truncate", ["-s", "3000000", place]);
    assert.ok(statSync(place).blocks < 100);
    const file = await disk.open(bytePath(folder, "sparse"));
    const buffer = Buffer.alloc(4_000_000, 1);
    assert.equal(await file.read(buffer), 3_000_000);
    assert.ok(buffer.subarray(0, 3_000_000).every((byte) => byte === 0));
    await file.close();
  });
});

/** Whether the way to a directory leads only over local file systems. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { bytePathOf } from "#agent/byte-path.ts";
import { disk } from "#agent/disk.ts";
import { isLocalWay } from "#agent/local-way.ts";
import type { Disk } from "#agent/ports.ts";
import { link, writeTree } from "#test/agent/trees.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";

suite("The way to a directory is local", () => {
  /** As if all were on a local file system, but for what lies below some. */
  const localBut = (...others: string[]): Pick<Disk, "facts"> => ({
    facts: async (path, follow) => {
      const isOther = others.some((other) => path === other || path.startsWith(`${other}/`));
      return { ...(await disk.facts(path, follow)), isLocal: !isOther };
    },
  });

  test("when all directories on it are", async (t) => {
    const folder = bytePathOf(temporaryFolder(t));
    writeTree(folder, { "a/b/c": "" });
    for (const way of ["", "/", "/a/b", "/a//b//", "/a/../a/./b"])
      assert.equal(await isLocalWay(folder + way, localBut()), true, way);
    assert.equal(await isLocalWay("/", localBut()), true);
    assert.equal(await isLocalWay("..", localBut()), true);
  });

  test("and is not when one is not", async (t) => {
    const folder = bytePathOf(temporaryFolder(t));
    writeTree(folder, { "a/b/c": "" });
    assert.equal(await isLocalWay(`${folder}/a/b`, localBut(`${folder}/a/b`)), false);
    assert.equal(await isLocalWay(`${folder}/a/b`, localBut("/")), false);
    // Such as a local file system that is mounted on a directory of another one.
    const all = localBut();
    const between: Pick<Disk, "facts"> = {
      facts: async (path, follow) => ({ ...(await all.facts(path, follow)), isLocal: path !== `${folder}/a` }),
    };
    assert.equal(await isLocalWay(`${folder}/a/b`, between), false);
  });

  test("and is not when one is a link, wherever it leads", async (t) => {
    const folder = bytePathOf(temporaryFolder(t));
    writeTree(folder, { "a/b/c": "" });
    link(folder, "l", "a");
    link(folder, "\n", "a");
    for (const way of ["/l", "/l/", "/l//", "/l/.", "/l/b", "/a/../l/b", "/\n/"])
      assert.equal(await isLocalWay(folder + way, localBut()), false, way);
  });

  test("and is not when that cannot be told", async (t) => {
    assert.equal(await isLocalWay(`${bytePathOf(temporaryFolder(t))}/missing`, localBut()), false);
    const stopped: Pick<Disk, "facts"> = { facts: () => Promise.reject(new Error("stopped")) };
    await assert.rejects(isLocalWay("/", stopped), /stopped/);
  });
});

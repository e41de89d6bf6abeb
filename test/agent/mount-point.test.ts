/** Where a source is mounted, and when that has changed in the dangerous direction. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { disk } from "#agent/disk.ts";
import { checkMounted, mountPointOf } from "#agent/mount-point.ts";
import type { Disk } from "#agent/ports.ts";
import { diskBut, systemError } from "./trees.ts";

/** A disk on which file systems are mounted at some directories; the root is always one. */
function mountedAt(...directories: string[]): Disk {
  const facts = (path: string) => {
    const at = directories.filter((directory) => `${path}/`.startsWith(`${directory}/`)).sort();
    return { kind: "directory", identity: `${at.at(-1)?.length ?? 0}:${path.length}` } as const;
  };
  return diskBut(disk, {
    facts: async (path) => ({ ...facts(path), sizeBytes: 0, modifiedMs: 0, changedMs: 0, inode: 1, isLocal: false }),
  });
}

describe("fault 25: the mount point of a source", () => {
  const rows: [mounted: string[], directory: string, expected: string][] = [
    [[], "/home/me", "/"],
    [[], "/", "/"],
    [["/mnt"], "/mnt", "/mnt"],
    [["/mnt"], "/mnt/disk/photos", "/mnt"],
    [["/mnt", "/mnt/disk"], "/mnt/disk/photos", "/mnt/disk"],
    [["/mnt/disk"], "/mnt/disk2/photos", "/"],
    [["/mnt/disk"], "/mnt", "/"],
  ];
  for (const [mounted, directory, expected] of rows) {
    test(`fault 25: ${directory} with [${mounted}] mounted lies on ${expected}`, async () => {
      assert.equal(await mountPointOf(directory, mountedAt(...mounted)), expected);
    });
  }

  test("fault 25: is not known where a directory above cannot be asked for", async () => {
    const closed = diskBut(mountedAt(), {
      facts: async (path) => {
        if (path === "/home") throw systemError("EACCES");
        return mountedAt().facts(path, true);
      },
    });
    assert.equal(await mountPointOf("/home/me", closed), undefined);
  });

  test("fault 25: is on the real disk a directory at or above the source", async () => {
    const here = import.meta.dirname;
    const found = await mountPointOf(here, disk);
    assert.ok(found !== undefined && here.startsWith(found), found);
  });
});

describe("fault 25: a source that lay on a mounted file system", () => {
  const rows: [before: string | undefined, now: string | undefined, stops: boolean][] = [
    ["/mnt/disk", "/", true],
    ["/mnt/disk", "/mnt", true],
    ["/mnt/disk", "/mnt/disk", false],
    // Mounted since: at worst all files are new, and the guard sees what would be deleted.
    ["/", "/mnt/disk", false],
    ["/mnt", "/mnt/disk", false],
    [undefined, "/", false],
    ["/mnt/disk", undefined, false],
  ];
  for (const [before, now, stops] of rows) {
    test(`fault 25: on ${before}, now on ${now}: ${stops ? "stop" : "go on"}`, () => {
      const check = () => checkMounted("/mnt/disk/photos", before, now);
      if (!stops) return check();
      assert.throws(check, { outcome: "safety-stop", message: /mounted on \/mnt\/disk, and nothing is mounted there/ });
    });
  }
});

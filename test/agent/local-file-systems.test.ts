/** Which files lie on a file system of this machine's own. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { suite, test } from "node:test";
import { disk } from "#agent/disk.ts";
import { isLocalDevice, localDevices } from "#agent/local-file-systems.ts";
import { bytePathOf } from "#agent/walk.ts";
import { writeTree } from "#test/agent/trees.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";

const LINUX = { skip: !existsSync("/proc/self/mountinfo") };

suite("Devices of local file systems", () => {
  const mounted = (numbers: string, type: string, optional = "") =>
    `36 27 ${numbers} / /mnt rw,noatime ${optional}- ${type} source rw\n`;

  for (const type of ["btrfs", "ext2", "ext3", "ext4", "f2fs", "tmpfs", "xfs"])
    test(`${type} is one`, () => {
      assert.deepEqual(localDevices(mounted("8:1", type)), new Set([0x801n]));
    });

  for (const type of ["nfs", "nfs4", "cifs", "fuse", "fuse.sshfs", "fuseblk", "9p", "ceph", "gfs2", "overlay", "proc"])
    test(`${type} is none`, () => {
      assert.deepEqual(localDevices(mounted("0:45", type)), new Set());
    });

  test("are told by their numbers, however large", () => {
    assert.deepEqual(localDevices(mounted("259:70000", "xfs")), new Set([0x11110370n]));
    assert.deepEqual(localDevices(mounted("4096:0", "xfs")), new Set([0x1000_0000_0000n]));
  });

  test("are found among others, with and without fields that may be missing", () => {
    const names = "40 27 0:50 /a\\040-\\040ext4 /mnt/a\\040-\\040ext4 rw - nfs4 server:/a\\040-\\040ext4 rw\n";
    const mounts = mounted("8:1", "ext4", "shared:1 master:2 ") + names + mounted("0:9", "tmpfs");
    assert.deepEqual(localDevices(mounts), new Set([0x801n, 0x9n]));
  });

  test("are none where nothing is told, or something else", () => {
    for (const text of ["", "\n", "not a table", "36 27 8:1 / /mnt rw"])
      assert.deepEqual(localDevices(text), new Set());
  });
});

suite("A device", LINUX, () => {
  const deviceAt = (path: string) => statSync(path, { bigint: true }).dev;

  test("is local as its file system is", (t) => {
    const folder = temporaryFolder(t);
    const type = execFileSync("stat", ["--file-system", "--format=%T", folder], { encoding: "utf8" }).trim();
    // btrfs gives each subvolume a device that no mount has: it may be told or not.
    if (type !== "btrfs") assert.equal(isLocalDevice(deviceAt(folder)), /^(ext2\/ext3|f2fs|tmpfs|xfs)$/.test(type));
  });

  test("is not when the kernel makes up its files, or when nothing is mounted from it", () => {
    assert.equal(isLocalDevice(deviceAt("/proc")), false);
    assert.equal(isLocalDevice(0xfff_ffff_ffffn), false);
  });
});

suite("An open file is the same", LINUX, () => {
  for (const isLocal of [true, false])
    test(`when it was said to be ${isLocal ? "" : "not "}local`, async (t) => {
      const folder = temporaryFolder(t);
      writeTree(folder, { file: "content" });
      const path = `${bytePathOf(folder)}/file`;
      const file = await disk.open(path, isLocal);
      const facts = await file.facts();
      assert.deepEqual(facts, await disk.facts(path, true));
      assert.deepEqual(await file.facts(), facts);
      await file.close();
      await assert.rejects(file.facts(), { code: "EBADF" });
      await assert.rejects(file.close(), { code: "EBADF" });
    });

  test("when it is another than was looked at", async () => {
    const file = await disk.open("/proc/self/mountinfo", true);
    const facts = await file.facts();
    assert.deepEqual([facts.kind, facts.isLocal], ["file", false]);
    await file.close();
  });
});

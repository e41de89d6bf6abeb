/** Which files lie on a file system of this machine's own. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { disk } from "#agent/disk.ts";
import { closesAtOnce, isLocalDevice, localFileSystems } from "#agent/local-file-systems.ts";
import { bytePathOf } from "#agent/walk.ts";
import { writeTree } from "#test/agent/trees.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";

const LINUX = { skip: !existsSync("/proc/self/mountinfo") };

suite("Local file systems", () => {
  const mounted = (numbers: string, type: string, optional = "") =>
    `36 27 ${numbers} / /mnt rw,noatime ${optional}- ${type} source rw\n`;

  for (const type of ["ext2", "ext3", "ext4", "f2fs", "xfs"])
    test(`${type} is one`, () => {
      assert.deepEqual(localFileSystems(mounted("8:1", type)), new Map([[0x801n, type]]));
    });

  const others = [
    "nfs",
    "nfs4",
    "cifs",
    "fuse",
    "fuse.sshfs",
    "fuseblk",
    "9p",
    "ceph",
    "gfs2",
    "ocfs2",
    "overlay",
    "tmpfs",
  ];
  for (const type of [...others, "proc"])
    test(`${type} is none`, () => {
      assert.deepEqual(localFileSystems(mounted("0:45", type)), new Map());
    });

  test("are told by their devices' numbers, however large", () => {
    assert.deepEqual([...localFileSystems(mounted("259:70000", "xfs")).keys()], [0x11110370n]);
    assert.deepEqual([...localFileSystems(mounted("4096:0", "xfs")).keys()], [0x1000_0000_0000n]);
  });

  test("are found among others, with and without fields that may be missing", () => {
    const names = "40 27 0:50 /a\\040-\\040ext4 /mnt/a\\040-\\040ext4 rw - nfs4 server:/a\\040-\\040ext4 rw\n";
    const mounts = mounted("8:1", "ext4", "shared:1 master:2 ") + names + mounted("8:2", "xfs");
    assert.deepEqual(
      localFileSystems(mounts),
      new Map([
        [0x801n, "ext4"],
        [0x802n, "xfs"],
      ]),
    );
  });

  test("are none where nothing is told, or something else", () => {
    for (const text of ["", "\n", "not a table", "36 27 8:1 / /mnt rw"])
      assert.deepEqual(localFileSystems(text), new Map());
  });
});

suite("A device", LINUX, () => {
  const deviceAt = (path: string) => statSync(path, { bigint: true }).dev;

  test("is local as what is mounted from it is", (t) => {
    const device = deviceAt(temporaryFolder(t));
    const type = localFileSystems(readFileSync("/proc/self/mountinfo", "utf8")).get(device);
    assert.deepEqual(
      [isLocalDevice(device), closesAtOnce(device)],
      [type !== undefined, type !== undefined && type !== "xfs"],
    );
  });

  test("is not when the kernel makes up its files, or when nothing is mounted from it", () => {
    for (const device of [deviceAt("/proc"), 0xfff_ffff_ffffn])
      assert.deepEqual([isLocalDevice(device), closesAtOnce(device)], [false, false]);
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
      unlinkSync(join(folder, "file"));
      assert.equal((await file.facts()).sizeBytes, 7, "also without a name");
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

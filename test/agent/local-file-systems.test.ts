/** Which files lie on a file system of this machine's own. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { bytePathOf } from "#agent/byte-path.ts";
import { disk } from "#agent/disk.ts";
import { closesAtOnce, isLocalDevice, mayBeMounted, parseMounts } from "#agent/local-file-systems.ts";
import { writeTree } from "#test/agent/trees.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";

const LINUX = { skip: !existsSync("/proc/self/mountinfo") };

suite("Local file systems", () => {
  const mounted = (numbers: string, type: string, optional = "") =>
    `36 27 ${numbers} / /mnt rw,noatime ${optional}- ${type} source rw\n`;

  for (const type of ["ext2", "ext3", "ext4", "f2fs", "xfs"])
    test(`${type} is one`, () => {
      assert.deepEqual(parseMounts(mounted("8:1", type)), {
        localTypes: new Map([[0x801n, type]]),
        otherNames: new Set(),
      });
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
      assert.deepEqual(parseMounts(mounted("0:45", type)), { localTypes: new Map(), otherNames: new Set(["mnt"]) });
    });

  test("are told by their devices' numbers, however large", () => {
    assert.deepEqual([...parseMounts(mounted("259:70000", "xfs")).localTypes.keys()], [0x11110370n]);
    assert.deepEqual([...parseMounts(mounted("4096:0", "xfs")).localTypes.keys()], [0x1000_0000_0000n]);
  });

  test("are found among others, with and without fields that may be missing", () => {
    // Not all that JavaScript takes for white space is escaped: these are the bytes of "à".
    const accent = "36 27 8:3 /\xc3\xa0 /mnt/\xc3\xa0 rw - ext4 /dev/\xc3\xa0 rw\n";
    const names = "40 27 0:50 /a\\040-\\040ext4 /mnt/a\\040-\\040ext4 rw - nfs4 server:/a\\040-\\040ext4 rw\n";
    const mounts = mounted("8:1", "ext4", "shared:1 master:2 ") + names + accent + mounted("8:2", "xfs");
    assert.deepEqual(
      parseMounts(mounts).localTypes,
      new Map([
        [0x801n, "ext4"],
        [0x803n, "ext4"],
        [0x802n, "xfs"],
      ]),
    );
  });

  test("are none where nothing is told, or something else", () => {
    for (const text of ["", "\n", "not a table", "36 27 8:1 / /mnt rw"])
      assert.deepEqual(parseMounts(text), { localTypes: new Map(), otherNames: new Set() });
  });

  test("have beside them the last names of all other mounts, as they are on disk", () => {
    const line = (mountPoint: string, type: string) => `40 27 0:50 / ${mountPoint} rw - ${type} source rw\n`;
    const mounts = parseMounts(
      line("/srv/a\\040b\\134\\012", "nfs4") +
        line("/srv/\xc3\xa9", "fuse") +
        line("/srv/voil\xc3\xa0\x0b\x0c\r", "nfs4") +
        line("/srv/own", "ext4") +
        line("/", "overlay"),
    );
    assert.deepEqual(mounts.otherNames, new Set(["a b\\\n", "\xc3\xa9", "voil\xc3\xa0\x0b\x0c\r", ""]));
  });
});

suite("A device", LINUX, () => {
  const deviceAt = (path: string) => statSync(path, { bigint: true }).dev;

  test("is local as what is mounted from it is", (t) => {
    const device = deviceAt(temporaryFolder(t));
    const type = parseMounts(readFileSync("/proc/self/mountinfo", "latin1")).localTypes.get(device);
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

test("A file with the name of a mount of another file system may be one", LINUX, () => {
  // Where the table of mounts is read from, this one is mounted.
  assert.deepEqual([mayBeMounted("/srv/proc"), mayBeMounted("/proc/no mount")], [true, false]);
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

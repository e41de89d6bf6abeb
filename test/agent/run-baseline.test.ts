/** Runs with a baseline, without one, with a damaged one: what they ask of the bucket, and that all end alike. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { disk } from "#agent/disk.ts";
import type { FileFacts } from "#agent/ports.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { type Ran, Simulation } from "./simulation.ts";
import {
  bytePath,
  diskBut,
  diskShowing,
  diskWithLocked,
  systemError,
  treePaths,
  writeTree,
  writeTreeFile,
} from "./trees.ts";

const DAY_MS = 86_400_000;
const TREE = { "a/x": "ax", "a-b": "a-b", "a.txt": "text", "b/c/d": "deep", z: "last", empty: "" };

function simulation(test: { after(hook: () => void): void }, prefix = "p/"): Simulation {
  return new Simulation(temporaryFolder(test), prefix);
}

/** What a run asks of the bucket, but for the report and the status; and the files it reads. */
async function asked(one: Simulation, ...switches: string[]): Promise<Asked> {
  const calls: string[] = [];
  let statusReads = 0;
  one.before = (call) => {
    if (/^(put|remove|fetchPage|open$)/.test(call)) calls.push(call);
    if (call.startsWith("read .cback/status")) statusReads += 1;
  };
  const ran = await one.run(...switches);
  one.before = () => {};
  return { ...ran, calls, statusReads };
}

type Asked = Ran & { readonly calls: readonly string[]; readonly statusReads: number };

function baselinePath(one: Simulation): string {
  const folder = join(one.stateFolder, "baselines");
  const [name = "none"] = readdirSync(folder);
  return join(folder, name);
}

/** What a run says that others have damaged, and that it has repaired. */
function repairs({ lines }: Ran): string[] {
  return lines.map(({ text }) => text).filter((text) => text.startsWith("Repaired ["));
}

suite("With a baseline", () => {
  test("an unchanged tree costs no request but status, manifest and report, and no file is read", async (t) => {
    const one = simulation(t);
    one.shardEntries = 2;
    writeTree(one.folder, TREE);
    await one.run();
    one.later(DAY_MS);
    for (const [statusReads, ...switches] of [[2], [1, "--verifyOnly"], [2, "--uploadOnly"]] as const) {
      const ran = await asked(one, ...switches);
      assert.deepEqual([ran.outcome, ran.calls], ["success", []]);
      assert.equal(ran.statusReads, statusReads, "whose target it is, and still is");
      assert.equal(ran.messages.length, 3);
    }
  });

  test("what changed, came and went is sent and deleted without a listing", async (t) => {
    const one = simulation(t);
    one.shardEntries = 2;
    writeTree(one.folder, TREE);
    await one.run();
    rmSync(join(one.folder, "a.txt"));
    rmSync(join(one.folder, "b"), { recursive: true });
    writeTree(one.folder, { "a/x": "longer", z: "LAST", new: "n" });
    const ran = await asked(one);
    assert.equal(ran.outcome, "success");
    assert.deepEqual(ran.calls.filter((call) => call !== "open").sort(), [
      "put p/a/x",
      "put p/new",
      "put p/z",
      "remove",
    ]);
    assert.deepEqual(one.data, one.source);
    assert.ok(!ran.lines.some(({ text }) => text.startsWith("Repaired")), "none of it was a repair");
    assert.deepEqual((await asked(one)).calls, []);
  });

  test("a file that was only touched is read and not sent, once", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    utimesSync(join(one.folder, "z"), new Date(), new Date(0));
    chmodSync(join(one.folder, "a-b"), 0o600);
    const touched = await asked(one);
    assert.deepEqual([touched.outcome, touched.calls], ["success", ["open", "open"]]);
    assert.deepEqual((await asked(one)).calls, []);
  });

  test("fault 56: drift is found by the validator and mended in the same run, without a listing", async (t) => {
    const one = simulation(t);
    one.shardEntries = 2;
    writeTree(one.folder, TREE);
    await one.run();
    one.bucket.objects.delete("p/a-b");
    one.bucket.place("p/a.txt", "TEXT");
    one.bucket.place("p/z", "longer than it was");
    one.bucket.place("p/extra", "extra");
    const ran = await asked(one);
    assert.equal(ran.outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.deepEqual(ran.calls.filter((call) => call !== "open").sort(), [
      "put p/a-b",
      "put p/a.txt",
      "put p/z",
      "remove",
    ]);
    const repaired = ran.lines.filter(({ level, text }) => level === "info" && text.startsWith("Repaired"));
    assert.deepEqual(repaired.map(({ text }) => text).sort(), [
      "Repaired [a-b]: it was missing.",
      "Repaired [a.txt]: it was changed.",
      "Repaired [extra]: it was unexpected.",
      "Repaired [z]: it was changed.",
    ]);
    assert.deepEqual((await asked(one)).calls, []);
  });

  test("fault 56: more drift than a report names is mended with a listing, and told the same way", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    one.bucket.objects.delete("p/a-b");
    one.bucket.place("p/a.txt", "TEXT");
    for (let index = 0; index < 1_200; index++) one.bucket.place(`p/extra-${index}`, "extra");
    const ran = await asked(one, "--max-delete", "100%");
    assert.equal(ran.outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.ok(ran.calls.includes("fetchPage"));
    assert.deepEqual(ran.calls.filter((call) => call.startsWith("put")).sort(), ["put p/a-b", "put p/a.txt"]);
    assert.ok(ran.lines.some(({ text }) => text === "Repaired 1202 objects in the bucket:"));
  });

  test("a change of the source between the passes is no repair", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    one.bucket.objects.delete("p/a-b");
    one.onMessage = ({ repairs }) => {
      if (repairs === null) writeTree(one.folder, { z: "changed meanwhile" });
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.ok(ran.lines.some(({ text }) => text === "Repaired 1 object in the bucket:"));
  });

  test("fault 57: a file that changed while it was sent is compared by the next run, whatever its times say", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    // What a second change within one tick of the clock looks like: the same size, the same times.
    let first: FileFacts | undefined;
    one.on = diskShowing(disk, (path, real) => {
      if (path !== bytePath(one.folder, "z")) return real;
      first ??= { ...real, changedMs: one.nowMs, modifiedMs: one.nowMs };
      return first;
    });
    await one.run();
    writeTree(one.folder, { z: "LAST" });
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.equal(one.data.z, "LAST");
  });

  test("fault 57: what a link led to only while the run read it is not taken for what it leads to", async (t) => {
    for (const switches of [[], ["--checksum"]]) {
      const one = simulation(t);
      writeTree(one.folder, { "41/VERSION": "four1", "42/VERSION": "four2" });
      const current = join(one.folder, "current");
      const lead = (to: string) => {
        rmSync(current, { force: true });
        symlinkSync(to, current);
      };
      lead("41");
      // With checksums what is there already is compared, and the object is that of the other content.
      if (switches.length > 0) one.bucket.place("p/current/VERSION", "four2");
      one.later(DAY_MS);
      one.on = diskBut(disk, {
        open: (path, ...of) => {
          if (path === bytePath(one.folder, "current/VERSION")) lead("42");
          return disk.open(path, ...of);
        },
      });
      assert.equal((await one.run(...switches)).outcome, "success");
      assert.equal(one.data["current/VERSION"], "four2");
      lead("41");
      one.on = disk;
      one.later(DAY_MS);
      assert.equal((await one.run()).outcome, "success");
      assert.equal(one.data["current/VERSION"], "four1");
    }
  });

  test("fault 24: a source that is not mounted stops the run, and nothing is sent again when it is back", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    one.on = diskBut(disk, { directory: async function* () {} });
    const stopped = await asked(one);
    assert.equal(stopped.outcome, "safety-stop");
    assert.deepEqual(stopped.calls, []);
    assert.match(stopped.error?.message ?? "", /the source has no file, but s3:\/\/data\/p\/ has 6 objects/);
    one.on = disk;
    const back = await asked(one);
    assert.deepEqual([back.outcome, back.calls], ["success", []]);
  });

  test("fault 27: what is gone below a directory that could not be read is deleted once it can, and is no repair", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { ...TREE, "locked/a": "a", "locked/b": "b" });
    await one.run();
    one.on = diskWithLocked(disk, bytePath(one.folder, "locked"));
    assert.equal((await one.run()).outcome, "incomplete");
    one.on = disk;
    rmSync(join(one.folder, "locked"), { recursive: true });
    const next = await one.run();
    assert.equal(next.outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.deepEqual(repairs(next), []);
    assert.deepEqual((await asked(one)).calls, []);
  });

  test("fault 28: the object of a file that could not be read is deleted with the file, and is no repair", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.bucket.place("p/z", "of another size");
    one.on = diskBut(disk, {
      open: async (path) => {
        if (path === bytePath(one.folder, "z")) throw systemError("EACCES");
        return disk.open(path);
      },
    });
    assert.equal((await one.run()).outcome, "incomplete");
    one.on = disk;
    rmSync(join(one.folder, "z"));
    const next = await one.run();
    assert.equal(next.outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.deepEqual(repairs(next), []);
  });

  test("fault 51: of an object to be deleted whose file came back, an interruption forgets nothing", async (t) => {
    for (const interrupted of ["before it is sent", "while it is sent"]) {
      const one = simulation(t);
      writeTree(one.folder, TREE);
      one.bucket.place("p/d/x", "seen");
      one.before = (call) => {
        if (call.startsWith("remove")) one.interrupt();
      };
      assert.equal((await one.run()).outcome, "interrupted");
      one.before = (call) => {
        if (call.startsWith(interrupted === "while it is sent" ? "put p/d/x" : "put p/0")) one.interrupt();
      };
      writeTree(one.folder, { "0": "sent first", "d/x": "back again" });
      assert.equal((await one.run()).outcome, "interrupted");
      one.before = () => {};
      rmSync(join(one.folder, "d"), { recursive: true });
      const next = await one.run();
      assert.equal(next.outcome, "success", interrupted);
      assert.deepEqual(one.data, one.source, interrupted);
      assert.deepEqual(repairs(next), [], interrupted);
    }
  });

  test("fault 27: what lies below a directory that cannot be read is listed and compared once it can, not sent", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { ...TREE, "locked/a": "a", "locked/b": "b" });
    await one.run();
    one.on = diskWithLocked(disk, bytePath(one.folder, "locked"));
    for (let round = 0; round < 2; round++) {
      const locked = await asked(one);
      assert.deepEqual([locked.outcome, locked.calls], ["incomplete", []]);
    }
    one.on = disk;
    one.bucket.place("p/locked/b", "B");
    const open = await asked(one);
    assert.equal(open.outcome, "success");
    assert.deepEqual(
      open.calls.filter((call) => call.startsWith("put")),
      ["put p/locked/b"],
    );
    assert.deepEqual(one.data, one.source);
    assert.deepEqual((await asked(one)).calls, []);
  });

  test("what an upload-only run left is deleted by the next full one, and is no repair", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    rmSync(join(one.folder, "z"));
    for (let round = 0; round < 2; round++) {
      assert.equal((await one.run("--uploadOnly")).outcome, "success");
      assert.ok("z" in one.data);
    }
    const ran = await asked(one);
    assert.deepEqual([ran.outcome, ran.calls], ["success", ["remove"]]);
    assert.deepEqual(one.data, one.source);
    assert.ok(!ran.lines.some(({ text }) => text.startsWith("Repaired")));
    assert.deepEqual((await asked(one)).calls, []);
  });

  test("is not believed of a bucket of the same name elsewhere, where nothing was damaged", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    one.bucket.objects.clear();
    one.endpoint = "https://s3.elsewhere";
    const ran = await asked(one);
    assert.equal(ran.outcome, "success");
    assert.ok(ran.calls.includes("fetchPage"));
    assert.deepEqual(one.data, one.source);
    assert.ok(!ran.lines.some(({ text }) => text.startsWith("Repaired")));
    one.endpoint = "https://s3.example";
    assert.deepEqual((await asked(one)).calls, [], "what is known of the first one stays known");
  });

  test("that is lost, while the source goes on to change, makes nobody speak of repairs", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    one.later(DAY_MS);
    one.forget();
    rmSync(join(one.folder, "a-b"));
    writeTree(one.folder, { "a.txt": "TEXT", z: "longer than it was", new: "new" });
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.ok(!ran.lines.some(({ text }) => text.startsWith("Repaired")));
  });

  test("two prefixes, and two sources of one prefix, know nothing of each other", async (t) => {
    const [one, other] = [simulation(t), simulation(t)];
    writeTree(one.folder, { a: "one", b: "same" });
    writeTree(other.folder, { a: "two", b: "same" });
    await one.run();
    for (const [key, object] of one.bucket.objects) other.bucket.objects.set(key, object);
    const second = await other.run("--take-over");
    assert.equal(second.outcome, "success");
    assert.deepEqual(other.data, other.source);
    one.bucket.objects.clear();
    for (const [key, object] of other.bucket.objects) one.bucket.objects.set(key, object);
    const third = await one.run("--take-over");
    assert.equal(third.outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.ok(third.lines.some(({ text }) => text === "  changed: [a]"));
  });

  test("fault 55: a baseline that is lost or damaged costs a listing, and is whole again after it", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    const path = baselinePath(one);
    const whole = readFileSync(path);
    const ways: Array<[string, Buffer]> = [
      ["empty", Buffer.alloc(0)],
      ["cut off", whole.subarray(0, whole.length / 2)],
      ["a bit in the header", flipped(whole, 12)],
      ["a bit in a block", flipped(whole, whole.indexOf("\n") + 20)],
      ["a bit at the end", flipped(whole, whole.length - 1)],
      ["of another version", Buffer.from(`{"format":99}\n${"x".repeat(60)}`)],
    ];
    for (const [way, bytes] of ways) {
      writeFileSync(path, bytes);
      const ran = await asked(one);
      assert.equal(ran.outcome, "success", way);
      assert.ok(ran.calls.includes("fetchPage"), way);
      assert.ok(!ran.calls.some((call) => call.startsWith("put")), way);
      assert.match(ran.lines.map(({ text }) => text).join("\n"), /^The baseline is not used: /m, way);
      assert.deepEqual((await asked(one)).calls, [], way);
    }
  });

  test("that says too much is corrected: the validator checks every entry", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    one.bucket.objects.clear();
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.deepEqual(one.data, one.source);
  });
});

suite("Without a baseline", () => {
  test("a bucket that was filled before is taken over as size and times compare, with what the listing says", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    for (const [path, content] of Object.entries(TREE)) one.bucket.place(`p/${path}`, content);
    const ran = await asked(one);
    assert.deepEqual([ran.outcome, ran.calls], ["success", ["fetchPage"]]);
    assert.deepEqual((await asked(one)).calls, []);
  });

  test("with --checksum it is only taken over when the content is the same", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    for (const [path, content] of Object.entries(TREE)) one.bucket.place(`p/${path}`, content);
    one.bucket.place("p/z", "LAST");
    const ran = await asked(one, "--checksum");
    assert.equal(ran.outcome, "success");
    assert.deepEqual(
      ran.calls.filter((call) => call.startsWith("put")),
      ["put p/z"],
    );
    assert.deepEqual(one.data, one.source);
  });

  test("with --checksum what no ETag tells is asked of S3, once, and only then", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    for (const [path, content] of Object.entries(TREE)) {
      // As objects are that are encrypted with a key of KMS.
      const object = one.bucket.place(`p/${path}`, content);
      one.bucket.objects.set(`p/${path}`, { ...object, etag: `kms-${path}` });
      const sha256 = createHash("sha256")
        .update(path === "z" ? "LAST" : content)
        .digest("base64");
      if (path !== "empty") one.bucket.stored.set(`p/${path}`, { crc32: undefined, sha256 });
    }
    const heads: string[] = [];
    one.bucket.before = (call, key) => void (call === "checksums" && heads.push(key));
    const ran = await asked(one, "--checksum");
    assert.equal(ran.outcome, "success");
    assert.equal(heads.length, 6);
    assert.deepEqual(ran.calls.filter((call) => call.startsWith("put")).sort(), ["put p/empty", "put p/z"]);
    assert.deepEqual((await asked(one)).calls, []);
    assert.equal(heads.length, 6);
  });

  test("a large shard is listed in several ranges at a time", async (t) => {
    const one = simulation(t);
    for (let index = 0; index < 8_000; index++) one.bucket.place(`p/${String(index).padStart(5, "0")}`, "", one.nowMs);
    for (let index = 0; index < 8_000; index++) writeTreeFile(one.folder, String(index).padStart(5, "0"));
    let listing = 0;
    let most = 0;
    const { fetchPage } = one.bucket;
    one.bucket.fetchPage = async (request) => {
      listing += 1;
      most = Math.max(most, listing);
      await new Promise(setImmediate);
      const page = await fetchPage.call(one.bucket, request);
      listing -= 1;
      return page;
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.equal(ran.events.filter((event) => event.startsWith("put")).length, 0);
    assert.equal(most, 7);
  });
});

suite("A run that does not come to its end", () => {
  /** A run that is interrupted at a call; how often its puts were acknowledged. */
  async function interrupted(one: Simulation, at: (call: string, count: number) => boolean): Promise<number> {
    let count = 0;
    one.before = (call) => {
      if (call.startsWith("put")) count += 1;
      if (at(call, count)) one.interrupt();
    };
    const ran = await one.run();
    one.before = () => {};
    assert.equal(ran.outcome, "interrupted");
    return ran.events.filter((event) => event.startsWith("put")).length;
  }

  test("fault 51: the next one sends nothing again that S3 has acknowledged", async (t) => {
    const one = simulation(t);
    one.shardEntries = 10;
    for (let index = 0; index < 60; index++) writeTreeFile(one.folder, `f${index}`, `${index}`);
    const first = await interrupted(one, (_, count) => count === 33);
    assert.ok(first >= 9 && first < 60);
    const second = await one.run();
    assert.equal(second.outcome, "success");
    assert.equal(second.events.filter((event) => event.startsWith("put")).length, 60 - first);
    // Many new files beside old ones: the old are not even listed.
    for (let index = 0; index < 60; index++) writeTreeFile(one.folder, `f${index}/new`.replace("/", "-"), `${index}`);
    const third = await interrupted(one, (_, count) => count === 33);
    const fourth = await asked(one);
    assert.equal(fourth.outcome, "success");
    assert.deepEqual(
      fourth.calls.filter((call) => !/^(put|open)/.test(call)),
      [],
    );
    assert.equal(fourth.calls.filter((call) => call.startsWith("put")).length, 60 - third);
    assert.deepEqual(one.data, one.source);
  });

  test("fault 51: what it was to delete is deleted by the next one", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    rmSync(join(one.folder, "z"));
    await interrupted(one, (call) => call === "remove");
    assert.ok("z" in one.data);
    const next = await asked(one);
    assert.deepEqual([next.outcome, next.calls], ["success", ["remove"]]);
    assert.deepEqual(one.data, one.source);
  });

  /** A run that deletes and is then interrupted. */
  async function interruptedAfterDeleting(one: Simulation): Promise<void> {
    let deletes = false;
    await interrupted(one, (call) => {
      const ends = deletes && call === "send";
      deletes ||= call === "remove";
      return ends;
    });
  }

  test("fault 51: a file that comes back after its deletion is sent again, and is no repair", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { ...TREE, "moved/a": "a", "moved/b": "b" });
    await one.run();
    const away = `${one.folder}-away`;
    t.after(() => rmSync(away, { recursive: true, force: true }));
    renameSync(join(one.folder, "moved"), away);
    await interruptedAfterDeleting(one);
    assert.ok(!("moved/a" in one.data));
    // To move a directory changes nothing of the files in it.
    renameSync(away, join(one.folder, "moved"));
    const next = await one.run();
    assert.equal(next.outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.deepEqual(repairs(next), []);
  });

  test("fault 51: what a listing has shown as extra is deleted by the next one, and is no repair", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.bucket.place("p/extra", "of others");
    await interrupted(one, (call) => call === "remove");
    assert.ok("extra" in one.data);
    const next = await one.run();
    assert.equal(next.outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.deepEqual(repairs(next), []);
  });

  test("fault 27: what was not deleted, for the source could not be read as a whole, is no repair when it can be", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { ...TREE, "locked/a": "a" });
    await one.run();
    rmSync(join(one.folder, "z"));
    one.bucket.objects.delete("p/a.txt");
    const { directory } = disk;
    let reads = 0;
    one.on = diskBut(disk, {
      directory: (path) => {
        if (path === bytePath(one.folder, "locked") && ++reads === 1) throw systemError("EACCES");
        return directory(path);
      },
    });
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.deepEqual(repairs(ran), ["Repaired [a.txt]: it was missing."]);
  });

  test("what could not be deleted is no repair when it can be", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    rmSync(join(one.folder, "z"));
    const { remove } = one.bucket;
    one.bucket.remove = async (keys) => {
      one.bucket.remove = remove;
      return keys.map((key) => ({ key, reason: "S3 does not say that it is gone" }));
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.equal(ran.messages.at(-1)?.repairs, ran.messages[0]?.run);
    assert.deepEqual(one.data, one.source);
    assert.deepEqual(repairs(ran), []);
  });

  test("fault 65: without a report the next one takes what was sent as sent, and has it checked", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.validator = "stands still";
    assert.equal((await one.run()).outcome, "no-verdict");
    one.validator = "works";
    one.bucket.objects.delete("p/z");
    const next = await asked(one);
    assert.equal(next.outcome, "success");
    assert.deepEqual(
      next.calls.filter((call) => call !== "open"),
      ["put p/z"],
    );
  });
});

suite("Any tree, any change", () => {
  const content = fc.constantFrom("", "1", "2", "33");
  const edit = fc.record({
    path: fc.nat(30),
    what: fc.constantFrom("write", "remove", "touch", "drop object", "change object", "add object"),
    content,
  });
  const state = fc.constantFrom("kept", "lost", "cut off", "flipped", "of before");

  test("fault 55, fault 56: with, without and with a damaged baseline the bucket and the verdict are the same", async (t) => {
    const folder = temporaryFolder(t);
    await fc.assert(
      fc.asyncProperty(
        treePaths.filter((paths) => paths.length > 0),
        fc.array(fc.tuple(fc.array(edit, { maxLength: 6 }), state, fc.nat(99)), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 4 }),
        async (paths, rounds, shardEntries) => {
          const one = new Simulation(mkdtempSync(join(folder, "one-")), "p/");
          one.shardEntries = shardEntries;
          for (const path of paths) writeTreeFile(one.folder, path, "1");
          const nextDay = keepsSimulatedTime(one);
          await nextDay();
          assert.equal((await one.run("--allow-empty-source")).outcome, "success");
          let before = readFileSync(baselinePath(one));
          for (const [edits, how, where] of rounds) {
            await nextDay();
            for (const { path: choice, what, content: text } of edits) {
              const path = paths[choice % paths.length] ?? "";
              const key = `p/${path}`;
              if (what === "write") writeTreeFile(one.folder, path, text);
              else if (what === "remove") rmSync(join(one.folder, path), { force: true });
              else if (what === "touch" && path in one.source)
                utimesSync(join(one.folder, path), new Date(), new Date(choice * DAY_MS));
              else if (what === "drop object") one.bucket.objects.delete(key);
              else if (what === "change object") one.bucket.place(key, text);
              else if (what === "add object") one.bucket.place(`${key}-added`, text);
            }
            const kept = readFileSync(baselinePath(one));
            if (how === "lost") one.forget();
            else if (how === "cut off") writeFileSync(baselinePath(one), kept.subarray(0, (kept.length * where) / 100));
            else if (how === "flipped")
              writeFileSync(baselinePath(one), flipped(kept, Math.floor((kept.length * where) / 100)));
            else if (how === "of before") writeFileSync(baselinePath(one), before);
            before = kept;
            await nextDay();
            const check = await one.run("--verifyOnly");
            const same = JSON.stringify(Object.entries(one.data)) === JSON.stringify(Object.entries(one.source));
            assert.equal(check.outcome, same ? "success" : "mismatch", `a check, the baseline ${how}`);
            const ran = await one.run("--allow-empty-source");
            assert.equal(ran.outcome, "success", `a run, the baseline ${how}`);
            assert.deepEqual(one.data, one.source);
            await nextDay();
            const next = await asked(one, "--allow-empty-source");
            assert.deepEqual([next.outcome, next.calls], ["success", []]);
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});

/** Has the disk show changes in the time of the simulation, which the returned function sets forth by a day. */
function keepsSimulatedTime(one: Simulation): () => Promise<void> {
  const days: Array<{ realMs: number; simulatedMs: number }> = [];
  one.on = diskShowing(disk, (_, facts) => {
    const day = days.findLast(({ realMs }) => realMs <= facts.changedMs);
    return day === undefined ? facts : { ...facts, changedMs: facts.changedMs - day.realMs + day.simulatedMs };
  });
  return async () => {
    // The clock of the file system ticks some milliseconds apart.
    await setTimeout(12);
    one.later(DAY_MS);
    days.push({ realMs: Date.now(), simulatedMs: one.nowMs });
    await setTimeout(12);
  };
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** The whole run: what is sent and deleted, in which order, what is believed, and what an interruption leaves. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import fc from "fast-check";
import { disk } from "#agent/disk.ts";
import { Failure } from "#agent/errors.ts";
import { ListingError } from "#shared/listing.ts";
import { assembleReport } from "#shared/report.ts";
import { tilingFault } from "#shared/shard.ts";
import { decodeStatus, nextStatus, type Status, statusKey } from "#shared/status.ts";
import { encodeVersioned } from "#shared/versioned.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { RUN, somePart } from "../shared/arbitrary.ts";
import { BUCKET, type Ran, Simulation } from "./simulation.ts";
import {
  bytePath,
  diskBut,
  diskWithLocked,
  diskWithMounts,
  link,
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

function count(ran: Ran, call: string): number {
  return ran.events.filter((event) => event.startsWith(`${call} `)).length;
}

function said(ran: Ran, level?: string): string[] {
  return ran.lines.filter((line) => level === undefined || line.level === level).map(({ text }) => text);
}

/** I1: no deletion before every upload is settled and every shard walked and listed. */
function assertDeletionsLast({ events }: Ran): void {
  const firstDeletion = events.findIndex((event) => event.startsWith("delete "));
  if (firstDeletion < 0) return;
  const after = events.slice(firstDeletion).filter((event) => !/^(delete|send) /.test(event));
  assert.deepEqual(after, []);
}

/** I3: the states of all entries add up. */
function assertStatesAddUp(ran: Ran): void {
  const line = said(ran, "result").find((text) => text.startsWith("Source: "));
  const [, entries, states = ""] = /^Source: (\d+) entr(?:y|ies) \(.*?\): (.*)\.$/.exec(line ?? "") ?? [];
  const sum = [...states.matchAll(/(\d+) /g)].reduce((total, match) => total + Number(match[1]), 0);
  assert.equal(sum, Number(entries), line);
}

suite("A sync", () => {
  test("opens as local what all the way is, and no link", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { a: "1", "d/b": "2" });
    link(one.folder, "l", "a");
    link(one.folder, "linked", "d");
    const openedAsLocal: string[] = [];
    one.on = diskBut(disk, {
      facts: async (...of) => ({ ...(await disk.facts(...of)), isLocal: true }),
      open(path, isLocal) {
        if (isLocal) openedAsLocal.push(path.slice(one.folder.length + 1));
        return disk.open(path, isLocal);
      },
    });
    assert.equal((await one.run()).outcome, "success");
    assert.deepEqual(one.data, { a: "1", "d/b": "2", l: "1", "linked/b": "2" });
    assert.deepEqual(openedAsLocal.sort(), ["a", "d/b"]);
  });

  test("makes the bucket hold what the source holds; a second run sends and deletes nothing", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    const first = await one.run();
    assert.equal(first.outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.equal(count(first, "put"), 6);
    assertStatesAddUp(first);
    assert.equal(said(first, "result")[0], "Verdict: match. The validator found all 6 files in s3://data/p/ as sent.");
    one.later(DAY_MS);
    const second = await one.run();
    assert.equal(second.outcome, "success");
    assert.deepEqual([count(second, "put"), count(second, "delete")], [0, 0]);
    one.later(DAY_MS);
    const third = await one.run();
    assert.deepEqual([third.outcome, count(third, "put")], ["success", 0]);
    assert.deepEqual([...first.leftovers, ...second.leftovers], []);
  });

  test("sends what changed, deletes what is gone, and leaves its neighbours alone", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    one.bucket.place("p2/neighbour", "n");
    one.bucket.place("p", "n");
    one.later(DAY_MS);
    rmSync(join(one.folder, "z"));
    writeTree(one.folder, { "a/x": "changed", "new": "new" });
    const second = await one.run();
    assert.equal(second.outcome, "success");
    assert.deepEqual(second.events.filter((event) => !event.startsWith("send")).sort(), [
      "delete p/z",
      "put p/a/x",
      "put p/new",
    ]);
    assertDeletionsLast(second);
    assert.deepEqual(one.data, one.source);
    assert.ok(one.bucket.objects.has("p2/neighbour") && one.bucket.objects.has("p"), "fault 40");
  });

  test("of a whole bucket leaves the validator's objects alone", async (t) => {
    const one = simulation(t, "");
    writeTree(one.folder, TREE);
    assert.equal((await one.run()).outcome, "success");
    one.bucket.place("extra", "e");
    one.later(DAY_MS);
    const second = await one.run();
    assert.equal(second.outcome, "success");
    assert.deepEqual(
      second.events.filter((event) => event.startsWith("delete")),
      ["delete extra"],
    );
    assert.deepEqual(one.data, one.source);
  });

  test("in many shards tiles the target, and deletions are the last of all", async (t) => {
    const one = simulation(t);
    one.shardEntries = 2;
    for (let index = 0; index < 30; index++) writeTreeFile(one.folder, `d${index % 4}/f${index}`, `${index}`);
    for (let index = 0; index < 30; index++) one.bucket.place(`p/d${index % 5}/e${index}`, "extra");
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.deepEqual(one.data, one.source);
    const ranges = ran.messages.map(({ shard }) => shard).sort((left, right) => left.index - right.index);
    assert.equal(ranges.length, 15);
    assert.equal(tilingFault(ranges), undefined);
    assertDeletionsLast(ran);
    assert.equal(count(ran, "delete"), 30);
    assert.deepEqual(ran.leftovers, []);
  });

  test("folder markers stay, and are no mismatch", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.bucket.place("p/", "");
    one.bucket.place("p/folder/", "");
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.ok(one.bucket.objects.has("p/folder/"));
    assert.equal(count(ran, "delete"), 0);
  });
});

suite("Drift", () => {
  test("fault 56: an object that is gone, one replaced in the same size and one added are found and mended at once", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    one.later(DAY_MS);
    one.bucket.objects.delete("p/a-b");
    one.bucket.place("p/a.txt", "TEXT");
    one.bucket.place("p/extra", "extra");
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.equal(said(ran, "result")[3], "Second run: 2 uploaded, 1 deleted.");
    assert.deepEqual(said(ran, "result").slice(4, -1).sort(), [
      "  changed: [a.txt]",
      "  missing: [a-b]",
      "  unexpected: [extra]",
      "Repaired 3 objects in the bucket:",
    ]);
    one.later(DAY_MS);
    const next = await one.run();
    assert.deepEqual([next.outcome, count(next, "put"), count(next, "delete")], ["success", 0, 0]);
    assert.ok(!said(next).some((text) => text.startsWith("Repaired")));
  });

  test("fault 68: what another host makes the validator say of this prefix proves nothing", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    one.later(DAY_MS);
    one.bucket.place("p/a.txt", "EVIL");
    one.later(DAY_MS);
    // The other host has the validator find a match with the bucket as it now is, in this host's name.
    const key = ".cback/status/p.json";
    const status = decodeStatus(String(one.bucket.objects.get(key)?.body));
    assert.ok(status.latestMatch);
    const listedFrom = new Date(one.nowMs).toISOString();
    one.bucket.place(key, encodeVersioned({ ...status, latestMatch: { ...status.latestMatch, listedFrom } }));
    one.later(DAY_MS);
    const check = await one.run("--verifyOnly");
    assert.equal(check.outcome, "mismatch");
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.deepEqual(one.data, one.source);
  });

  test("fault 25: a source that is taken away meanwhile is a failure, and nothing is deleted", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.bucket.place("p/extra", "extra");
    let moved = false;
    one.before = (call) => {
      if (moved || !call.startsWith("put")) return;
      moved = true;
      renameSync(one.folder, `${one.folder}-away`);
      mkdirSync(one.folder);
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "failed");
    assert.match(String(ran.error?.message), /it became another directory meanwhile/);
    assert.equal(count(ran, "delete"), 0);
  });

  test("fault 57: old content that is put in place by a link or by moving a directory is found", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { "v1/f": "one", "v2/f": "two", "away/f": "abc", "here/f": "xyz" });
    const link = join(one.folder, "current");
    symlinkSync("v1/f", link);
    const directoryLink = join(one.folder, "release");
    symlinkSync("v1", directoryLink);
    await one.run();
    for (const [at, to] of [[link, "v2/f"] as const, [directoryLink, "v2"] as const]) {
      unlinkSync(at);
      symlinkSync(to, at);
    }
    renameSync(join(one.folder, "here"), join(one.folder, "old"));
    renameSync(join(one.folder, "away"), join(one.folder, "here"));
    one.later(DAY_MS);
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.deepEqual(
      ["current", "release/f", "here/f", "old/f"].map((path) => one.data[path]),
      ["two", "two", "abc", "xyz"],
    );
  });

  test("what matched for another source is no proof: files of the same size are compared", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { f: "NEW" });
    const old = new Date("2001-01-01T00:00:00Z");
    utimesSync(join(one.folder, "f"), old, old);
    one.bucket.place("p/f", "OLD");
    const other = { host: "other", directory: "/other" };
    const listedFrom = new Date(one.nowMs + 1_000).toISOString();
    const match = { run: RUN, verdict: "match" as const, report: "r", unknown: 0, source: other, senderIds: [] };
    const note = { ...match, listedFrom, listedThrough: listedFrom };
    const status: Status = { version: "1.0", bucket: BUCKET, prefix: "p/", latest: note, latestMatch: note };
    one.bucket.place(".cback/status/p.json", encodeVersioned(status));
    one.later(DAY_MS);
    assert.equal((await one.run("--take-over")).outcome, "success");
    assert.deepEqual(one.data, one.source);
  });

  test("fault 55: without its baseline a host still doubts what is newer than the last match", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    one.later(DAY_MS);
    one.bucket.place("p/a.txt", "TEXT");
    one.forget();
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.deepEqual(one.data, one.source);
  });

  test("fault 53: a baseline that cannot be kept is a warning", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.before = (call) => {
      if (call === "keep the baseline") throw new Error("the disk is full");
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.match(said(ran, "warn").join("\n"), /cannot be remembered, the next one compares more: the disk is full/);
  });

  test("fault 69: what changes between upload and validation is repaired, by one more run", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.onMessage = ({ repairs }) => {
      if (repairs !== null) return;
      one.bucket.objects.delete("p/a-b");
      one.bucket.place("p/a.txt", "TEXT");
      one.bucket.place("p/extra", "extra");
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.equal(ran.messages.length, 2);
    assert.equal(ran.messages[1]?.repairs, ran.messages[0]?.run);
    assertDeletionsLast({ ...ran, events: ran.events.slice(ran.events.indexOf("send 0") + 1) });
    const puts = ran.events.filter((event) => event.startsWith("put"));
    assert.deepEqual(puts.slice(6).sort(), ["put p/a-b", "put p/a.txt"]);
    assertStatesAddUp(ran);
  });

  test("fault 69: is repaired once only; then the verdict stands, and names what differs", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.onMessage = () => one.bucket.place("p/a.txt", "TEXT");
    const ran = await one.run();
    assert.equal(ran.outcome, "mismatch");
    assert.equal(ran.messages.length, 2);
    assert.deepEqual(said(ran, "error"), ["[a.txt] is of other content in the bucket."]);
    assert.equal(said(ran, "result")[0], "Verdict: MISMATCH. s3://data/p/ does not hold what the source holds.");
  });
});

suite("--uploadOnly", () => {
  test("fault 70: deletes nothing, and extra objects are no mismatch", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.bucket.place("p/extra", "extra");
    const ran = await one.run("--uploadOnly");
    assert.equal(ran.outcome, "success");
    assert.equal(count(ran, "delete"), 0);
    assert.deepEqual(one.data, { ...one.source, extra: "extra" });
  });

  test("takes an empty source, for it deletes nothing", async (t) => {
    const one = simulation(t);
    one.bucket.place("p/extra", "extra");
    assert.equal((await one.run("--uploadOnly")).outcome, "success");
    assert.deepEqual(one.data, { extra: "extra" });
  });
});

suite("Another first run at the same time", () => {
  const ownStatus = statusKey("p/");
  /** Another host's run that ends meanwhile, with what it has put there. */
  function endsAt(one: Simulation, moment: string): void {
    const run = RUN.replace(/^\d{4}/, String(new Date(one.nowMs).getUTCFullYear()));
    const part = somePart({
      run,
      source: { host: "other", directory: "/home" },
      listedThrough: "2099-01-01T00:00:00.000Z",
    });
    one.before = (call) => {
      if (!call.startsWith(moment)) return;
      one.before = () => {};
      one.bucket.place("p/theirs", "theirs");
      one.bucket.place(ownStatus, encodeVersioned(nextStatus(undefined, assembleReport([part])) as Status));
    };
  }

  const rows: [what: string, moment: string, switches: string[], shards: number][] = [
    ["while it uploads", "put p/z", [], 1],
    ["while it uploads many shards", "put p/a-b", [], 6],
    ["while it uploads, with nothing to delete", "put p/z", ["--uploadOnly"], 1],
    ["just before its last message", `read ${ownStatus}`, [], 1],
  ];
  for (const [what, moment, switches, shards] of rows)
    test(`fault 50: that ends ${what} stops it before it deletes, and before the validator knows it as a whole`, async (t) => {
      const one = simulation(t);
      writeTree(one.folder, TREE);
      one.bucket.place("p/extra", "extra");
      if (shards > 1) one.shardEntries = 1;
      let reads = 0;
      const { before } = one;
      if (!moment.startsWith("read")) endsAt(one, moment);
      else
        one.before = (call) => {
          if (call === moment && ++reads === 2) {
            endsAt(one, "");
            one.before(call);
          } else before(call);
        };
      const ran = await one.run(...switches);
      assert.equal(ran.outcome, "locked");
      assert.match(ran.error?.message ?? "", /the last run there was of another source, \/home on other/);
      assert.match(ran.error?.hint ?? "", /^It ran while this run did, .* By this run nothing was deleted\.\n/);
      assert.equal(count(ran, "delete"), 0);
      assert.ok(ran.messages.every(({ shard }) => !shard.last));
      const status = decodeStatus(String(one.bucket.objects.get(ownStatus)?.body));
      assert.equal(status.latest.source.host, "other");
      assert.deepEqual(ran.leftovers, []);
      // From here on it is as with any target of another source.
      assert.match((await one.run()).error?.hint ?? "", /--take-over\.$/);
    });

  test("fault 50: that ends before the repair keeps it from deleting", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.onMessage = () => {
      one.onMessage = () => {};
      one.bucket.place("p/theirs", "theirs");
      one.later(1_000);
      endsAt(one, "read .cback/reports/");
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "locked");
    assert.equal(count(ran, "delete"), 0);
    assert.equal(one.data.theirs, "theirs");
  });
});

suite("--verifyOnly", () => {
  test("never puts or deletes, and names exactly what differs", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    assert.equal((await one.run("--verifyOnly")).outcome, "success");
    one.later(DAY_MS);
    one.bucket.objects.delete("p/a-b");
    one.bucket.place("p/a.txt", "TEXT");
    one.bucket.place("p/extra", "extra");
    const before = one.data;
    const ran = await one.run("--verifyOnly");
    assert.equal(ran.outcome, "mismatch");
    assert.deepEqual(
      ran.events.filter((event) => !event.startsWith("send")),
      [],
    );
    assert.deepEqual(one.data, before);
    assert.equal(ran.messages.length, 1, "there is nothing to repair");
    assert.deepEqual(said(ran, "error"), [
      "[a-b] is missing in the bucket.",
      "[a.txt] is of other content in the bucket.",
      "[extra] is in the bucket, not in the source.",
    ]);
    assertStatesAddUp(ran);
  });

  test("fault 49: from another host compares, says whose the target is, and neither is stopped nor stops the next run", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    one.later(DAY_MS);
    one.host = "elsewhere";
    one.forget();
    const check = await one.run("--verifyOnly");
    assert.equal(check.outcome, "success");
    assert.ok(
      said(check, "result")
        .join(" ")
        .includes(`Note: the last sync there was of another source, ${one.folder} on host.`),
    );
    assert.equal((await one.run()).outcome, "locked");
    assert.equal((await one.run("--uploadOnly")).outcome, "locked");

    one.bucket.place("p/a.txt", "TEXT");
    const differing = await one.run("--verifyOnly");
    assert.equal(differing.outcome, "mismatch");
    assert.deepEqual(said(differing, "error"), ["[a.txt] is of other content in the bucket."]);
    one.host = "host";
    assert.equal((await one.run()).outcome, "success");
    assert.deepEqual(one.data, one.source);
    assert.ok(
      !said(await one.run("--verifyOnly"))
        .join()
        .includes("another source"),
    );
  });

  test("fault 49: before the first run makes the target nobody's", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.host = "elsewhere";
    assert.equal((await one.run("--verifyOnly")).outcome, "mismatch");
    one.host = "host";
    assert.equal((await one.run()).outcome, "success");
  });

  test("of an empty source and a full bucket is a mismatch, not a safety stop", async (t) => {
    const one = simulation(t);
    one.bucket.place("p/extra", "extra");
    assert.equal((await one.run("--verifyOnly")).outcome, "mismatch");
    assert.deepEqual(one.data, { extra: "extra" });
  });
});

suite("The source", () => {
  test("fault 23: missing or no directory is told before any request", async (t) => {
    const one = simulation(t);
    rmSync(one.folder, { recursive: true });
    const missing = await one.run();
    assert.equal(missing.error?.message, `Cannot read the source directory [${one.folder}]: it does not exist.`);
    writeTree(join(one.folder, ".."), { [one.folder.split("/").at(-1) ?? ""]: "a file" });
    const file = await one.run();
    assert.equal(file.error?.message, `Cannot read the source directory [${one.folder}]: it is not a directory.`);
    assert.match(file.error?.hint ?? "", /Nothing was sent or deleted/);
    assert.deepEqual(one.bucket.events, []);
  });

  test("fault 24: empty, while the bucket is not, stops before anything is deleted", async (t) => {
    const one = simulation(t);
    one.bucket.place("p/x", "x");
    mkdirSync(join(one.folder, "empty"));
    const stopped = await one.run();
    assert.equal(stopped.outcome, "safety-stop");
    assert.equal(
      stopped.error?.message,
      `Cannot sync [${one.folder}]: the source has no file, but s3://data/p/ has 1 object.`,
    );
    assert.match(stopped.error?.hint ?? "", /--allow-empty-source/);
    assert.deepEqual([one.data, stopped.leftovers], [{ x: "x" }, []]);
    const checked = await one.run("--verifyOnly");
    assert.equal(checked.outcome, "mismatch");
    assert.match(said(checked, "result").join(" "), /Next: check that the source is mounted/);
    assert.equal((await one.run("--allow-empty-source")).outcome, "success");
    assert.deepEqual(one.data, {});
  });

  test("fault 24: empty while the bucket is empty too is a match", async (t) => {
    const one = simulation(t);
    assert.equal((await one.run()).outcome, "success");
  });

  test("fault 24: with nothing but a FIFO or a file that vanished counts as empty", async (t) => {
    const one = simulation(t);
    one.bucket.place("p/x", "x");
    writeTree(one.folder, { gone: "" });
    one.on = diskBut(disk, {
      open: async () => {
        throw systemError("ENOENT");
      },
    });
    assert.equal((await one.run()).outcome, "safety-stop");
    assert.deepEqual(one.data, { x: "x" });
  });

  test("fault 25: on a file system that was mounted at the last run and is not now stops before any request", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.on = diskWithMounts(disk, one.folder, "");
    assert.equal((await one.run()).outcome, "success");
    one.later(DAY_MS);
    one.on = disk;
    rmSync(join(one.folder, "b"), { recursive: true });
    const before = one.data;
    for (const switches of [[], ["--verifyOnly"]]) {
      const stopped = await one.run(...switches);
      assert.equal(stopped.outcome, "safety-stop");
      assert.match(stopped.error?.message ?? "", /^Cannot sync .* lay on a file system mounted on .*, and nothing is/);
      assert.match(stopped.error?.hint ?? "", /--allow-unmounted-source/);
      assert.deepEqual([stopped.events, one.data], [[], before]);
    }
    assert.equal((await one.run("--allow-unmounted-source")).outcome, "success");
    assert.deepEqual(one.data, one.source);
    // From now on it is known to be there.
    assert.equal((await one.run()).outcome, "success");
  });

  test("fault 25: without what --require-file names stops before any request", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { "photos/a": "a" });
    one.bucket.place("p/x", "x");
    const stopped = await one.run("--require-file", "photos/.mounted");
    assert.equal(stopped.outcome, "safety-stop");
    assert.equal(
      stopped.error?.message,
      `Cannot sync [${one.folder}]: it does not hold photos/.mounted, which --require-file asks for (no such file).`,
    );
    assert.deepEqual([stopped.events, one.data], [[], { x: "x" }]);
    writeTree(one.folder, { "photos/.mounted": "" });
    assert.equal((await one.run("--require-file", "photos/.mounted")).outcome, "success");
    assert.deepEqual(one.data, one.source);
  });

  test("fault 25: that loses what --require-file names while the run goes on deletes nothing", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { "photos/a": "a", "photos/.mounted": "" });
    one.bucket.place("p/x", "x");
    one.before = (call) => {
      if (call === "fetchPage") rmSync(join(one.folder, "photos/.mounted"), { force: true });
    };
    const stopped = await one.run("--require-file", "photos/.mounted");
    assert.equal(stopped.outcome, "safety-stop");
    assert.equal(count(stopped, "delete"), 0);
    assert.equal(one.data.x, "x");
  });

  test("fault 26: that would delete more than half of many objects is uploaded, and nothing is deleted", async (t) => {
    const one = simulation(t);
    one.shardEntries = 40;
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, "1"]));
    writeTree(one.folder, { ...many(201), "with\nnewline": "1" });
    assert.equal((await one.run()).outcome, "success");
    one.later(DAY_MS);
    for (let index = 0; index < 101; index++) rmSync(join(one.folder, `f${index}`));
    rmSync(join(one.folder, "with\nnewline"));
    writeTree(one.folder, { new: "n" });

    // What the first run has sent is there at the second one, which the bucket tells and not the baseline.
    for (const were of [202, 203]) {
      if (were === 203) one.forget();
      const stopped = await one.run();
      assert.equal(stopped.outcome, "safety-stop");
      assert.equal(
        stopped.error?.message,
        `Cannot delete from [s3://data/p/]: 102 of the ${were} objects that were there would go, more than --max-delete allows.`,
      );
      const hint = stopped.error?.hint.split("\n") ?? [];
      assert.equal(hint.length, 1 + 10 + 2);
      assert.deepEqual(hint.slice(-2), [
        "  and 92 more, in the log",
        "Check that nothing is missing in the source. If it is meant: --max-delete 102.",
      ]);
      const withheld = said(stopped, "warn").filter((line) => line.startsWith("Not deleted ["));
      assert.equal(withheld.length, 102);
      assert.ok(withheld.includes("Not deleted [f100].") && withheld.includes("Not deleted [with\nnewline]."));
      assert.equal(count(stopped, "delete"), 0);
      assert.equal(Object.keys(one.data).length, 203);
      assert.equal(one.data.new, "n");
      assert.deepEqual(stopped.leftovers, []);
    }

    assert.equal((await one.run("--max-delete", "101")).outcome, "safety-stop");
    const meant = await one.run("--max-delete", "102");
    assert.equal(meant.outcome, "success");
    assert.deepEqual(one.data, one.source);
  });

  test("fault 26: of which one object would go, or stays, is told so", async (t) => {
    const one = simulation(t);
    one.bucket.place("p/extra", "extra");
    writeTree(one.folder, { one: "1", "locked/inside": "i" });
    const stopped = await one.run("--max-delete", "0");
    assert.match(
      stopped.error?.message ?? "",
      /: the one object that was there would go, more than --max-delete allows\.$/,
    );
    assert.match(stopped.error?.hint ?? "", /nothing was deleted\. This would go:\n {2}\[extra\]\n/);
    assert.ok(said(stopped, "info").includes("Uploaded [one], 1 byte."));

    one.forget();
    one.on = diskBut(disk, {
      directory: (path) => {
        if (path === bytePath(one.folder, "locked")) throw systemError("EACCES");
        return disk.directory(path);
      },
    });
    const withheld = said(await one.run(), "warn").find((text) => text.includes("not deleted"));
    assert.equal(
      withheld,
      "1 object that the source does not hold was not deleted: the source could not be read as a whole.",
    );
  });

  test("fault 26: whose files were all renamed or encrypted deletes none of the old objects", async (t) => {
    const one = simulation(t);
    const names = Array.from({ length: 150 }, (_, index) => `f${index}`);
    writeTree(one.folder, Object.fromEntries(names.map((name) => [name, name])));
    assert.equal((await one.run()).outcome, "success");
    for (const name of names) renameSync(join(one.folder, name), join(one.folder, `${name}.locked`));
    assert.equal((await one.run()).outcome, "safety-stop");
    assert.equal(Object.keys(one.data).length, 300);
    assert.equal((await one.run("--max-delete=100%")).outcome, "success");
    assert.deepEqual(one.data, one.source);
  });

  test("fault 26: objects that somebody else has put there are not deleted by the repair either", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { a: "1" });
    assert.equal((await one.run()).outcome, "success");
    for (let index = 0; index < 150; index++) one.bucket.place(`p/foreign${index}`, "x");
    const ran = await one.run();
    assert.equal(ran.outcome, "safety-stop");
    assert.equal(count(ran, "delete"), 0);
    assert.equal((await one.run("--uploadOnly")).outcome, "success", "upload-only has no use for a guard");
  });

  for (const shardEntries of [1, 2, undefined])
    test(`fault 47: with another file system inside, in shards of ${shardEntries ?? "any size"}, is walked as a whole or without it`, async (t) => {
      const one = simulation(t);
      one.shardEntries = shardEntries;
      writeTree(one.folder, { "a/x": "1", "mnt/x": "2", "mnt/deep/y": "3", "mnt-": "4", z: "5", gone: "6" });
      one.on = diskWithMounts(disk, one.folder, "mnt");
      assert.equal((await one.run()).outcome, "success");
      assert.deepEqual(one.data, one.source);

      const { gone: _, ...before } = one.data;
      writeTree(one.folder, { "mnt/x": "changed", "mnt/new": "new", z: "changed" });
      rmSync(join(one.folder, "gone"));
      for (const forget of [false, true]) {
        if (forget) one.forget();
        const ran = await one.run("--one-file-system");
        assert.equal(ran.outcome, "success", "what is not walked is neither missing nor unexpected");
        assert.equal(count(ran, "put p/mnt"), 0);
        assert.ok(said(ran, "info").includes(`Skipped [${one.folder}/mnt]: it lies on another file system.`));
        assert.ok(said(ran, "result").some((line) => /, 1 skipped by rule\.$/.test(line)));
        assertStatesAddUp(ran);
        assert.deepEqual(one.data, { ...before, z: "changed" });
      }
      assert.equal((await one.run("--one-file-system", "--verifyOnly")).outcome, "success");

      assert.equal((await one.run()).outcome, "success");
      assert.deepEqual(one.data, one.source);
    });

  test("fault 44: a directory .cback at the root of a whole bucket is refused", async (t) => {
    const one = simulation(t, "");
    writeTree(one.folder, { ".cback/x": "" });
    const ran = await one.run();
    assert.equal(ran.outcome, "arguments");
    assert.match(ran.error?.message ?? "", /which in the bucket belongs to the validator/);
    assert.deepEqual(one.bucket.events, []);
    const two = simulation(t, "p/");
    writeTree(two.folder, { ".cback/x": "" });
    assert.equal((await two.run()).outcome, "success");
    assert.deepEqual(two.data, { ".cback/x": "" });
  });

  test("fault 27: that could not be walked as a whole: the rest is sent, nothing is deleted anywhere", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { ...TREE, "locked/inside": "i" });
    one.bucket.place("p/locked/inside", "old");
    one.bucket.place("p/locked/other", "old");
    const on = diskWithLocked(disk, bytePath(one.folder, "locked"));
    one.on = on;
    const ran = await one.run();
    assert.equal(ran.outcome, "incomplete");
    assert.deepEqual(said(ran, "error"), [`Not synced: [${one.folder}/locked]: permission denied.`]);
    assert.deepEqual(one.data, { ...one.source, "locked/inside": "old", "locked/other": "old" });
    one.bucket.place("p/extra", "extra");
    one.later(DAY_MS);
    const withheld = await one.run();
    assert.equal(count(withheld, "delete"), 0);
    assert.ok("extra" in one.data);
    assert.equal(withheld.outcome, "mismatch");
    assert.equal(withheld.messages.length, 1, "a repair could not delete it either");
    assert.match(
      said(withheld).join(" "),
      /Next: 1 object stayed, for the source could not be read as a whole; make it/,
    );
    one.on = disk;
    one.later(DAY_MS);
    assert.equal((await one.run()).outcome, "success");
    assert.deepEqual(one.data, one.source);
  });

  test("fault 25: that goes away as a whole after the run has begun deletes nothing, and is named", async (t) => {
    for (const code of ["ENOENT", "ESTALE", "EIO"]) {
      const one = simulation(t);
      writeTree(one.folder, TREE);
      one.bucket.place("p/extra", "extra");
      let reads = 0;
      one.on = diskBut(disk, {
        directory: (path) => {
          if (path === bytePath(one.folder, "").slice(0, -1) && ++reads > 1) throw systemError(code);
          return disk.directory(path);
        },
      });
      const ran = await one.run();
      assert.equal(ran.outcome, "failed");
      assert.ok(ran.error?.message.startsWith(`Cannot walk the source [${one.folder}]: `), ran.error?.message);
      assert.match(ran.error?.hint ?? "", /Nothing was deleted\. Check that it is still mounted/);
      assert.deepEqual(one.data, { extra: "extra" });
    }
  });

  test("fault 25: whose root cannot be looked at, when the run has begun, is named", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    let looks = 0;
    one.on = diskBut(disk, {
      facts: async (path, follow) => {
        if (path === bytePath(one.folder, "").slice(0, -1) && ++looks >= 2) throw systemError("EIO");
        return disk.facts(path, follow);
      },
    });
    const ran = await one.run();
    assert.equal(ran.outcome, "failed");
    assert.equal(ran.error?.message, `Cannot walk the source [${one.folder}]: input/output error.`);
  });

  test("fault 28: with an unreadable file keeps its old object, names it, and deletes the rest", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.bucket.place("p/a.txt", "old");
    one.bucket.place("p/extra", "extra");
    one.on = diskBut(disk, {
      open: async (path) => {
        if (path === bytePath(one.folder, "a.txt")) throw systemError("EIO");
        return disk.open(path);
      },
    });
    const ran = await one.run();
    assert.equal(ran.outcome, "incomplete");
    assert.deepEqual(said(ran, "error"), [`Not synced: [${one.folder}/a.txt]: input/output error.`]);
    assert.deepEqual(one.data, { ...one.source, "a.txt": "old" });
    assertStatesAddUp(ran);
  });

  test("fault 29: from which a file vanishes is a success all the same, and its old object stays", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.bucket.place("p/a.txt", "old");
    one.on = diskBut(disk, {
      open: async (path) => {
        if (path === bytePath(one.folder, "a.txt")) throw systemError("ENOENT");
        return disk.open(path);
      },
    });
    const ran = await one.run();
    assert.equal(ran.outcome, "success");
    assert.equal(one.data["a.txt"], "old");
    assert.match(said(ran, "result")[1] ?? "", /1 vanished meanwhile/);
    assertStatesAddUp(ran);
  });

  test("fault 36: with names that cannot be keys is incomplete; with -w it is a success", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { a: "a" });
    writeTreeFile(one.folder, Buffer.from("caf\xe9", "latin1"), "c");
    const ran = await one.run();
    assert.equal(ran.outcome, "incomplete");
    assert.deepEqual(said(ran, "error"), [`Not synced: [${one.folder}/caf\\xe9]: its name is not UTF-8.`]);
    assertStatesAddUp(ran);
    assert.equal((await one.run("--ignoreWarnings")).outcome, "success");
  });

  test("fault 33: with a dangling link is incomplete, and what the bucket has of it stays", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { a: "a" });
    symlinkSync("nowhere", join(one.folder, "link"));
    for (const key of ["p/link", "p/link/below", "p/link-other"]) one.bucket.place(key, "old");
    const ran = await one.run();
    assert.equal(ran.outcome, "incomplete");
    assert.deepEqual(one.data, { a: "a", link: "old", "link/below": "old" });
    assert.match(said(ran, "error")[0] ?? "", /the link leads nowhere \(no such file\)\.$/);
    assertStatesAddUp(ran);
  });

  test("fault 57: a file that is newer than its object, but the same, is not sent again", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, { a: "a" });
    await one.run();
    utimesSync(join(one.folder, "a"), new Date(), new Date(one.nowMs + DAY_MS));
    const ran = await one.run();
    assert.deepEqual([ran.outcome, count(ran, "put")], ["success", 0]);
  });
});

suite("The report", () => {
  test("fault 67: of another run is not believed", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.forge = (report) => ({ ...report, run: `20200101T000000Z-${"0".repeat(32)}` });
    const ran = await one.run();
    assert.equal(ran.outcome, "no-verdict");
    assert.match(
      ran.error?.message ?? "",
      /^Cannot believe the report \[s3:\/\/data\/\.cback\/reports\/p\/.*\.json\]: it is about another run or target\.$/,
    );
    assert.match(ran.error?.hint ?? "", /senderIds/);
  });

  for (const [what, forge] of [
    ["of another bucket", { bucket: "other" }],
    ["of another prefix", { prefix: "other/" }],
    ["of other manifests", { digest: "0".repeat(64) }],
  ] as const)
    test(`fault 67: ${what} is not believed`, async (t) => {
      const one = simulation(t);
      writeTree(one.folder, TREE);
      one.forge = (report) => ({ ...report, ...forge });
      const ran = await one.run();
      assert.equal(ran.outcome, "no-verdict");
      assert.match(ran.error?.message ?? "", /^Cannot believe the report/);
    });

  test("fault 66: of a newer validator says which side to upgrade", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.forge = (report) => ({ ...report, version: "2.0" });
    const ran = await one.run();
    assert.equal(ran.outcome, "configuration");
    assert.match(ran.error?.message ?? "", /upgrade this side/);
    assert.match(ran.error?.hint ?? "", /same version/);
  });

  test("that is damaged is no verdict", async (t) => {
    for (const text of ["", "{", "<html></html>", "{}", "null"]) {
      const one = simulation(t);
      writeTree(one.folder, { a: "a" });
      one.forge = () => text;
      const ran = await one.run();
      assert.notEqual(ran.outcome, "success");
      assert.match(ran.error?.message ?? "", /^Cannot read the report/);
    }
  });

  test("fault 65: that never comes ends the run after its time-out, with what the queue shows", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.validator = "stands still";
    const ran = await one.run("--timeout", "2m");
    assert.equal(ran.outcome, "no-verdict");
    assert.match(ran.error?.message ?? "", /^Cannot read the report \[.*\]: there is none after 2 min\.$/);
    assert.match(ran.error?.hint ?? "", /^ {2}The queue holds 3 waiting messages.*\n.*--verifyOnly repeats the check/m);
    assert.deepEqual(one.data, one.source);
    assert.deepEqual(said(ran, "result"), [
      "Verdict: NONE. Nobody has checked s3://data/p/.",
      "Source: 6 entries (17 bytes): 6 uploaded, 0 unchanged.",
      "Bucket: not checked, 0 deleted.",
    ]);
  });

  test("that does not come in the repair leaves the totals of what was done first, and of the repair", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    one.bucket.objects.delete("p/z");
    one.onMessage = ({ repairs }) => {
      if (repairs !== null) one.validator = "stands still";
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "no-verdict");
    assert.deepEqual(said(ran, "result"), [
      "Verdict: NONE. Nobody has checked s3://data/p/.",
      "Source: 6 entries (17 bytes): 0 uploaded, 6 unchanged.",
      "Bucket: not checked, 0 deleted.",
      "Second run: 1 uploaded, 0 deleted.",
      "Repaired 1 object in the bucket:",
      "  missing: [z]",
    ]);
  });

  test("fault 64: of a validator that gave up is no verdict, and says why", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.validator = "gives up";
    const ran = await one.run();
    assert.equal(ran.outcome, "no-verdict");
    assert.equal(ran.messages.length, 1, "there is nothing to repair");
    assert.deepEqual(said(ran, "error"), ["Shard 0 was not checked: S3 is down."]);
    assert.equal(said(ran, "result")[0], "Verdict: NONE. The validator could not check s3://data/p/.");
  });

  test("I2: a match is only believed with the digest of this run's manifests", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    await one.run();
    one.later(DAY_MS);
    one.bucket.objects.delete("p/a-b");
    one.forge = (report) => ({ ...report, verdict: "match", digest: "1".repeat(64) });
    assert.equal((await one.run("--verifyOnly")).outcome, "no-verdict");
  });
});

suite("Faults of the bucket", () => {
  const refused = (reason: string, outcome: Failure["outcome"] = "failed") =>
    new Failure({ outcome, operation: "write", subject: "s3://data/p/a", reason, hint: "h" });

  test("fault 16: a denied listing means that nothing is written", async (t) => {
    const one = simulation(t);
    one.shardEntries = 2;
    writeTree(one.folder, TREE);
    one.before = (call) => {
      if (call === "fetchPage") throw refused("access denied (s3:ListBucket)", "denied");
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "denied");
    assert.deepEqual(ran.events, []);
  });

  test("fault 16: a first put that is denied ends the run once all that was under way is settled", async (t) => {
    const escaped: unknown[] = [];
    const note = (error: unknown) => escaped.push(error);
    process.on("unhandledRejection", note);
    t.after(() => process.off("unhandledRejection", note));
    const one = simulation(t);
    one.shardEntries = 5;
    for (let index = 0; index < 60; index++) writeTreeFile(one.folder, `f${index}`, `${index}`);
    one.bucket.place("p/extra", "extra");
    one.bucket.before = async (call) => {
      if (call !== "put") return;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      throw refused("access denied (s3:PutObject)", "denied");
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "denied");
    assert.deepEqual(ran.events, []);
    assert.deepEqual(ran.leftovers, []);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual([ran.events, escaped], [[], []]);
  });

  test("fault 11: credentials that expire stop new work; one message, not one for each file", async (t) => {
    const one = simulation(t);
    for (let index = 0; index < 200; index++) writeTreeFile(one.folder, `f${index}`, `${index}`);
    let putCount = 0;
    one.bucket.before = (call) => {
      if (call === "put" && ++putCount > 50) throw refused("the credentials have expired", "denied");
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "denied");
    // Those of the files that were open by then.
    assert.ok(putCount <= 50 + 25, `${putCount} puts were tried`);
    assert.deepEqual(said(ran, "error"), []);
    assert.equal(ran.error?.reason, "the credentials have expired");
  });

  test("fault 18: one object that may not be overwritten is named, the others go on", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.bucket.before = async (call, key) => {
      if (call !== "put" || key !== "p/z") return;
      await new Promise((resolve) => setTimeout(resolve, 50));
      throw refused("access denied (s3:PutObject)", "denied");
    };
    one.bucket.place("p/z", "locked");
    const ran = await one.run();
    assert.equal(ran.outcome, "incomplete");
    assert.deepEqual(said(ran, "error"), [`Not synced: [${one.folder}/z]: access denied (s3:PutObject).`]);
    assert.deepEqual(one.data, { ...one.source, z: "locked" });
    assertStatesAddUp(ran);
  });

  test("fault 3: a bucket that fails every upload ends the run long before its last file", async (t) => {
    const one = simulation(t);
    for (let index = 0; index < 300; index++) writeTreeFile(one.folder, `f${index}`, `${index}`);
    let putCount = 0;
    one.bucket.before = (call) => {
      if (call !== "put") return;
      putCount += 1;
      throw refused("internal error");
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "failed");
    assert.ok(putCount < 50, `${putCount} puts were tried`);
  });

  test("fault 7: a listing that cannot be trusted deletes nothing, and is told with what to do", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.bucket.place("p/extra", "extra");
    one.before = (call) => {
      if (call === "fetchPage") throw new ListingError("its keys do not ascend");
    };
    const ran = await one.run();
    assert.equal(
      ran.error?.message,
      "Cannot compare with [s3://data/p/]: the listing is not trustworthy: its keys do not ascend.",
    );
    assert.match(ran.error?.hint ?? "", /Nothing was deleted/);
    assert.equal(one.data.extra, "extra");
  });

  test("fault 16: an object that cannot be deleted is told, and the verdict is a mismatch", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.bucket.place("p/extra", "extra");
    one.bucket.remove = async (keys) => keys.map((key) => ({ key, reason: "access denied (s3:DeleteObject)" }));
    const ran = await one.run();
    assert.equal(ran.outcome, "mismatch");
    assert.equal(ran.messages.length, 2);
    assert.ok(said(ran, "warn").includes("Cannot delete [p/extra]: access denied (s3:DeleteObject)."));
    assert.match(said(ran, "result")[2] ?? "", /1 unexpected, 0 deleted\.$/);
  });

  test("fault 61: a queue that takes no message ends the run; what is in the bucket stays", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.before = (call) => {
      if (call === "send") throw refused("no such queue", "no-verdict");
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "no-verdict");
    assert.deepEqual(one.data, one.source);
    assert.deepEqual(ran.leftovers, []);
  });

  test("fault 53: no room for temporary files is told with what to do, and nothing is deleted", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.bucket.place("p/extra", "extra");
    const { spoolFolder } = one;
    one.before = (call) => {
      if (call === "fetchPage") process.env.TMPDIR = join(spoolFolder, "missing");
    };
    const ran = await one.run();
    assert.equal(ran.outcome, "failed");
    assert.match(ran.error?.message ?? "", /^Cannot keep the list of deletions below \[.*missing\]: no such file\.$/);
    assert.match(ran.error?.hint ?? "", /Nothing was deleted\. Set TMPDIR/);
    assert.equal(one.data.extra, "extra");
  });

  test("a status that cannot be read is no hindrance; a bucket that does not answer is", async (t) => {
    const one = simulation(t);
    writeTree(one.folder, TREE);
    one.before = (call) => {
      if (call === "read .cback/status/p.json") throw refused("access denied (s3:GetObject)", "denied");
    };
    assert.equal((await one.run()).outcome, "success");
    one.bucket.place(".cback/status/p.json", "{ damaged");
    one.before = () => {};
    assert.equal((await one.run("--verifyOnly")).outcome, "success");
    one.forget();
    one.before = (call) => {
      if (call === "read .cback/status/p.json") throw refused("the connection failed (ECONNRESET)");
    };
    assert.equal((await one.run()).outcome, "failed");
  });
});

suite("An interruption", () => {
  /** A tree and a bucket with something to send, compare, keep and delete, in several shards. */
  function prepared(test: { after(hook: () => void): void }): Simulation {
    const one = simulation(test);
    one.shardEntries = 2;
    writeTree(one.folder, { ...TREE, "big/file": Buffer.alloc(9 * 1024 * 1024, "b") });
    for (const key of ["p/a/extra", "p/zz", "p/0"]) one.bucket.place(key, "extra");
    one.bucket.place("p/z", "last", 0);
    return one;
  }

  /** How many calls a whole run makes. */
  async function callCount(test: { after(hook: () => void): void }): Promise<number> {
    const one = prepared(test);
    let calls = 0;
    one.before = () => {
      calls += 1;
    };
    assert.equal((await one.run()).outcome, "success");
    return calls;
  }

  test("fault 51: at any call ends the run as interrupted, deletes nothing after it, and leaves no upload", async (t) => {
    const calls = await callCount(t);
    assert.ok(calls > 40);
    // Another third of them each time; the message names the one.
    for (let at = 1 + Math.floor(Math.random() * 3); at <= calls; at += 3) {
      const one = prepared(t);
      let call = 0;
      let eventsThen = 0;
      one.before = () => {
        call += 1;
        if (call !== at) return;
        eventsThen = one.bucket.events.length;
        one.interrupt();
      };
      const ran = await one.run();
      // The last wait for the report may be over already.
      assert.ok(ran.outcome === "interrupted" || at >= calls - 1, `${ran.outcome} at call ${at} of ${calls}`);
      const deletions = ran.events.slice(eventsThen).filter((event) => event.startsWith("delete"));
      // Of the batch that was on its way.
      assert.ok(deletions.length <= 1, `at call ${at}: ${deletions}`);
      assertDeletionsLast(ran);
      // What the user is told of the phase holds.
      const phase = one.phases.at(-1);
      if (phase === undefined || phase === "uploading") assert.equal(count(ran, "delete"), 0, `at call ${at}`);
      else assert.deepEqual({ ...one.data, ...one.source }, one.data, `at call ${at}, while ${phase}`);
      assert.equal(one.bucket.uploads.size, 0, `at call ${at} an upload is left behind`);
      assert.deepEqual(ran.leftovers, [], `at call ${at}`);
      one.before = () => {};
      one.later(DAY_MS);
      const next = await one.run();
      assert.equal(next.outcome, "success", `after an interruption at call ${at}`);
      assert.deepEqual(one.data, one.source);
    }
  });

  test("fault 52: a run that dies at any call is made good by the next", async (t) => {
    const calls = await callCount(t);
    for (let at = 1 + Math.floor(Math.random() * 5); at <= calls; at += 5) {
      const one = prepared(t);
      let call = 0;
      one.before = () => {
        call += 1;
        if (call >= at)
          throw new Failure({ outcome: "failed", operation: "o", subject: "s", reason: "dead", hint: "" });
      };
      one.bucket.abortMultipart = async () => {};
      const ran = await one.run();
      // The last call asks for the report, and is tried again.
      assert.ok(ran.outcome !== "success" || at === calls, `at call ${at} of ${calls}`);
      one.before = () => {};
      one.later(DAY_MS);
      assert.equal((await one.run()).outcome, "success", `after a death at call ${at}`);
      assert.deepEqual(one.data, one.source);
    }
  });
});

suite("Any tree and any bucket", () => {
  const content = fc.constantFrom("", "1", "2", "33");
  const bucketKeys = fc.uniqueArray(
    fc.record({
      key: fc.oneof(
        treePaths.map((paths) => paths[0] ?? "x"),
        fc.constantFrom("a", "b", "a/b", "a-", "b/", "a/", "zz"),
      ),
      content,
    }),
    { selector: ({ key }) => key, maxLength: 12 },
  );

  test("I1, I3, I6: a sync that matches leaves the bucket as the source is, and nothing else touched", async (t) => {
    const folder = temporaryFolder(t);
    await fc.assert(
      fc.asyncProperty(
        treePaths,
        fc.array(content, { minLength: 25, maxLength: 25 }),
        bucketKeys,
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom("", "p/", "p/q/"),
        async (paths, contents, objects, shardEntries, prefix) => {
          const one = new Simulation(mkdtempSync(join(folder, "one-")), prefix);
          one.shardEntries = shardEntries;
          one.bucket.pageSize = shardEntries + 1;
          for (const [index, path] of paths.entries()) writeTreeFile(one.folder, path, contents[index] ?? "");
          // Older than every file: what has the same size is then compared.
          for (const { key, content: text } of objects) one.bucket.place(prefix + key, text, 0);
          if (prefix !== "") for (const key of ["p", "p2/x", "o", "q"]) one.bucket.place(key, "other");
          const others = [...one.bucket.objects].filter(([key]) => !key.startsWith(prefix));
          const markers = objects.filter((object) => object.content === "" && object.key.endsWith("/"));
          const ran = await one.run("--allow-empty-source");
          assert.equal(ran.outcome, "success");
          assertDeletionsLast(ran);
          assertStatesAddUp(ran);
          assert.equal(
            tilingFault(ran.messages.map(({ shard }) => shard).sort((a, b) => a.index - b.index)),
            undefined,
          );
          assert.deepEqual(one.data, { ...one.source, ...Object.fromEntries(markers.map(({ key }) => [key, ""])) });
          for (const [key, object] of others) assert.equal(one.bucket.objects.get(key), object);
          one.later(DAY_MS);
          const second = await one.run("--allow-empty-source");
          assert.deepEqual(
            second.events.filter((event) => !event.startsWith("send")),
            [],
          );
          assert.equal(second.outcome, "success");
          assert.deepEqual([...ran.leftovers, ...second.leftovers], []);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("fault 27, I1: with any directories unreadable nothing is deleted, and what is below them is no finding", async (t) => {
    const folder = temporaryFolder(t);
    await fc.assert(
      fc.asyncProperty(treePaths, fc.nat(), fc.integer({ min: 1, max: 4 }), async (paths, choice, shardEntries) => {
        const directories = paths.flatMap((path) =>
          path
            .split("/")
            .slice(0, -1)
            .map((_, index, all) => all.slice(0, index + 1).join("/")),
        );
        const directory = directories[choice % directories.length];
        if (directory === undefined) return;
        const one = new Simulation(mkdtempSync(join(folder, "one-")), "p/");
        one.shardEntries = shardEntries;
        for (const path of paths) writeTreeFile(one.folder, path, "new");
        const hidden = [
          ...paths.filter((path) => path.startsWith(`${directory}/`)),
          `${directory}/other`,
          `${directory}/\u{10ffff}`,
        ];
        for (const path of hidden) one.bucket.place(`p/${path}`, "old");
        one.on = diskWithLocked(disk, bytePath(one.folder, directory));
        const ran = await one.run();
        assert.equal(ran.outcome, "incomplete");
        assert.equal(count(ran, "delete"), 0);
        for (const path of hidden) assert.equal(one.data[path], "old");
        for (const path of paths) if (!hidden.includes(path)) assert.equal(one.data[path], "new");
        assertStatesAddUp(ran);
        one.on = disk;
        one.later(DAY_MS);
        assert.equal((await one.run()).outcome, "success");
        assert.deepEqual(one.data, one.source);
      }),
      { numRuns: 60 },
    );
  });

  test("I1, I2: a check alone changes nothing, and says match only of equals", async (t) => {
    const folder = temporaryFolder(t);
    await fc.assert(
      fc.asyncProperty(treePaths, bucketKeys, fc.boolean(), async (paths, objects, equal) => {
        const one = new Simulation(mkdtempSync(join(folder, "one-")), "p/");
        one.shardEntries = 2;
        for (const path of paths) writeTreeFile(one.folder, path, "1");
        if (equal) for (const path of paths) one.bucket.place(`p/${path}`, "1", 0);
        else for (const { key, content: text } of objects) one.bucket.place(`p/${key}`, text, 0);
        const before = one.data;
        const ran = await one.run("--verifyOnly");
        assert.deepEqual(one.data, before);
        assert.deepEqual(
          ran.events.filter((event) => !event.startsWith("send")),
          [],
        );
        const markers = Object.keys(before).filter((key) => key.endsWith("/") && before[key] === "");
        const shown = Object.fromEntries(Object.entries(before).filter(([key]) => !markers.includes(key)));
        const same = JSON.stringify(Object.entries(shown)) === JSON.stringify(Object.entries(one.source));
        assert.equal(ran.outcome, same ? "success" : "mismatch");
      }),
      { numRuns: 40 },
    );
  });
});

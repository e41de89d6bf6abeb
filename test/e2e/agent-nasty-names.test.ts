/**
 * The whole corpus of nasty names in one tree, through the whole chain: walked, sent, listed, checked, shown; and those that
 * no file can have, put into the bucket by another client.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { writeTreeFile } from "../agent/trees.ts";
import { nastyNames, nastyTexts } from "../nasty-names.ts";
import { byBytes } from "../shared/arbitrary.ts";
import { assertExit, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { assertShownSafely } from "./shown-safely.ts";
import { makeTree } from "./tree.ts";

/** Objects are read so many at a time. */
const READS_AT_ONCE = 32;
/** How many faults the screen shows by name. */
const MAX_SHOWN = 20;

const linesOf = (text: string, pattern: RegExp) => text.split("\n").filter((line) => pattern.test(line));

// cback-amazons3-sync --detailed-exit-codes SOURCE s3://BUCKET/nasty
// cback-amazons3-sync -v -w SOURCE s3://BUCKET/nasty
test("faults 36, 37, 41, 42, 44, 74, 75: all nasty names that a disk takes are synced, or named as skipped, and found again", async (t) => {
  const folder = temporaryFolder(t);
  const view = new BucketView(t, ownPrefix("nasty"));
  const source = makeTree(folder, {});
  const written = nastyNames(view.prefix).filter(({ fate, bytes }) => {
    if (fate === "no-file") return false;
    try {
      writeTreeFile(source, bytes, bytes);
      return true;
    } catch {
      // Not every file system takes every name.
      return false;
    }
  });
  assert.ok(written.length >= 500, `this file system takes only ${written.length} names`);
  const ofFate = (wanted: string) => written.filter(({ fate }) => fate === wanted);
  const synced = ofFate("synced")
    .map(({ bytes }) => bytes.toString())
    .sort(byBytes);
  const skipped = [...ofFate("not-utf8"), ...ofFate("too-long")];
  const syncedBytes = synced.reduce((sum, path) => sum + Buffer.byteLength(path), 0);
  const settings = { environment: { CBACK_TEST_SHARD_ENTRIES: "100" } };

  const sync = await runAgent(folder, ["--detailed-exit-codes", source, view.url], settings);
  assertExit(sync, 9);
  assertShownSafely(sync);
  assert.match(sync.stdout, new RegExp(`^Verdict: match, but incomplete: ${skipped.length} entries of the source`));
  assert.match(
    sync.stdout,
    new RegExp(`: ${synced.length} uploaded, 0 unchanged, ${skipped.length} without a possible key`),
  );
  const report = await view.report(sync);
  assert.deepEqual(
    [report.verdict, report.totals.entries, report.totals.matched, report.totals.matchedBytes, report.findings],
    ["match", synced.length, synced.length, syncedBytes, []],
  );
  assert.equal(report.shards, Math.ceil(synced.length / 100));
  // Each is named once in the log, on one line; the screen shows the first.
  assert.equal(linesOf(sync.log, /\] Uploaded \[.*\], \d+ bytes?\.$/u).length, synced.length);
  assert.equal(linesOf(sync.log, /WARNING\] .*: its name is not UTF-8\.$/u).length, ofFate("not-utf8").length);
  assert.equal(linesOf(sync.log, /WARNING\] .*: its key would be longer than/u).length, ofFate("too-long").length);
  const shown = sync.stderr.trimEnd().split("\n");
  assert.equal(shown.length, MAX_SHOWN + 1);
  assert.equal(shown.at(-1), `and ${skipped.length - MAX_SHOWN} more, in the log.`);

  // As another client sees them.
  const objects = await view.objects();
  assert.deepEqual(
    objects.map(({ path }) => path),
    synced,
  );
  for (let from = 0; from < synced.length; from += READS_AT_ONCE)
    await Promise.all(
      synced.slice(from, from + READS_AT_ONCE).map(async (path) => assert.equal(String(await view.read(path)), path)),
    );

  const check = await runAgent(folder, ["-v", "-w", "--detailed-exit-codes", source, view.url], settings);
  assertExit(check, 0);
  assertShownSafely(check);
  assert.equal(check.stderr, "");
  assert.match(check.stdout, new RegExp(`^Verdict: match\\. The validator found all ${synced.length} files`));

  // What others do to a few of them is named exactly, and mended.
  await view.remove("x\n2026-11-22T12:00:00 UTC --> [INFO   ] Verdict: match.");
  await view.remove("in\u200bvisible");
  await view.remove("e\u0301");
  await view.put("__proto__", "__PROTO__");
  await view.put("\u001b[2J", "\u001b[3J");
  await view.put("</Key><Key>", "longer than it was");
  await view.put("a/../b", "no file");
  await view.put("\u0000", "no file");
  await view.put("\u202e//", "no file");
  const drift = await runAgent(folder, ["-v", "-w", "--detailed-exit-codes", source, view.url], settings);
  assertExit(drift, 7);
  assertShownSafely(drift);
  assert.deepEqual(drift.stderr.trimEnd().split("\n"), [
    String.raw`[\x00] is in the bucket, not in the source.`,
    String.raw`[\x1b[2J] is of other content in the bucket.`,
    "[</Key><Key>] is of another size in the bucket.",
    "[__proto__] is of other content in the bucket.",
    "[a/../b] is in the bucket, not in the source.",
    "[e\u0301] is missing in the bucket.",
    String.raw`[in\u{200b}visible] is missing in the bucket.`,
    String.raw`[x\x0a2026-11-22T12:00:00 UTC --> [INFO   ] Verdict: match.] is missing in the bucket.`,
    String.raw`[\u{202e}//] is in the bucket, not in the source.`,
  ]);
  const mended = await runAgent(folder, ["-w", source, view.url], settings);
  assertExit(mended, 0);
  assertShownSafely(mended);
  assert.match(mended.stdout, /^Repaired 9 objects in the bucket:$/m);
  assert.equal(linesOf(mended.stdout, /^ {2}(missing|changed|unexpected): \[.*\]$/u).length, 9);
  assert.deepEqual(await view.paths(), synced);
  assert.equal(String(await view.read("__proto__")), "__proto__");
});

// cback-amazons3-sync -v SOURCE s3://BUCKET/no-file
// cback-amazons3-sync SOURCE s3://BUCKET/no-file
test("faults 37, 38, 70, 74, 75: objects of names that no file can have are found, named and deleted, and no others", async (t) => {
  const folder = temporaryFolder(t);
  const view = new BucketView(t, ownPrefix("no-file"));
  const source = makeTree(folder, { a: "1", b: "2" });
  assertExit(await runAgent(folder, [source, view.url]), 0);
  // Beside the target, where a careless path would lead.
  const beside = new BucketView(t, ownPrefix("no-file-beside"));
  await beside.put("x", "not to be touched");
  const names = nastyTexts(view.prefix, ["no-file"]).map(({ text }) => text);
  names.push(`../${beside.prefix}x`, `../${beside.prefix}\u0001/../x`);
  for (const name of names) await view.put(name, "content");

  const check = await runAgent(folder, ["-v", source, view.url]);
  assertExit(check, 6);
  assertShownSafely(check);
  const { findings } = await view.report(check);
  assert.deepEqual(
    findings.map(({ kind, path }) => `${kind} ${path}`),
    names.toSorted(byBytes).map((name) => `unexpected ${name}`),
  );
  const shown = check.stderr.trimEnd().split("\n");
  assert.equal(shown.length, MAX_SHOWN + 1);
  assert.ok(shown.slice(0, MAX_SHOWN).every((line) => /^\[.*\] is in the bucket, not in the source\.$/u.test(line)));

  const clear = await runAgent(folder, ["--max-delete=100%", source, view.url]);
  assertExit(clear, 0);
  assertShownSafely(clear);
  assert.equal(linesOf(clear.log, /\] Deleted \[.*\]\.$/u).length, names.length);
  assert.deepEqual(await view.paths(), ["a", "b"]);
  assert.equal(String(await beside.read("x")), "not to be touched");
});

/**
 * Names that break what is not careful: synced, verified, listed in key order across shard borders, shown on one line,
 * and deleted again.
 */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { describe, test } from "node:test";
import { compareKeys } from "#shared/key.ts";
import { tilingFault } from "#shared/shard.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { assertShownSafely } from "./shown-safely.ts";
import { addFiles, makeTree, type Tree } from "./tree.ts";

const NAMES = [
  ...["with spaces  in it", " leading", "trailing ", "+plus+", "100%", "a%2Fb", "a%zz", "a&b", "a=b", "?q", "#f", ";s"],
  ...[
    'quote"s',
    "apostrophe's",
    "`backtick`",
    "$HOME",
    "*",
    "[x]",
    "{x}",
    "<xml/>",
    "]]>",
    "&amp;",
    "back\\slash",
    "~",
  ],
  ...["new\nline", "carriage\rreturn", "tab\tname", "bell\u0007", "esc\u001b[31m", "\u0001", "\u001f", "del\u007f"],
  ...["next\u0085line", "\u2028separator", "\u202eoverride", "\ufeffmark", "\ud7ff", "\ue000", "\uffff", "\ufffd"],
  ...["\u{10000}", "😀", "\u{10ffff}", "e\u0301", "\u00e9", "Case", "case", "CASE"],
  ...[
    "a-b",
    "a/x",
    "a.txt",
    "a0",
    "a\u0001",
    "-rf",
    "--delete",
    "...",
    "..foo",
    ".hidden",
    "soap",
    "soap.xml",
    "=cmd()",
  ],
  ...[".cback/reports/mine", "2026-11-22T12:00:00 UTC --> [INFO   ] forged"],
];

/** As long as a key can be, prefix included, of names as long as most file systems take. */
function longestPath(keyPrefix: string): string {
  const room = 1_024 - Buffer.byteLength(keyPrefix);
  return Array.from({ length: room }, (_, position) => (position % 200 === 199 ? "/" : "k")).join("");
}

describe("hostile names", { concurrency: 3 }, () => {
  for (const shardEntries of [1, 2, 3]) {
    // CBACK_TEST_SHARD_ENTRIES=1 cback-amazons3-sync SOURCE s3://BUCKET/hostile-1
    test(`faults 37, 42, 44, 74, 75: in shards of ${shardEntries}, arrive, are found in order, and are deleted`, async (t) => {
      const folder = temporaryFolder(t);
      const view = new BucketView(t, ownPrefix(`hostile-${shardEntries}`));
      const paths = [...NAMES, longestPath(view.prefix)];
      // Each has its own content: two names that were taken for one would show.
      const files: Tree = Object.fromEntries(paths.map((path) => [path, `content of ${path}`]));
      const source = makeTree(folder, files);
      const settings = { environment: { CBACK_TEST_SHARD_ENTRIES: String(shardEntries) } };

      const sync = await runAgent(folder, [source, view.url], settings);
      assertExit(sync, 0);
      const inOrder = paths.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
      assert.deepEqual(await view.paths(), inOrder);
      await Promise.all(paths.map(async (path) => assert.equal(String(await view.read(path)), files[path])));
      assertShownSafely(sync);

      const report = await view.report(sync);
      assert.equal(report.totals.matched, paths.length);
      const ranges = (await view.parts(report)).map(({ shard }) => shard);
      assert.equal(ranges.length, Math.ceil(paths.length / shardEntries));
      assert.equal(tilingFault(ranges), undefined);
      assert.deepEqual(
        ranges.slice(0, -1).map(({ through }) => through),
        inOrder.filter((_, position) => position % shardEntries === shardEntries - 1).slice(0, ranges.length - 1),
      );

      const again = await runAgent(folder, [source, view.url], settings);
      assertExit(again, 0);
      assert.match(again.stdout, new RegExp(`0 uploaded, ${paths.length} unchanged`));

      rmSync(source, { recursive: true });
      addFiles(source, { "only this": "is left" });
      const check = await runAgent(folder, ["-v", source, view.url], settings);
      assertExit(check, 6);
      assertShownSafely(check);
      assert.deepEqual(
        (await view.report(check)).findings.map(({ path }) => path),
        [...inOrder, "only this"].toSorted(compareKeys),
      );
      const clear = await runAgent(folder, [source, view.url], settings);
      assertExit(clear, 0);
      assert.match(clear.stdout, new RegExp(` ${paths.length} deleted\\.`));
      assert.deepEqual(await view.paths(), ["only this"]);
      assertShownSafely(clear);
    });
  }
});

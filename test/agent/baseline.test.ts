/** What is remembered of files, line by line, and how findings correct it. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  type BaselineItem,
  correct,
  isLeaving,
  isSame,
  itemOf,
  type KnownFile,
  lineOf,
  remember,
  staying,
} from "#agent/baseline.ts";
import type { Finding } from "#shared/report.ts";
import { stream } from "#test/stream.ts";
import { byBytes } from "../shared/arbitrary.ts";
import { treePaths } from "./trees.ts";

const STARTED_MS = 1_700_000_000_000.25;
const FILE: KnownFile = { path: "a", sizeBytes: 1, etag: "e", modifiedMs: 1.5, changedMs: 2.25, inode: 3 };

suite("A line", () => {
  const path = treePaths.filter((paths) => paths.length > 0).map((paths) => paths[0] ?? "");
  const size = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  // Nanoseconds as the system gives them, in milliseconds.
  const time = fc.bigInt({ min: 0n, max: 4n * 10n ** 18n }).map((nanoseconds) => Number(nanoseconds) / 1e6);
  const etag = fc.string({ minLength: 1 });
  const item: fc.Arbitrary<BaselineItem> = fc.oneof(
    fc.record({ path, sizeBytes: size, etag, modifiedMs: time, changedMs: time, inode: size }),
    fc.record({ path, sizeBytes: size, etag, modifiedMs: time, changedMs: fc.constant(Number.NaN), inode: size }),
    fc.record({
      path,
      sizeBytes: size,
      etag,
      modifiedMs: time,
      changedMs: time,
      inode: size,
      leaving: fc.constant(true),
    }),
    fc.record({ path, gone: fc.constant(true as const) }),
    fc.record({ path, unknown: fc.constant(true as const) }),
  ) as fc.Arbitrary<BaselineItem>;

  test("is one line, and says all that there was", () => {
    fc.assert(
      fc.property(item, (one) => {
        const line = lineOf(one);
        assert.equal(line.indexOf("\n"), line.length - 1);
        assert.deepEqual(itemOf(line), { ...one });
      }),
    );
  });

  // Some of them JSON can read, but not write again.
  const broken: Readonly<Record<string, readonly string[]>> = {
    "a line has no path": ["null", "1", "{}", "[]", "[1]", '[""]', '["\\ud800"]'],
    "a line has no ETag": ['["a",1]', '["a",1,"",1,1,1]', '["a",1,1,1,1,1]', '["a",1,null,1,1,1]'],
    "a line has no size, time or inode": [
      '["a","1","e",1,1,1]',
      '["a",1,"e"]',
      '["a",1,"e","1",1,1]',
      '["a",1,"e",1,1]',
      '["a",1,"e",1,1,"1"]',
      '["a",1,"e",1,[],1]',
      '["a",1e400,"e",1,1,1]',
    ],
  };
  for (const [reason, lines] of Object.entries(broken))
    test(`fault 55: that is none is an error: ${reason}`, () => {
      for (const line of lines) assert.throws(() => itemOf(line), { name: "TypeError", message: reason }, line);
    });

  test("fault 55: that is not even JSON is an error", () => {
    for (const line of ["", "["]) assert.throws(() => itemOf(line), SyntaxError);
  });
});

suite("What is remembered", () => {
  test("is the same file only with the same size, times and inode", () => {
    assert.ok(isSame({ ...FILE }, FILE));
    for (const other of [{ sizeBytes: 2 }, { modifiedMs: 1 }, { changedMs: 2 }, { inode: 4 }])
      assert.ok(!isSame({ ...FILE, ...other }, FILE), JSON.stringify(other));
  });

  test("fault 57: of a file that changed about when the run began, or after, is the same as none", () => {
    const settled = { ...FILE, changedMs: STARTED_MS - 5_001 };
    assert.ok(isSame(settled, remember(settled, "e", STARTED_MS)));
    for (const changedMs of [STARTED_MS - 5_000, STARTED_MS, STARTED_MS + 1, STARTED_MS + 1e9]) {
      const racy = { ...FILE, changedMs };
      assert.ok(!isSame(racy, remember(racy, "e", STARTED_MS)), String(changedMs));
      assert.ok(!isSame(racy, itemOf(lineOf(remember(racy, "e", STARTED_MS))) as KnownFile), String(changedMs));
    }
  });
});

test("What is leaving is forgotten once all deletions are done, and stays as it was where none was", () => {
  const gone: BaselineItem = { path: "a", gone: true };
  const hole: BaselineItem = { path: "a", unknown: true };
  const items: BaselineItem[] = [FILE, { ...FILE, leaving: true }, gone, hole];
  assert.deepEqual(items.map(isLeaving), [false, true, true, false]);
  assert.deepEqual(items.map(staying), [FILE, FILE, gone, hole]);
});

async function corrections(
  items: readonly BaselineItem[],
  findings: readonly Finding[],
  keyPrefix: string,
): Promise<BaselineItem[]> {
  return (await Array.fromAsync(correct(stream(items), findings, keyPrefix))).flat();
}

suite("Findings", () => {
  const finding = (kind: Finding["kind"], path: string): Finding => ({ kind, path });

  test("correct what is known: the missing is forgotten, the rest is to be replaced or deleted", async () => {
    const items = ["a", "b", "c", "e"].map((path) => ({ ...FILE, path }));
    const findings = [
      finding("unexpected", "bb"),
      finding("missing", "a"),
      finding("etag-differs", "c"),
      finding("missing", "z"),
      finding("unexpected", "f"),
    ];
    const corrected = await corrections(items, findings, "");
    assert.deepEqual(corrected, [
      items[1],
      { path: "bb", gone: true },
      { path: "c", gone: true },
      items[3],
      { path: "f", gone: true },
    ]);
  });

  test("never lead to the validator's own objects, nor to the folder marker of the target", async () => {
    const findings = [finding("unexpected", ".cback/status.json"), finding("unexpected", "")];
    assert.deepEqual(await corrections([], findings, ""), []);
    assert.deepEqual(await corrections([], findings, "p/"), [{ path: ".cback/status.json", gone: true }]);
  });

  test("keep the order of keys, whatever theirs is", async () => {
    await fc.assert(
      fc.asyncProperty(treePaths, treePaths, async (paths, found) => {
        const items = paths.toSorted(byBytes).map((path) => ({ ...FILE, path }));
        const corrected = await corrections(
          items,
          found.map((path) => finding("size-differs", path)),
          "p/",
        );
        assert.deepEqual(
          corrected.map(({ path }) => path),
          [...new Set([...paths, ...found])].sort(byBytes),
        );
      }),
    );
  });
});

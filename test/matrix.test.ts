/** Each row of the matrix of faults has a test, and no test names a row that there is not. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROWS, rowsIn, titlePattern } from "./faults/matrix.ts";

/** Rows without a test. A row that gets one leaves this list for ever. */
const WITHOUT_TEST: readonly number[] = [];

const ROOT = join(import.meta.dirname, "..");

test("every row of the matrix has a test, but for those that are known to have none", () => {
  const named = new Set<number>();
  for (const file of globSync("test/**/*.test.ts", { cwd: ROOT }))
    for (const row of rowsIn(readFileSync(join(ROOT, file), "utf8"))) named.add(row);
  const all = Object.keys(ROWS).map(Number);
  assert.equal(all.length, 76);
  assert.deepEqual(
    all.filter((row) => !named.has(row)),
    WITHOUT_TEST,
  );
  assert.deepEqual(
    [...named].filter((row) => !(row in ROWS)),
    [],
  );
});

// With another letter, or this file would count as one that proves these rows.
const titles: [title: string, rows: number[]][] = [
  ["f@ult 24: it stops", [24]],
  ["exits 6, in detail 12: f@ult 12: the secret is wrong", [12]],
  ["f@ults 27, 28, 33: in one shard", [27, 28, 33]],
  ["f@ults 1 and 61: a connection that is cut", [1, 61]],
  ["f@ult 55, f@ult 56: with a damaged baseline", [55, 56]],
  ["f@ult 27, I1: with any directories unreadable", [27]],
  ["f@ult 51: in a suite SIGINT while it lists 2 pages", [51]],
  ["f@ult 3: 500, 502 and 504 are tried again", [3]],
  ["without any 24: or f@ult at all", []],
];

for (const [masked, rows] of titles) {
  test(`a title is found by its rows and by no others: ${masked}`, () => {
    const title = masked.replaceAll("@", "a");
    assert.deepEqual([...rowsIn(title)], rows);
    const [, pattern = ""] = /^\/(.*)\/$/.exec(titlePattern(undefined)) ?? [];
    assert.equal(new RegExp(pattern).test(title), rows.length > 0);
    const found = Object.keys(ROWS)
      .map(Number)
      .filter((row) => new RegExp(titlePattern(row).slice(1, -1)).test(title));
    assert.deepEqual(found, rows);
  });
}

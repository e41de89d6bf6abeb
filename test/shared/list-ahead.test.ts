/** Ranges that are listed side by side: how far ahead, in which order, and how they end. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setImmediate as pause } from "node:timers/promises";
import type { ObjectEntry } from "#shared/entry.ts";
import { listAhead, subRanges } from "#shared/list-ahead.ts";
import { inRange, type PathRange } from "#shared/shard.ts";

const PAGE_OBJECTS = 10;

/** Ranges of so many pages each; what was asked for, and which of them were closed, is noted. */
function listing(pageCounts: readonly number[], fault?: { readonly range: number; readonly page: number }) {
  const ranges = pageCounts.map((_, index): PathRange => ({ after: String(index), through: String(index + 1) }));
  const asked: string[] = [];
  const closed: string[] = [];
  async function* list({ after }: PathRange): AsyncGenerator<ObjectEntry[]> {
    try {
      for (let page = 0; page < (pageCounts[Number(after)] ?? 0); page++) {
        asked.push(`${after}.${page}`);
        await pause();
        if (fault?.range === Number(after) && fault.page === page) throw new Error("S3 fails");
        yield Array.from({ length: PAGE_OBJECTS }, (_, index) => ({
          ...{ path: `${after}.${page}.${index}`, sizeBytes: 1, etag: "e", modifiedMs: 0 },
        }));
      }
    } finally {
      closed.push(String(after));
    }
  }
  return { ranges, list, asked, closed };
}

/** Until nothing moves any more. */
async function quiet(asked: readonly string[]): Promise<void> {
  for (let before = -1; before !== asked.length; ) {
    before = asked.length;
    for (let turn = 0; turn < 20; turn++) await pause();
  }
}

suite("Ranges listed ahead", () => {
  test("come in their order, each page once", async () => {
    const { ranges, list, closed } = listing([2, 0, 1, 3, 1]);
    const pages = await Array.fromAsync(listAhead(ranges, list, { ranges: 2, objects: PAGE_OBJECTS }));
    const firsts = pages.map((page) => page[0]?.path);
    assert.deepEqual(firsts, ["0.0.0", "0.1.0", "2.0.0", "3.0.0", "3.1.0", "3.2.0", "4.0.0"]);
    assert.deepEqual(closed.sort(), ["0", "1", "2", "3", "4"]);
  });

  test("are begun so many at a time, and none goes on while enough of it waits", async () => {
    const { ranges, list, asked } = listing([100, 100, 100, 100]);
    const reading = listAhead(ranges, list, { ranges: 3, objects: 2 * PAGE_OBJECTS });
    await reading.next();
    await quiet(asked);
    // Of the first, one page was taken: another takes its place.
    assert.deepEqual(asked.toSorted(), ["0.0", "0.1", "0.2", "1.0", "1.1", "2.0", "2.1"]);
    await reading.next();
    await quiet(asked);
    assert.deepEqual(asked.slice(7), ["0.3"]);
    await reading.return();
  });

  test("ask for nothing more when nobody reads them any longer, and are closed", async () => {
    const { ranges, list, asked, closed } = listing([100, 100, 100]);
    const reading = listAhead(ranges, list, { ranges: 2, objects: PAGE_OBJECTS });
    await reading.next();
    await quiet(asked);
    const before = asked.length;
    await reading.return();
    assert.deepEqual([asked.length, closed.sort()], [before, ["0", "1"]]);
  });

  test("end with the fault of one, after the pages before it, and with all others closed", async () => {
    const { ranges, list, closed } = listing([2, 2, 100], { range: 1, page: 1 });
    const seen: (string | undefined)[] = [];
    const reading = async () => {
      for await (const page of listAhead(ranges, list, { ranges: 3, objects: PAGE_OBJECTS })) seen.push(page[0]?.path);
    };
    await assert.rejects(reading(), /S3 fails/);
    assert.deepEqual(seen, ["0.0.0", "0.1.0", "1.0.0"]);
    assert.deepEqual(closed.sort(), ["0", "1", "2"]);
  });
});

test("the ranges of a shard are about as long, and tile it", () => {
  const entries = Array.from({ length: 25 }, (_, index) => ({ path: String(index).padStart(2, "0") }));
  assert.deepEqual(subRanges({ after: "", through: null }, entries, 10), [
    { after: "", through: "07" },
    { after: "07", through: "16" },
    { after: "16", through: null },
  ]);
  assert.deepEqual(subRanges({ after: null, through: "x" }, []), [{ after: null, through: "x" }]);
});

test("the ranges of a shard are pages of S3, as few as hold its entries", () => {
  const entries = Array.from({ length: 10_000 }, (_, index) => ({ path: String(index).padStart(5, "0") }));
  const ranges = subRanges({ after: null, through: null }, entries);
  assert.equal(ranges.length, 10);
  for (const range of ranges) assert.equal(entries.filter(({ path }) => inRange(range, path)).length, 1_000);
});

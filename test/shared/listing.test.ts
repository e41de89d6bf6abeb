import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ObjectEntry } from "#shared/entry.ts";
import { isReserved } from "#shared/key.ts";
import { type ListedObject, ListingError, listRange, type Page, type PageRequest } from "#shared/listing.ts";
import { inRange } from "#shared/shard.ts";
import { byBytes, keyPrefix, text } from "./arbitrary.ts";

const EVERYTHING = { after: null, through: null };

function object(key: string): ListedObject {
  return { key, sizeBytes: 1, etag: "e", modifiedMs: 0 };
}

function page(keys: readonly string[], nextToken?: string, truncated = nextToken !== undefined): Page {
  return { objects: keys.map(object), truncated, nextToken };
}

/** S3's ListObjectsV2 over some keys: pages of so many, `startAfter` without a token only, tokens that say nothing. */
function bucketOf(keys: readonly string[], pageSize: number) {
  const sorted = [...new Set(keys)].sort(byBytes);
  const tokens = new Map<string, number>();
  const bucket = {
    requests: 0,
    async fetchPage({ keyPrefix, startAfter, token }: PageRequest): Promise<Page> {
      bucket.requests += 1;
      const below = sorted.filter((key) => key.startsWith(keyPrefix));
      const after = startAfter === undefined ? -1 : below.findLastIndex((key) => byBytes(key, startAfter) <= 0);
      const start = token === undefined ? after + 1 : tokens.get(token);
      assert.ok(start !== undefined, "a token that was never given out");
      const end = start + pageSize;
      const truncated = end < below.length;
      const nextToken = truncated ? `token ${bucket.requests}` : undefined;
      if (nextToken !== undefined) tokens.set(nextToken, end);
      return { objects: below.slice(start, end).map(object), truncated, nextToken };
    },
  };
  return bucket;
}

async function pathsOf(pages: AsyncIterable<readonly ObjectEntry[]>): Promise<string[]> {
  return (await Array.fromAsync(pages)).flat().map((entry) => entry.path);
}

describe("listing a range", () => {
  const bound = fc.option(text.filter((path) => path !== ""));
  const keys = fc.array(
    fc
      .tuple(keyPrefix, fc.constantFrom("", ".cback/", "p"), text)
      .map(([prefix, first, name]) => prefix + first + name),
    { maxLength: 40 },
  );

  test("gives the keys of the range, whatever the keys, the pages and the range", async () => {
    await fc.assert(
      fc.asyncProperty(
        keys,
        fc.integer({ min: 1, max: 7 }),
        keyPrefix,
        bound,
        bound,
        async (keys, size, prefix, a, b) => {
          const range = { after: a, through: b };
          const { fetchPage } = bucketOf(keys, size);
          const expected = [...new Set(keys)]
            .filter((key) => key.startsWith(prefix) && !isReserved(key) && inRange(range, key.slice(prefix.length)))
            .map((key) => key.slice(prefix.length))
            .sort(byBytes);
          assert.deepEqual(await pathsOf(listRange(fetchPage, prefix, range)), expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("gives each object as S3 shows it, by its path", async () => {
    const { fetchPage } = bucketOf(["p/a"], 10);
    assert.deepEqual(await Array.fromAsync(listRange(fetchPage, "p/", EVERYTHING)), [
      [{ path: "a", sizeBytes: 1, etag: "e", modifiedMs: 0 }],
    ]);
  });

  test("jumps over the validator's own objects, however many there are", async () => {
    const reserved = Array.from({ length: 10_000 }, (_, index) => `.cback/runs/${index}`);
    const bucket = bucketOf(["!", ...reserved, ".cback", ".cback0", ".cbackup", "z"], 1_000);
    assert.deepEqual(await pathsOf(listRange(bucket.fetchPage, "", EVERYTHING)), [
      "!",
      ".cback",
      ".cback0",
      ".cbackup",
      "z",
    ]);
    assert.equal(bucket.requests, 2);
  });

  test("goes on after the last key, and by the token where a page had none", async () => {
    const pages = [page(["p/b", "p/c"], "1"), page([], "2"), page([], "3"), page(["p/d"], "4"), page(["p/e"])];
    const asked: unknown[] = [];
    const fetchPage = async ({ startAfter, token }: PageRequest) => {
      asked.push(token ?? startAfter);
      return pages[asked.length - 1] ?? page([]);
    };
    assert.deepEqual(await pathsOf(listRange(fetchPage, "p/", { after: "a", through: null })), ["b", "c", "d", "e"]);
    assert.deepEqual(asked, ["p/a", "p/c", "2", "3", "p/d"]);
  });

  test("asks for no page after the range's end", async () => {
    const bucket = bucketOf(
      Array.from({ length: 100 }, (_, index) => String(index).padStart(3, "0")),
      10,
    );
    assert.equal((await pathsOf(listRange(bucket.fetchPage, "", { after: "009", through: "018" }))).length, 9);
    assert.equal(bucket.requests, 1);
    assert.equal((await pathsOf(listRange(bucket.fetchPage, "", { after: "009", through: "019" }))).length, 10);
    assert.equal(bucket.requests, 2, "the page ends where the range does, and the listing goes on");
  });
});

describe("fault 7: a listing is not believed", () => {
  const table: [string, Page[], RegExp][] = [
    ["that is not sorted within a page", [page(["p/b", "p/a"])], /do not ascend/],
    ["that is sorted as JavaScript sorts", [page(["p/\u{1f600}", "p/\ufffd"])], /do not ascend/],
    ["that repeats a key", [page(["p/a", "p/a"])], /do not ascend/],
    ["that is not sorted across pages", [page(["p/b"], "1"), page(["p/a"])], /do not ascend/],
    ["that begins anew with each page", [page(["p/b", "p/c"], "1"), page(["p/b", "p/c"], "2")], /do not ascend/],
    ["that begins before the range", [page(["p/A"])], /do not ascend/],
    ["that begins with the key to start after", [page(["p/a0"])], /do not ascend/],
    ["that repeats its token", [page([], "1"), page([], "1")], /repeats its token/],
    ["that goes on without a token", [page(["p/b"], undefined, true)], /gives no token/],
    ["that shows a key outside the prefix", [page(["p/b", "p2/a"])], /outside the prefix/],
    ["that is empty and goes on and on", [page([], "1"), page([], "2")], /on and on/],
  ];
  for (const [what, pages, reason] of table) {
    test(what, async () => {
      let requests = 0;
      const fetchPage = async () => pages[requests++ % pages.length] ?? page([]);
      const after = what.includes("range") ? "a" : what.includes("start after") ? "a0" : null;
      await assert.rejects(
        pathsOf(listRange(fetchPage, "p/", { after, through: null })),
        (error) => error instanceof ListingError && reason.test(error.message),
      );
      assert.ok(requests < 2_000);
    });
  }
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ManifestEntry } from "#shared/entry.ts";
import { isUnknown, UnknownDirectories } from "#shared/entry.ts";
import { keyBytes, MAX_KEY_BYTES } from "#shared/key.ts";
import { cutIntoShards, inRange, type Shard, type ShardRange, type ShardScale, tilingFault } from "#shared/shard.ts";
import { stream } from "#test/stream.ts";
import { byBytes, keyPrefix, manifestEntries, text } from "./arbitrary.ts";

/** Takes so many entries, whatever they weigh. */
function scaleOf(maxEntries: number): () => ShardScale<ManifestEntry> {
  return () => {
    let taken = 0;
    return { fits: () => ++taken <= maxEntries };
  };
}

function cut(entries: readonly ManifestEntry[], maxEntries: number, prefix = ""): Promise<Shard<ManifestEntry>[]> {
  return Array.fromAsync(cutIntoShards(stream(entries), scaleOf(maxEntries), prefix));
}

const shardSize = fc.integer({ min: 1, max: 5 });

describe("cutting into shards", () => {
  test("tiles the target, in order, and keeps every entry in the range of its shard", async () => {
    await fc.assert(
      fc.asyncProperty(manifestEntries, shardSize, keyPrefix, async (entries, maxEntries, prefix) => {
        const shards = await cut(entries, maxEntries, prefix);
        assert.equal(tilingFault(shards.map((shard) => shard.range)), undefined);
        assert.deepEqual(
          shards.flatMap((shard) => shard.entries),
          entries,
        );
        for (const { range, entries } of shards) {
          assert.ok(entries.length <= maxEntries);
          for (const entry of entries) assert.ok(inRange(range, entry.path));
        }
      }),
    );
  });

  test("makes every path fall into exactly one shard", async () => {
    await fc.assert(
      fc.asyncProperty(manifestEntries, shardSize, fc.array(text), async (entries, maxEntries, paths) => {
        const shards = await cut(entries, maxEntries);
        for (const path of paths) assert.equal(shards.filter((shard) => inRange(shard.range, path)).length, 1);
      }),
    );
  });

  test("keeps all that lies below an unreadable directory in the shard that names it", async () => {
    await fc.assert(
      fc.asyncProperty(manifestEntries, shardSize, keyPrefix, text, async (entries, maxEntries, prefix, name) => {
        for (const { range, entries: own } of await cut(entries, maxEntries, prefix))
          for (const entry of own) {
            if (!isUnknown(entry) || !entry.path.endsWith("/")) continue;
            const longest = "\u{10ffff}".repeat(Math.floor((MAX_KEY_BYTES - keyBytes(prefix + entry.path)) / 4));
            for (const below of [entry.path, entry.path + name, entry.path + longest])
              if (keyBytes(prefix + below) <= MAX_KEY_BYTES) assert.ok(inRange(range, below));
          }
      }),
    );
  });

  test("ends a shard at its last entry, be that an unknown file or an object whose key ends in a slash", async () => {
    for (const last of [{ path: "d", unknown: true as const }, known("d"), known("d/")]) {
      const shards = await cut([last, known("d/a")], 1);
      assert.deepEqual(
        shards.map(({ range }) => [range.after, range.through]),
        [
          [null, last.path],
          [last.path, null],
        ],
      );
    }
  });

  test("gives bounds that still are keys", async () => {
    const unreadable = Array.from({ length: 4 }, (_, index) => ({ path: `${index}/`, unknown: true as const }));
    for (const { range } of await cut(unreadable, 1, "p/"))
      if (range.through !== null) assert.equal(keyBytes(`p/${range.through}`), MAX_KEY_BYTES);
  });

  test("of nothing gives one shard for everything, so that an empty source is compared too", async () => {
    assert.deepEqual(await cut([], 3), [{ range: { index: 0, after: null, through: null, last: true }, entries: [] }]);
  });

  test("gives an entry that no scale takes a shard of its own", async () => {
    const never = () => ({ fits: () => false });
    const shards = await Array.fromAsync(cutIntoShards(stream([known("a"), known("b")]), never, ""));
    assert.deepEqual(
      shards.map((shard) => shard.entries.map((entry) => entry.path)),
      [["a"], ["b"]],
    );
  });

  test("reads no further than the entry that begins the next shard", async () => {
    let read = 0;
    const endless = async function* () {
      while (true) {
        assert.ok(read < 20, "the stream is read on");
        yield [known(String(read++).padStart(6, "0"))];
      }
    };
    for await (const shard of cutIntoShards(endless(), scaleOf(10), "")) {
      assert.equal(shard.entries.length, 10);
      break;
    }
    assert.equal(read, 11);
  });
});

function known(path: string): ManifestEntry {
  return { path, sizeBytes: 1, etag: "e" };
}

describe("tiling", () => {
  const whole: ShardRange[] = [
    { index: 0, after: null, through: "b", last: false },
    { index: 1, after: "b", through: "d", last: false },
    { index: 2, after: "d", through: null, last: true },
  ];
  const changed = (position: number, changes: Partial<ShardRange>) =>
    whole.map((range) => (range.index === position ? { ...range, ...changes } : range));

  test("is whole when each shard begins where the one before ends", () => assert.equal(tilingFault(whole), undefined));

  const broken: [string, ShardRange[], RegExp][] = [
    ["no shard at all", [], /there is no shard/],
    ["no first shard", whole.slice(1), /shard 0 is missing/],
    ["no middle shard", whole.toSpliced(1, 1), /shard 1 is missing/],
    ["no last shard", whole.slice(0, 2), /shard 1 says wrongly whether it is the last/],
    ["a shard twice", whole.toSpliced(1, 0, ...whole.slice(1, 2)), /shard 2 is missing/],
    ["a first shard that begins somewhere", changed(0, { after: "a" }), /shard 0 does not begin/],
    ["a gap", changed(1, { after: "c" }), /shard 1 does not begin where the one before it ends/],
    ["an overlap", changed(1, { after: "a" }), /shard 1 does not begin where the one before it ends/],
    ["a last shard that ends", changed(2, { through: "e" }), /shard 2 says wrongly/],
    ["a last shard that denies it", changed(2, { last: false }), /shard 2 says wrongly/],
    ["a middle shard that claims to be the last", changed(1, { last: true }), /shard 1 says wrongly/],
    ["a middle shard without an end", changed(1, { through: null }), /shard 1 says wrongly/],
    [
      "an empty range",
      [...changed(1, { through: "b" }).slice(0, 2), { index: 2, after: "b", through: null, last: true }],
      /shard 1 ends before it begins/,
    ],
    [
      "a range backwards, by bytes",
      [
        { index: 0, after: null, through: "\u{1f600}", last: false },
        { index: 1, after: "\u{1f600}", through: "\ufffd", last: false },
        { index: 2, after: "\ufffd", through: null, last: true },
      ],
      /shard 1 ends before it begins/,
    ],
  ];
  for (const [what, ranges, fault] of broken)
    test(`is not whole with ${what}`, () => assert.match(tilingFault(ranges) ?? "", fault));
});

describe("unknown directories", () => {
  test("cover nothing before there is one, whatever it is called", () => {
    for (const path of ["", "a", "undefined", "undefined/a"]) assert.ok(!new UnknownDirectories().covers(path));
  });

  test("cover what lies below them, as a plain search would say", () => {
    fc.assert(
      fc.property(manifestEntries, fc.array(text), (entries, paths) => {
        const directories = entries.filter((entry) => isUnknown(entry) && entry.path.endsWith("/"));
        const unknown = new UnknownDirectories();
        const remaining = [...entries];
        for (const path of paths.sort(byBytes)) {
          for (let next = remaining[0]; next !== undefined && byBytes(next.path, path) <= 0; next = remaining[0]) {
            unknown.pass(next);
            remaining.shift();
          }
          assert.equal(
            unknown.covers(path),
            directories.some((directory) => path.startsWith(directory.path)),
          );
        }
      }),
    );
  });
});

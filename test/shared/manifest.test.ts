import assert from "node:assert/strict";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { describe, test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import type { ManifestEntry } from "#shared/entry.ts";
import { compareKeys } from "#shared/key.ts";
import {
  decodeManifest,
  type EncodedManifest,
  encodeManifest,
  MAX_BODY_BYTES,
  MAX_LINES_BYTES,
  ManifestError,
  ManifestScale,
} from "#shared/manifest.ts";
import { encodeMessage } from "#shared/message.ts";
import { cutIntoShards, MAX_SHARD_ENTRIES, tilingFault } from "#shared/shard.ts";
import { MAX_KEY_PREFIX_BYTES } from "#shared/target.ts";
import { stream } from "#test/stream.ts";
import { manifestEntries, RUN } from "./arbitrary.ts";

const EVERYTHING = { after: null, through: null };

describe("a manifest", () => {
  test("comes back as it was, whatever the paths", () => {
    fc.assert(
      fc.property(manifestEntries, (entries) => {
        const manifest = encodeManifest(entries);
        assert.equal(manifest.count, entries.length);
        assert.deepEqual(decodeManifest(manifest, EVERYTHING, "p/"), entries);
        assert.deepEqual(encodeManifest(entries), manifest);
      }),
    );
  });

  test("has a digest that depends on nothing but its entries", () => {
    const line = '["a\\n\\"\u{1f600}",3,"e"]\n';
    const manifest = encodeManifest([{ path: 'a\n"\u{1f600}', sizeBytes: 3, etag: "e" }]);
    assert.equal(manifest.digest, createHash("sha256").update(line).digest("hex"));
  });
});

/** A manifest that fits its own digest, whatever its lines are. */
function manifestOf(lines: string | Buffer, count = 1): EncodedManifest {
  return {
    count,
    digest: createHash("sha256").update(lines).digest("hex"),
    body: zstdCompressSync(lines).toString("base64"),
  };
}

describe("fault 72: a manifest is refused", () => {
  const whole = encodeManifest([{ path: "a", sizeBytes: 1, etag: "e" }]);
  const table: [string, EncodedManifest, RegExp][] = [
    ["that is not base64 of anything", { ...whole, body: "?" }, /cannot be decompressed/],
    ["that is not zstd", { ...whole, body: "aGVsbG8=" }, /cannot be decompressed/],
    ["that is empty", { ...whole, body: "" }, /cannot be decompressed|digest/],
    ["that is cut off", { ...whole, body: whole.body.slice(0, 12) }, /cannot be decompressed/],
    ["of another digest", { ...whole, digest: "0".repeat(64) }, /does not have the digest/],
    ["of fewer entries", { ...whole, count: 2 }, /has fewer entries \(1\) than its message says \(2\)/],
    ["of more entries", { ...whole, count: 0 }, /has more entries than its message says \(0\)/],
    ["that is not UTF-8", manifestOf(Buffer.from('["\xff",1,"e"]\n', "latin1")), /not UTF-8/],
    ["without a last line end", manifestOf('["a",1,"e"]'), /last line has no end/],
    ["with an empty line", manifestOf("\n"), /line 1 .* is not JSON/],
    ["with a line that is not JSON", manifestOf("[\n"), /line 1 .* is not JSON/],
    ["with a line that is no array", manifestOf('{"path":"a"}\n'), /line 1 .* is not an array/],
    ["with __proto__", manifestOf('{"__proto__":["a",1,"e"]}\n'), /line 1 .* is not an array/],
    ["without a path", manifestOf("[]\n"), /has no path/],
    ["with an empty path", manifestOf('["",1,"e"]\n'), /has no path/],
    ["with a path that is a number", manifestOf('[1,1,"e"]\n'), /has no path/],
    ["with a path that is no Unicode", manifestOf('["\\ud800",1,"e"]\n'), /has no path/],
    ["with a negative size", manifestOf('["a",-1,"e"]\n'), /has no size/],
    ["with half a byte", manifestOf('["a",0.5,"e"]\n'), /has no size/],
    ["with a size that no number holds", manifestOf('["a",9007199254740993,"e"]\n'), /has no size/],
    ["with a size in quotes", manifestOf('["a","1","e"]\n'), /has no size/],
    ["without an ETag", manifestOf('["a",1]\n'), /has no ETag/],
    ["with an empty ETag", manifestOf('["a",1,""]\n'), /has no ETag/],
    ["with an ETag longer than any", manifestOf(`["a",1,"${"e".repeat(257)}"]\n`), /ETag longer than any/],
    ["with the second line broken", manifestOf('["a",1,"e"]\n["b",1]\n', 2), /line 2 /],
    ["with a line too long", manifestOf(`["a",1,"${"e".repeat(40_000)}"]\n`), /line 1 .* too long/],
    ["with deep JSON", manifestOf(`${"[".repeat(30_000_000)}\n`), /line 1 .* too long/],
    [
      "with five million entries",
      manifestOf('["a"]\n'.repeat(5_000_000), MAX_SHARD_ENTRIES),
      /has more entries than .*\(20000\)/,
    ],
    ["that holds a gigabyte", { ...whole, body: gigabyteOfZeros() }, /cannot be decompressed/],
  ];
  for (const [what, manifest, reason] of table) {
    test(what, () => {
      const before = process.cpuUsage();
      assert.throws(
        () => decodeManifest(manifest, EVERYTHING, "p/"),
        (error) => error instanceof ManifestError && reason.test(error.message),
      );
      // Time of its own, not of the clock: the machine may be busy with other tests.
      assert.ok(process.cpuUsage(before).user < 4_000_000, "it took too long");
    });
  }

  test("with a path before, at or after the bounds of its shard", () => {
    const range = { after: "b", through: "d" };
    for (const path of ["a", "b", "d0", "\u{1f600}"])
      assert.throws(() => decodeManifest(manifestOf(`["${path}"]\n`), range, ""), /lies outside the shard/);
    for (const path of ["b0", "c", "d"])
      assert.deepEqual(decodeManifest(manifestOf(`["${path}"]\n`), range, "").length, 1);
  });

  test("with a path of the validator's, which only a whole bucket has", () => {
    const manifest = manifestOf('[".cback/status.json",1,"e"]\n');
    assert.throws(() => decodeManifest(manifest, EVERYTHING, ""), /lies in the validator's own prefix/);
    assert.equal(decodeManifest(manifest, EVERYTHING, "p/").length, 1);
  });
});

function gigabyteOfZeros(): string {
  const body = zstdCompressSync(Buffer.alloc(2 ** 30)).toString("base64");
  assert.ok(body.length < MAX_BODY_BYTES);
  return body;
}

describe("the scale of a manifest", () => {
  const hex = (bytes: number) => randomBytes(bytes).toString("hex");
  const characters = (count: number, first: number, range: number) =>
    Array.from({ length: count }, () => String.fromCodePoint(first + randomInt(range))).join("");
  const names: Record<string, (index: number) => string> = {
    "short random digits": () => hex(5),
    "long random digits": () => hex(32),
    "object names of git": () => `objects/${hex(1)}/${hex(19)}`,
    "random base64": () => randomBytes(75).toString("base64url"),
    "the longest random names": () => randomBytes(760).toString("base64url"),
    "sequential numbers": (index) => String(index).padStart(5, "0"),
    "photographs in sequence": (index) => `Pictures/2026/IMG_${index}.jpg`,
    mail: (index) =>
      `cur/${1_700_000_000 + index}.M${randomInt(1e6)}P${randomInt(65_536)}.host,S=${randomInt(1e5)}:2,S`,
    "a deep tree": (index) => `${"directory/".repeat(90)}${index}`,
    "Chinese characters": () => characters(20, 0x4e00, 20_000),
    emoji: () => characters(10, 0x1f300, 700),
    "control characters": () => characters(20, 1, 30),
    "control characters only, as long as can be": (index) =>
      String.fromCodePoint(1 + (index % 9)).repeat(1_000) + index,
  };
  const sizes: Record<string, () => number> = {
    "small files": () => randomInt(100_000),
    "huge files": () => randomInt(2 ** 46),
  };

  // Most of them on a quarter of a shard: what is weighed are blocks, and a quarter has many.
  const kinds = Object.entries(names).flatMap(([what, nameOf]) =>
    Object.entries(sizes).map(([which, sizeOf]) => ({
      kind: `${which} named by ${what}`,
      nameOf,
      sizeOf,
      share: 1 / 4,
    })),
  );
  const whole = kinds.filter(({ kind }) => /small files named by (Chinese|long random digits|photo)/.test(kind));
  for (const { kind, nameOf, sizeOf, share } of [...kinds, ...whole.map((one) => ({ ...one, share: 1 }))])
    test(`holds for ${share} of a shard of ${kind}`, () => {
      const maxEntries = MAX_SHARD_ENTRIES * share;
      const maxBodyBytes = MAX_BODY_BYTES * share;
      const paths = new Set(Array.from({ length: maxEntries + 1 }, (_, index) => nameOf(index)));
      const scale = new ManifestScale(maxEntries, maxBodyBytes);
      const entries = [];
      for (const path of [...paths].sort(compareKeys)) {
        const sizeBytes = sizeOf();
        if (!scale.fits({ path, sizeBytes })) break;
        const parts = sizeBytes > 16e6 ? `-${Math.min(10_000, Math.ceil(sizeBytes / 8e6))}` : "";
        entries.push({ path, sizeBytes, etag: hex(16) + parts });
      }
      assert.ok(entries.length <= maxEntries);
      const manifest = encodeManifest(entries);
      assert.ok(manifest.body.length <= maxBodyBytes, `${manifest.body.length} bytes`);
      if (entries.length < maxEntries) assert.ok(manifest.body.length > 0.7 * maxBodyBytes, "cut much too early");
    });

  test("holds for arbitrary entries and small limits, but for what a single block of zstd costs", async () => {
    await fc.assert(
      fc.asyncProperty(manifestEntries, fc.integer({ min: 1, max: 10 }), async (entries, maxEntries) => {
        const maxBodyBytes = 2_000;
        const shards = await Array.fromAsync(
          cutIntoShards(stream(entries), () => new ManifestScale(maxEntries, maxBodyBytes), ""),
        );
        for (const shard of shards) {
          assert.ok(shard.entries.length <= maxEntries);
          assert.ok(encodeManifest(shard.entries).body.length <= maxBodyBytes + 64);
        }
      }),
    );
  });

  test("fault 73: what one message cannot hold becomes more shards, which tile the target and fit", async () => {
    const count = Math.ceil((2.5 * MAX_BODY_BYTES) / 880);
    const paths = Array.from({ length: count }, () => randomBytes(660).toString("base64url")).sort(compareKeys);
    const entries: ManifestEntry[] = paths.map((path) => ({ path, sizeBytes: randomInt(100_000), etag: hex(16) }));
    const shards = await Array.fromAsync(cutIntoShards(stream(entries), () => new ManifestScale(), "p/"));
    assert.ok(shards.length >= 3, `${shards.length} shards`);
    assert.equal(tilingFault(shards.map(({ range }) => range)), undefined);
    assert.deepEqual(
      shards.flatMap((shard) => shard.entries),
      entries,
    );
    for (const { range, entries } of shards) {
      const manifest = encodeManifest(entries);
      assert.ok(manifest.body.length <= MAX_BODY_BYTES, `${manifest.body.length} bytes`);
      assert.deepEqual(decodeManifest(manifest, range, "p/"), entries);
    }
  });

  test("cuts a tree in the same places every time", () => {
    const lengths = [0, 0].map(() => {
      const scale = new ManifestScale(MAX_SHARD_ENTRIES, 20_000);
      let length = 0;
      while (scale.fits({ path: `file ${length}`, sizeBytes: 7 })) length += 1;
      return length;
    });
    assert.equal(lengths[0], lengths[1]);
  });

  test("stops before its lines are more than a reader decompresses", () => {
    const scale = new ManifestScale(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    const path = "\u0001".repeat(1_000);
    let entries = 0;
    while (scale.fits({ path: path + entries, sizeBytes: 7 })) entries += 1;
    assert.ok(entries * 6_000 <= MAX_LINES_BYTES);
    assert.ok(entries * 6_100 > 0.95 * MAX_LINES_BYTES);
  });

  test("leaves room for the rest of the message at its longest", () => {
    const worst = "\u0001".repeat(1_024);
    const text = encodeMessage({
      run: RUN,
      bucket: "b".repeat(63),
      prefix: `${"\u0001".repeat(MAX_KEY_PREFIX_BYTES - 1)}/`,
      shard: { index: 99_999, after: worst, through: worst, last: false },
      extras: "mismatch",
      repairs: RUN,
      source: { host: "h".repeat(255), directory: "d".repeat(16_384) },
      agentVersion: "1".repeat(64),
      manifest: { count: MAX_SHARD_ENTRIES, digest: "a".repeat(64), body: "b".repeat(MAX_BODY_BYTES) },
    });
    assert.ok(Buffer.byteLength(text) < 1_000_000, `${Buffer.byteLength(text)} bytes`);
  });
});

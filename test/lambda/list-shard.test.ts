import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Findings } from "#lambda/findings.ts";
import { listShard, pathBefore } from "#lambda/list-shard.ts";
import { validateShard } from "#lambda/validate.ts";
import type { ManifestEntry } from "#shared/entry.ts";
import type { Finding } from "#shared/report.ts";
import { byBytes, character, manifestEntries, text } from "#test/shared/arbitrary.ts";
import { startValidator } from "./delivering.ts";

const PATH_BYTES = 64;
const ALL = { after: null, through: null };

describe("the path before a path", () => {
  it("lies before it, and no other path lies between the two", () => {
    const path = text.filter((one) => one !== "");
    fc.assert(
      fc.property(path, fc.oneof(path, fc.string({ unit: character, maxLength: 12 })), (one, other) => {
        const before = pathBefore(one, PATH_BYTES);
        assert.ok(before.isWellFormed());
        assert.ok(Buffer.byteLength(before) <= PATH_BYTES);
        assert.ok(byBytes(before, one) < 0);
        for (const near of [other, one + other, one.slice(0, -1) + other, before.slice(0, -1)]) {
          if (!near.isWellFormed() || Buffer.byteLength(near) > PATH_BYTES) continue;
          assert.ok(byBytes(near, before) <= 0 || byBytes(near, one) >= 0, JSON.stringify([before, near, one]));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("is the path itself without its last character when that is the lowest", () => {
    assert.equal(pathBefore("a\u0000", PATH_BYTES), "a");
  });
});

describe("the listing of a shard", () => {
  it("finds all that the manifest names, however many unexpected objects are jumped over", async (test) => {
    const { store, services } = await startValidator(test);
    store.pageSize = 3;
    await fc.assert(
      fc.asyncProperty(
        manifestEntries,
        fc.uniqueArray(text, { maxLength: 40 }),
        fc.subarray([0, 1, 2, 3, 4, 5, 6, 7]),
        fc.integer({ min: 1, max: 5 }),
        async (entries, extras, present, rangeEntries) => {
          store.objects.clear();
          for (const path of extras) if (path !== "") store.put(path, "x");
          for (const index of present) {
            const entry = entries[index];
            if (entry !== undefined) store.put(entry.path, "there");
          }
          const fetchPage = services.bucket.fetchPage.bind(services.bucket);
          const validated = async (findings: Findings, sizes: Parameters<typeof listShard>[1]) => {
            const objects = listShard({ fetchPage, keyPrefix: "", range: ALL, entries, findings }, sizes);
            return validateShard(entries, objects, findings);
          };
          const seen = new Findings();
          const whole = await validated(seen, { rangeEntries: Number.POSITIVE_INFINITY });
          const divided = new Findings();
          assert.deepEqual(await validated(divided, { rangeEntries }), whole);
          assert.deepEqual(divided.first, seen.first);

          const named = ({ first }: Findings) => first.filter(({ kind }: Finding) => kind !== "unexpected");
          const few = new Findings(2);
          const jumped = await validated(few, { jumpAfterObjects: 2, rangeEntries });
          const uncounted = { unexpected: 0, unexpectedAtLeast: false };
          assert.deepEqual({ ...jumped, ...uncounted }, { ...whole, ...uncounted });
          assert.deepEqual(named(few), named(seen));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("fault 27: does not page through what lies below a directory that the agent could not read", async (test) => {
    const { store, services } = await startValidator(test);
    store.pageSize = 10;
    for (let index = 0; index < 500; index++) store.put(`photos/${String(index).padStart(4, "0")}`, "x");
    for (const path of ["photos", "photos0", "zebra"]) store.put(path, "x");
    const mp3 = store.put("zeta.mp3", "y");
    const entries: ManifestEntry[] = [
      { path: "photos/", unknown: true },
      { path: "zeta.mp3", sizeBytes: 1, etag: mp3.etag },
    ];
    const findings = new Findings();
    let pages = 0;
    const fetchPage: typeof services.bucket.fetchPage = (request) => {
      pages += 1;
      return services.bucket.fetchPage(request);
    };
    // The directory is the border between two ranges.
    const sizes = { jumpAfterObjects: 10, rangeEntries: 1 };
    const objects = listShard({ fetchPage, keyPrefix: "", range: ALL, entries, findings }, sizes);
    const totals = await validateShard(entries, objects, findings);
    assert.deepEqual(
      findings.first.map(({ kind, path }) => `${kind} ${path}`),
      ["unexpected photos", "unexpected photos0", "unexpected zebra"],
    );
    assert.deepEqual([totals.unknown, totals.matched, totals.unexpected], [1, 1, 3]);
    assert.ok(pages <= 5, `${pages} pages`);
  });

  it("does not page through what it no longer counts", async (test) => {
    const { store, services } = await startValidator(test);
    store.pageSize = 10;
    for (let index = 0; index < 2_000; index++) store.put(`m/${String(index).padStart(5, "0")}`, "x");
    const entries: ManifestEntry[] = ["a", "m/00500", "m/01900", "z"].map((path) => {
      const { etag } = store.put(path, "y");
      return { path, sizeBytes: 1, etag };
    });
    const findings = new Findings(20);
    const fetchPage = services.bucket.fetchPage.bind(services.bucket);
    const objects = listShard({ fetchPage, keyPrefix: "", range: ALL, entries, findings }, { jumpAfterObjects: 10 });
    const totals = await validateShard(entries, objects, findings);
    assert.deepEqual([totals.matched, totals.unexpected, totals.unexpectedAtLeast], [4, 20, true]);
    assert.ok(store.asked.length < 15, `${store.asked.length} pages for 4 entries`);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Findings } from "#lambda/findings.ts";
import { validateShard } from "#lambda/validate.ts";
import type { ManifestEntry, ObjectEntry } from "#shared/entry.ts";
import { ListingError } from "#shared/listing.ts";
import { ManifestError } from "#shared/manifest.ts";
import { OrderError } from "#shared/march.ts";
import { type Finding, MAX_INLINE_FINDINGS, NO_TOTALS, type Totals } from "#shared/report.ts";
import { byBytes, manifestEntries, text } from "#test/shared/arbitrary.ts";

const MODIFIED = "2026-11-20T10:00:00.000Z";
const MODIFIED_MS = Date.parse(MODIFIED);

const known = (path: string, sizeBytes = 1, etag = "e"): ManifestEntry => ({ path, sizeBytes, etag });
const unknown = (path: string): ManifestEntry => ({ path, unknown: true });
const object = (path: string, sizeBytes = 1, etag = "e"): ObjectEntry => ({
  path,
  sizeBytes,
  etag,
  modifiedMs: MODIFIED_MS,
});

async function validate(
  entries: readonly ManifestEntry[],
  objects: readonly ObjectEntry[],
  findings = new Findings(),
): Promise<{ totals: Totals; findings: readonly Finding[] }> {
  const totals = await validateShard(entries, objects, findings);
  return { totals, findings: findings.first };
}

const TABLE: {
  readonly title: string;
  readonly manifest: readonly ManifestEntry[];
  readonly listing: readonly ObjectEntry[];
  readonly totals: Partial<Totals>;
  readonly findings: readonly string[];
}[] = [
  {
    title: "nothing against nothing is a match of nothing",
    manifest: [],
    listing: [],
    totals: {},
    findings: [],
  },
  {
    title: "an object of the same size and ETag matches",
    manifest: [known("a", 7)],
    listing: [object("a", 7)],
    totals: { entries: 1, matched: 1, matchedBytes: 7 },
    findings: [],
  },
  {
    title: "an object of another size differs by size, whatever its ETag",
    manifest: [known("a", 7, "x")],
    listing: [object("a", 8, "y")],
    totals: { entries: 1, sizeDiffers: 1 },
    findings: ["size-differs a"],
  },
  {
    title: "an object of the same size and another ETag differs by ETag",
    manifest: [known("a", 7, "x")],
    listing: [object("a", 7, "y")],
    totals: { entries: 1, etagDiffers: 1 },
    findings: ["etag-differs a"],
  },
  {
    title: "an entry without object is missing",
    manifest: [known("a")],
    listing: [],
    totals: { entries: 1, missing: 1 },
    findings: ["missing a"],
  },
  {
    title: "an object without entry is unexpected",
    manifest: [],
    listing: [object("a")],
    totals: { unexpected: 1 },
    findings: ["unexpected a"],
  },
  {
    title: "an unknown file is no finding, with or without its object",
    manifest: [unknown("a"), unknown("b")],
    listing: [object("a")],
    totals: { entries: 2, unknown: 2 },
    findings: [],
  },
  {
    title: "objects below an unknown directory are no finding, its neighbours are",
    manifest: [unknown("d/")],
    listing: [object("d"), object("d-"), object("d/"), object("d/a"), object("d/z/z"), object("d0")],
    totals: { entries: 1, unknown: 1, unexpected: 3 },
    findings: ["unexpected d", "unexpected d-", "unexpected d0"],
  },
  {
    title: "an unknown file stands only for itself",
    manifest: [unknown("d")],
    listing: [object("d"), object("d/a")],
    totals: { entries: 1, unknown: 1, unexpected: 1 },
    findings: ["unexpected d/a"],
  },
  {
    title: "an entry below an unknown directory is still compared",
    manifest: [unknown("d/"), known("d/a"), known("d/b")],
    listing: [object("d/a", 2)],
    totals: { entries: 3, unknown: 1, sizeDiffers: 1, missing: 1 },
    findings: ["size-differs d/a", "missing d/b"],
  },
  {
    title: "folder markers of consoles are no finding, an object with content and such a name is",
    manifest: [],
    listing: [object("", 0), object("d/", 0), object("e/", 1)],
    totals: { unexpected: 1 },
    findings: ["unexpected e/"],
  },
  {
    title: "findings come in S3's order",
    manifest: [known("\ufffd"), known("\u{1f600}")],
    listing: [object("a")],
    totals: { entries: 2, missing: 2, unexpected: 1 },
    findings: ["unexpected a", "missing \ufffd", "missing \u{1f600}"],
  },
];

describe("the validation of a shard", () => {
  for (const { title, manifest, listing, totals, findings } of TABLE) {
    it(title, async () => {
      const result = await validate(manifest, listing);
      assert.deepEqual(result.totals, { ...NO_TOTALS, ...totals });
      assert.deepEqual(
        result.findings.map(({ kind, path }) => `${kind} ${path}`),
        findings,
      );
    });
  }

  it("a finding tells what was expected, and what is there since when", async () => {
    const { findings } = await validate(
      [known("a", 1, "x"), known("b", 2, "y")],
      [object("a", 1, "z"), object("c", 3)],
    );
    assert.deepEqual(findings, [
      {
        kind: "etag-differs",
        path: "a",
        expected: { sizeBytes: 1, etag: "x" },
        actual: { sizeBytes: 1, etag: "z", modified: MODIFIED },
      },
      { kind: "missing", path: "b", expected: { sizeBytes: 2, etag: "y" } },
      { kind: "unexpected", path: "c", actual: { sizeBytes: 3, etag: "e", modified: MODIFIED } },
    ]);
  });

  it("finds what a comparison of two maps finds", async () => {
    const objects = fc
      .uniqueArray(fc.record({ path: text, sizeBytes: fc.nat(2), etag: fc.constantFrom<string[]>("e", "f") }), {
        selector: ({ path }) => path,
        maxLength: 30,
      })
      .map((all) => all.map((one) => ({ ...one, modifiedMs: MODIFIED_MS })));
    await fc.assert(
      fc.asyncProperty(
        manifestEntries,
        objects,
        fc.array(fc.nat(), { maxLength: 20 }),
        async (entries, some, picks) => {
          // Some of the objects are as the manifest says, or nearly.
          const byPath = new Map(some.map((one) => [one.path, one]));
          for (const pick of picks) {
            const entry = entries[pick % Math.max(1, entries.length)];
            if (entry === undefined || "unknown" in entry) continue;
            byPath.set(entry.path, { ...entry, etag: pick % 3 === 0 ? "other" : entry.etag, modifiedMs: MODIFIED_MS });
          }
          const listing = [...byPath.values()].sort((left, right) => byBytes(left.path, right.path));
          const { totals, findings } = await validate(entries, listing);
          assert.deepEqual(
            findings.map(({ kind, path }) => `${kind} ${path}`),
            naiveFindings(entries, listing),
          );
          assert.equal(
            totals.entries,
            totals.unknown + totals.matched + totals.missing + totals.sizeDiffers + totals.etagDiffers,
          );
          assert.equal(totals.entries, entries.length);
          assert.equal(totals.unexpectedAtLeast, false);
        },
      ),
    );
  });

  it("a manifest that is out of order or names a path twice is refused", async () => {
    const refusal = (error: unknown) =>
      error instanceof ManifestError &&
      error.message === "the manifest is not in key order" &&
      error.cause instanceof OrderError;
    await assert.rejects(validate([known("b"), known("a")], []), refusal);
    await assert.rejects(validate([known("a"), known("a")], []), refusal);
  });

  it("an error of the listing stays what it is: nobody is told that the manifest is wrong", async () => {
    const cut = new ListingError("it goes on but gives no token");
    async function* torn(): AsyncGenerator<ObjectEntry[]> {
      yield [object("a")];
      throw cut;
    }
    await assert.rejects(validateShard([known("a"), known("b")], torn(), new Findings()), (error) => error === cut);
  });

  it("unexpected objects are counted up to a limit, and nothing that is missing after it is lost", async () => {
    const listing = ["b", "c", "d", "e", "f"].map((path) => object(path));
    const result = await validate([known("a"), known("z")], listing, new Findings(3));
    assert.deepEqual(result.totals, { ...NO_TOTALS, entries: 2, missing: 2, unexpected: 2, unexpectedAtLeast: true });
    assert.deepEqual(
      result.findings.map(({ kind, path }) => `${kind} ${path}`),
      ["missing a", "unexpected b", "unexpected c", "missing z"],
    );
  });

  it("as many unexpected objects as the limit are counted exactly", async () => {
    const result = await validate([], [object("a"), object("b")], new Findings(2));
    assert.deepEqual(result.totals, { ...NO_TOTALS, unexpected: 2 });
  });

  it("a listing that never ends is left once the limit is reached and no entry remains", async () => {
    let listed = 0;
    async function* endless(): AsyncGenerator<ObjectEntry[]> {
      for (; ; listed++) {
        assert.ok(listed < 110, "the listing is read on");
        yield [object(`x${String(listed).padStart(9, "0")}`)];
      }
    }
    const totals = await validateShard([known("a")], endless(), new Findings(100));
    assert.deepEqual(totals, { ...NO_TOTALS, entries: 1, missing: 1, unexpected: 99, unexpectedAtLeast: true });
  });
});

describe("the findings of a shard", () => {
  const finding = (position: number): Finding => ({ kind: "missing", path: `p${position}` });

  it("need no lines of their own while the part holds them all", () => {
    const findings = new Findings();
    for (let position = 0; position < MAX_INLINE_FINDINGS; position++) findings.add(finding(position));
    assert.equal(findings.first.length, MAX_INLINE_FINDINGS);
    assert.equal(findings.lines(), undefined);
  });

  it("are all in the lines as soon as there is one more", () => {
    const findings = new Findings();
    for (let position = 0; position <= MAX_INLINE_FINDINGS; position++) findings.add(finding(position));
    assert.equal(findings.first.length, MAX_INLINE_FINDINGS);
    const lines = findings.lines()?.toString("utf8").trimEnd().split("\n") ?? [];
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      Array.from({ length: MAX_INLINE_FINDINGS + 1 }, (_, position) => finding(position)),
    );
  });

  it("are full by their size too, so that long keys fit into memory", () => {
    const findings = new Findings(1_000_000, 10_000);
    findings.add({ kind: "unexpected", path: "\u0001".repeat(1_024) });
    assert.equal(findings.full, false);
    findings.add({ kind: "unexpected", path: "\u0002".repeat(1_024) });
    assert.equal(findings.full, true);
  });
});

/** The same question, asked in the plainest way. */
function naiveFindings(entries: readonly ManifestEntry[], objects: readonly ObjectEntry[]): string[] {
  const listed = new Map(objects.map((one) => [one.path, one]));
  const named = new Set(entries.map(({ path }) => path));
  const directories = entries.filter((entry) => "unknown" in entry && entry.path.endsWith("/")).map(({ path }) => path);
  const found = new Map<string, string>();
  for (const entry of entries) {
    if ("unknown" in entry) continue;
    const there = listed.get(entry.path);
    if (there === undefined) found.set(entry.path, "missing");
    else if (there.sizeBytes !== entry.sizeBytes) found.set(entry.path, "size-differs");
    else if (there.etag !== entry.etag) found.set(entry.path, "etag-differs");
  }
  for (const { path, sizeBytes } of objects) {
    if (named.has(path) || directories.some((directory) => path.startsWith(directory))) continue;
    if (sizeBytes === 0 && (path === "" || path.endsWith("/"))) continue;
    found.set(path, "unexpected");
  }
  return [...found].sort(([left], [right]) => byBytes(left, right)).map(([path, kind]) => `${kind} ${path}`);
}

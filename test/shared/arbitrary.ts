/** Arbitrary values of the contract's nouns for property tests. Knows shapes and order, not the code that it tests. */
import fc from "fast-check";
import type { KnownEntry, ManifestEntry } from "#shared/entry.ts";
import { NO_TOTALS, type Part } from "#shared/report.ts";

/** S3's order, by the definition: the bytes. */
export function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left, "utf8"), Buffer.from(right, "utf8"));
}

/** Characters whose order, escaping or length is often got wrong. */
const awkward = fc.constantFrom(
  ..."\u0000\u0001\n\r\u001b\"\\'/ -.+%&<",
  ..."\u007f\u0080\u07ff\u0800\ud7ff\ue000\ufeff\ufffd\uffff\u{10000}\u{1f600}\u{10ffff}",
  "e\u0301",
  "\u00e9",
  "\u2028",
  "\u202e",
);

const SURROGATES = { first: 0xd800, count: 0x800 };

/** Any character that UTF-8 has. As fast-check's "binary", which takes half a second to begin with, and each test file anew. */
export const character = fc.nat(0x10ffff - SURROGATES.count).map(
  (rank) => String.fromCodePoint(rank < SURROGATES.first ? rank : rank + SURROGATES.count),
  (value) => {
    const [only, ...more] = typeof value === "string" ? value : "";
    if (only === undefined || more.length > 0 || !only.isWellFormed()) throw new RangeError("this is no character");
    const point = only.codePointAt(0) ?? 0;
    return point < SURROGATES.first ? point : point - SURROGATES.count;
  },
);

/** Well-formed text, with more than its share of the awkward. */
export const text = fc.oneof(
  fc.string({ unit: character, maxLength: 12 }),
  fc.string({ unit: awkward, maxLength: 6 }),
  fc.string({ unit: fc.constantFrom("a", "b", "/", "-", "."), maxLength: 6 }),
);

/** A path that is no directory. */
export const filePath = text.map((path) => (path === "" || path.endsWith("/") ? `${path}x` : path));

export const etag = fc
  .tuple(fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 32, maxLength: 32 }), fc.nat(10_000))
  .map(([digest, parts]) => (parts % 2 === 0 ? digest : `${digest}-${parts}`));

const knownEntry = fc.record({ path: filePath, sizeBytes: fc.maxSafeNat(), etag }, { noNullPrototype: true });
const unknownPath = fc.oneof(
  filePath,
  filePath.map((path) => `${path}/`),
);
const unknownEntry = fc.record({ path: unknownPath, unknown: fc.constant(true as const) }, { noNullPrototype: true });

export const knownEntries: fc.Arbitrary<KnownEntry[]> = fc.array(knownEntry, { maxLength: 30 }).map(ascendingOnce);

/** Ascending, and as an agent makes them: nothing below a directory that could not be read. */
export const manifestEntries: fc.Arbitrary<ManifestEntry[]> = fc
  .array(fc.oneof({ arbitrary: knownEntry, weight: 4 }, { arbitrary: unknownEntry, weight: 1 }), { maxLength: 30 })
  .map(ascendingOnce)
  .map((entries) => {
    const directories = entries.filter((entry) => "unknown" in entry && entry.path.endsWith("/"));
    return entries.filter((entry) => !directories.some((one) => one !== entry && entry.path.startsWith(one.path)));
  });

function ascendingOnce<E extends { path: string }>(entries: readonly E[]): E[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  return [...byPath.values()].sort((left, right) => byBytes(left.path, right.path));
}

/** What may stand below a bucket, ending in "/", or nothing. */
export const keyPrefix = fc.constantFrom("", "p/", "a.json/", "a/b/", "é/\u{1f600}/", "run/part-00000/", "p2/");

export const runs = fc.record({ second: fc.nat(59), random: fc.nat(0xffff) }).map(({ second, random }) => {
  const seconds = String(second).padStart(2, "0");
  return `20261122T1200${seconds}Z-${random.toString(16).padStart(32, "0")}`;
});

/** A run id that always is the same. */
export const RUN = "20261122T120000Z-0123456789abcdef0123456789abcdef";

/** A part of a run that has only this shard, without a finding. */
export function somePart(changes: Partial<Part> = {}): Part {
  return {
    version: "1.0",
    run: RUN,
    bucket: "example-backup",
    prefix: "laptop/",
    shard: { index: 0, after: null, through: null, last: true },
    error: null,
    extras: "mismatch",
    repairs: null,
    source: { host: "laptop", directory: "/home/me" },
    agentVersion: "0.1.0",
    validatorVersion: "0.1.0",
    senderId: "AIDAEXAMPLE",
    manifestDigest: "a".repeat(64),
    totals: { ...NO_TOTALS },
    findings: [],
    findingsObject: null,
    listedFrom: "2026-11-22T12:00:01.000Z",
    listedThrough: "2026-11-22T12:00:02.000Z",
    ...changes,
  };
}

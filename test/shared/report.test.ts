/** Parts and reports: what is made of what, what comes back as it was, and where it lies in the bucket. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { keyBytes, MAX_KEY_BYTES } from "#shared/key.ts";
import {
  allPartsThere,
  assembleReport,
  decodePart,
  decodeReport,
  type Finding,
  findingsKey,
  MAX_INLINE_FINDINGS,
  NO_TOTALS,
  type Part,
  partKey,
  partsPrefix,
  reportKey,
  runDigest,
  type Totals,
  type Verdict,
} from "#shared/report.ts";
import { decodeStatus, nextStatus, statusKey } from "#shared/status.ts";
import { keyPrefixFault, MAX_KEY_PREFIX_BYTES } from "#shared/target.ts";
import { encodeVersioned, ReportError } from "#shared/versioned.ts";
import { filePath, keyPrefix, RUN, runs, somePart, text } from "./arbitrary.ts";

const finding: fc.Arbitrary<Finding> = fc.oneof(
  filePath.map((path): Finding => ({ kind: "missing", path, expected: { sizeBytes: 1, etag: "e" } })),
  filePath.map(
    (path): Finding => ({
      kind: "unexpected",
      path,
      actual: { sizeBytes: 1, etag: "e", modified: "2026-11-22T12:00:00.000Z" },
    }),
  ),
);

const totals: fc.Arbitrary<Totals> = fc
  .tuple(fc.nat(9), fc.nat(9), fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2), fc.boolean())
  .map(([unknown, matched, missing, sizeDiffers, etagDiffers, unexpected, unexpectedAtLeast]) => ({
    entries: unknown + matched + missing + sizeDiffers + etagDiffers,
    unknown,
    matched,
    matchedBytes: matched * 10,
    missing,
    sizeDiffers,
    etagDiffers,
    unexpected,
    unexpectedAtLeast: unexpectedAtLeast && unexpected > 0,
  }));

/** The parts of one run, in the order of their shards. */
const parts: fc.Arbitrary<Part[]> = fc
  .array(
    fc.record({
      totals,
      findings: fc.array(finding, { maxLength: 3 }),
      senderId: fc.constantFrom("AIDAONE", "AIDATWO"),
      second: fc.nat(9),
      digest: fc.constantFrom("a".repeat(64), "b".repeat(64)),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((seeds) =>
    seeds.map(({ second, digest, ...seed }, index) =>
      somePart({
        ...seed,
        manifestDigest: digest,
        listedFrom: `2026-11-22T12:00:0${second}.000Z`,
        listedThrough: `2026-11-22T12:00:1${second}.000Z`,
        shard: {
          index,
          after: index === 0 ? null : `k${index}`,
          through: index === seeds.length - 1 ? null : `k${index + 1}`,
          last: index === seeds.length - 1,
        },
      }),
    ),
  );

describe("parts, reports and statuses", () => {
  test("come back as they were", () => {
    fc.assert(
      fc.property(parts, (parts) => {
        for (const part of parts) assert.deepEqual(decodePart(encodeVersioned(part)), part);
        const report = assembleReport(parts);
        assert.deepEqual(decodeReport(encodeVersioned(report)), report);
        const status = nextStatus(undefined, report);
        assert.ok(status);
        assert.deepEqual(decodeStatus(encodeVersioned(status)), status);
      }),
    );
  });

  const report = assembleReport([somePart()]);
  const refused: [string, string, RegExp, boolean][] = [
    ["that is not JSON", "{", /the report is not JSON/, false],
    ["that is empty", "", /the report is not JSON/, false],
    ["that is null", "null", /names no contract version/, false],
    [
      "without a version",
      encodeVersioned(report).replace('"version"', '"edition"'),
      /names no contract version/,
      false,
    ],
    ["with an object for a version", '{"version":{"toString":1}}', /names no contract version/, false],
    [
      "of a newer major",
      encodeVersioned({ ...report, version: "2.0" }),
      /contract 2\.0.*reads only 1\.0: upgrade this/,
      true,
    ],
    [
      "of an older major",
      encodeVersioned({ ...report, version: "0.9" }),
      /contract 0\.9.*upgrade the side that wrote/,
      true,
    ],
    ["that is a part", encodeVersioned(somePart()), /does not follow the contract/, false],
    [
      "with another verdict",
      encodeVersioned(report).replace('"match"', '"perfect"'),
      /does not follow the contract/,
      false,
    ],
    ["with a negative total", encodeVersioned({ ...report, totals: { ...NO_TOTALS, missing: -1 } }), /follow/, false],
  ];
  for (const [what, text, reason, skew] of refused)
    test(`fault ${skew ? 66 : 67}: a report is refused ${what}`, () => {
      assert.throws(
        () => decodeReport(text),
        (error) => error instanceof ReportError && reason.test(error.message) && error.skew === skew,
      );
    });

  test("are refused with a ReportError, whatever the JSON", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        for (const decode of [decodeReport, decodePart, decodeStatus]) assert.throws(() => decode(text), ReportError);
      }),
    );
  });
});

describe("the report of a run", () => {
  test("fault 62: is the same bytes, whatever the order in which its parts were written", () => {
    const shuffled = parts.chain((parts) =>
      fc.tuple(fc.constant(parts), fc.shuffledSubarray(parts, { minLength: parts.length })),
    );
    fc.assert(
      fc.property(shuffled, ([parts, written]) => {
        const read = written.map((part) => decodePart(encodeVersioned(part)));
        read.sort((left, right) => left.shard.index - right.shard.index);
        assert.equal(encodeVersioned(assembleReport(read)), encodeVersioned(assembleReport(parts)));
      }),
    );
  });

  test("adds up what its parts found", () => {
    fc.assert(
      fc.property(parts, (parts) => {
        const { totals, findings, shards, senderIds, listedFrom, listedThrough, digest } = assembleReport(parts);
        for (const name of Object.keys(NO_TOTALS) as (keyof Totals)[]) {
          if (name === "unexpectedAtLeast") continue;
          assert.equal(
            totals[name],
            parts.reduce((sum, part) => sum + part.totals[name], 0),
          );
        }
        assert.equal(
          totals.unexpectedAtLeast,
          parts.some((part) => part.totals.unexpectedAtLeast),
        );
        assert.deepEqual(
          findings,
          parts.flatMap((part) => part.findings),
        );
        assert.equal(shards, parts.length);
        assert.deepEqual(senderIds, [...new Set(parts.map((part) => part.senderId))].sort());
        for (const part of parts) assert.ok(listedFrom <= part.listedFrom && listedThrough >= part.listedThrough);
        assert.equal(digest, runDigest(parts.map((part) => part.manifestDigest)));
      }),
    );
  });

  test("leaves its parts as they were", () => {
    fc.assert(
      fc.property(parts, (parts) => {
        const before = structuredClone(parts);
        assembleReport(parts);
        assert.deepEqual(parts, before);
        assert.ok(Object.values(NO_TOTALS).every((value) => !value));
      }),
    );
  });

  test("holds no more findings itself than the limit", () => {
    const findings: Finding[] = Array.from({ length: 600 }, (_, index) => ({ kind: "missing", path: `${index}` }));
    const bounds = [
      { index: 0, after: null, through: "5", last: false },
      { index: 1, after: "5", through: null, last: true },
    ];
    const keys = bounds.map((shard) => findingsKey("laptop/", RUN, shard));
    const report = assembleReport(
      bounds.map((shard, index) => somePart({ shard, findings, findingsObject: keys[index] ?? null })),
    );
    assert.equal(report.findings.length, MAX_INLINE_FINDINGS);
    assert.deepEqual(report.findingsObjects, keys);
  });

  const half = { index: 0, after: null, through: "m", last: false };
  const rest = { index: 1, after: "m", through: null, last: true };
  const found = (name: "missing" | "sizeDiffers" | "etagDiffers" | "unexpected" | "unknown" | "matched"): Totals => ({
    ...NO_TOTALS,
    [name]: 1,
  });
  const unreadable = { error: "the message does not follow the contract", manifestDigest: null } as const;
  const verdicts: [string, Partial<Part>[], Verdict][] = [
    ["nothing at all", [{}], "match"],
    ["a match", [{ totals: found("matched") }], "match"],
    ["an entry that could not be read", [{ totals: found("unknown") }], "match"],
    ["a missing object", [{ totals: found("missing") }], "mismatch"],
    ["another size", [{ totals: found("sizeDiffers") }], "mismatch"],
    ["another ETag", [{ totals: found("etagDiffers") }], "mismatch"],
    ["fault 70: an extra in a full sync", [{ totals: found("unexpected") }], "mismatch"],
    ["fault 70: an extra that is only listed", [{ totals: found("unexpected"), extras: "listed" }], "match"],
    ["a missing object, extras listed", [{ totals: found("missing"), extras: "listed" }], "mismatch"],
    ["a mismatch in the last shard only", [{ shard: half }, { shard: rest, totals: found("missing") }], "mismatch"],
    ["a shard that could not be checked", [{ error: "S3 does not answer" }], "error"],
    [
      "a mismatch and a shard not checked",
      [
        { shard: half, totals: found("missing") },
        { shard: rest, ...unreadable },
      ],
      "error",
    ],
    ["a message that could not be read", [{ shard: half, ...unreadable, extras: "listed" }, { shard: rest }], "error"],
    ["a gap between its shards", [{ shard: half }, { shard: { ...rest, after: "n" } }], "error"],
    ["no last shard", [{ shard: half }], "error"],
    ["messages that contradict each other on extras", [{ shard: half }, { shard: rest, extras: "listed" }], "error"],
    [
      "fault 49: messages that contradict each other on check",
      [{ shard: half }, { shard: rest, check: true }],
      "error",
    ],
    ["messages of a check, one of which says so by false", [{ shard: half, check: false }, { shard: rest }], "match"],
    ["messages that contradict each other on repairs", [{ shard: half }, { shard: rest, repairs: RUN }], "error"],
  ];
  for (const [what, changes, verdict] of verdicts)
    test(`says ${verdict} of ${what}`, () => {
      const report = assembleReport(changes.map((change) => somePart(change)));
      assert.equal(report.verdict, verdict);
      assert.equal(report.errors.length > 0, verdict === "error");
      decodeReport(encodeVersioned(report));
    });

  test("takes what it says of the run from a message that was readable", () => {
    const told = { source: { host: "laptop", directory: "/srv" }, agentVersion: "0.2.0", extras: "listed" } as const;
    const report = assembleReport([
      somePart({ shard: half, ...unreadable, source: { host: "", directory: "" }, agentVersion: "" }),
      somePart({ shard: rest, ...told }),
    ]);
    assert.deepEqual({ source: report.source, agentVersion: report.agentVersion, extras: report.extras }, told);
    assert.deepEqual(report.errors, [{ shard: 0, reason: unreadable.error }]);
  });

  test("is not made of nothing", () => assert.throws(() => assembleReport([]), RangeError));
});

test("the digest of a run depends on each manifest and on their order", () => {
  const [a, b] = ["a".repeat(64), "b".repeat(64)];
  const digests = [[a, b], [b, a], [a], [b], [a, null], [null], [], [a, a]].map(runDigest);
  assert.equal(new Set(digests).size, digests.length);
});

describe("the parts of a run", () => {
  test("are all there when every one is, and only then", () => {
    const some = fc
      .integer({ min: 1, max: 12 })
      .chain((shards) =>
        fc.record({ shards: fc.constant(shards), there: fc.shuffledSubarray([...Array(shards).keys()]) }),
      );
    fc.assert(
      fc.property(some, keyPrefix, ({ shards, there }, prefix) => {
        const keys = there.map((index) => partKey(prefix, RUN, { index, last: index === shards - 1 }));
        const others = there.map((index) => findingsKey(prefix, RUN, { index }));
        assert.equal(allPartsThere([...others, ...keys]), there.length === shards);
      }),
    );
  });

  test("sort in the order of their shards", () => {
    const keys = [0, 9, 10, 99_998].map((index) => partKey("", RUN, { index, last: false }));
    assert.deepEqual(keys.toSorted(), keys);
  });
});

describe("the validator's keys", () => {
  const shard = fc.record({ index: fc.nat(3), last: fc.boolean() });
  const keysOf = (prefix: string, run: string, shard: { index: number; last: boolean }) => [
    statusKey(prefix),
    reportKey(prefix, run),
    partKey(prefix, run, shard),
    findingsKey(prefix, run, shard),
  ];
  const anyPrefix = fc
    .oneof(
      keyPrefix,
      fc
        .array(fc.constantFrom("a", "a.json", "status", "reports", "part-00000.json", "b"), { maxLength: 3 })
        .map(joined),
      text.map((name) => joined([name])),
    )
    .filter((prefix) => keyPrefixFault(prefix) === undefined);

  function joined(segments: string[]): string {
    return segments.map((segment) => `${segment}/`).join("");
  }

  test("are never those of another target or run", () => {
    fc.assert(
      fc.property(anyPrefix, anyPrefix, runs, runs, shard, shard, (one, two, runOne, runTwo, shardOne, shardTwo) => {
        const keys = keysOf(one, runOne, shardOne);
        assert.equal(new Set(keys).size, keys.length);
        if (one !== two) for (const key of keysOf(two, runTwo, shardTwo)) assert.ok(!keys.includes(key), key);
        if (one !== two || runOne !== runTwo) {
          assert.notEqual(reportKey(one, runOne), reportKey(two, runTwo));
          for (const key of keysOf(two, runTwo, shardTwo)) assert.ok(!key.startsWith(partsPrefix(one, runOne)), key);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("lie below .cback/ and fit into a key, for the longest prefix", () => {
    const longest = `${"p".repeat(MAX_KEY_PREFIX_BYTES - 1)}/`;
    assert.equal(keyPrefixFault(longest), undefined);
    for (const key of keysOf(longest, RUN, { index: 99_999, last: true })) {
      assert.ok(key.startsWith(".cback/"));
      assert.ok(keyBytes(key) <= MAX_KEY_BYTES);
    }
  });

  test("are as documented", () => {
    assert.deepEqual(keysOf("laptop/", RUN, { index: 2, last: true }), [
      ".cback/status/laptop.json",
      `.cback/reports/laptop/${RUN}.json`,
      `.cback/runs/laptop/${RUN}/part-00002-last.json`,
      `.cback/runs/laptop/${RUN}/findings-00002.ndjson`,
    ]);
    assert.equal(statusKey(""), ".cback/status.json");
  });
});

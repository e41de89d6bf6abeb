/** The last lines of a run, as a user reads them. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { bytesText } from "#agent/amounts.ts";
import { type Summary, type SummaryLines, summaryLines, uncheckedLines } from "#agent/summary.ts";
import { type State, Tally } from "#agent/tally.ts";
import { WIDTH } from "#agent/wrap.ts";
import { assembleReport, type Finding, NO_TOTALS, type Report } from "#shared/report.ts";
import { RUN, somePart } from "../shared/arbitrary.ts";

function tallyOf(counts: Partial<Record<State, number>>, fileBytes = 0): Tally {
  const tally = new Tally();
  for (const [state, count] of Object.entries(counts)) tally.counts[state as State] = count;
  tally.fileBytes = fileBytes;
  return tally;
}

function reportOf(changes: Partial<Report> & { totals?: Partial<Report["totals"]> } = {}): Report {
  const report = assembleReport([somePart()]);
  return { ...report, ...changes, totals: { ...NO_TOTALS, ...changes.totals } } as Report;
}

function lines(changes: Partial<Summary>): SummaryLines {
  return summaryLines({
    target: { bucket: "example-backup", keyPrefix: "laptop/" },
    outcome: "success",
    report: reportOf(),
    tally: new Tally(),
    repair: undefined,
    isWhole: true,
    isEmpty: false,
    ignoreWarnings: false,
    verifyOnly: false,
    ...changes,
  });
}

const REPORT_LINE = `Report: s3://example-backup/.cback/reports/laptop/${RUN}.json`;

suite("The summary", () => {
  test("of a run that matches", () => {
    const { faults, results } = lines({
      report: reportOf({ totals: { entries: 4_627, matched: 4_627, matchedBytes: 117_200_000 } as Report["totals"] }),
      tally: tallyOf({ uploaded: 12, unchanged: 4_615 }, 117_200_000),
    });
    assert.deepEqual(faults, []);
    assert.deepEqual(results, [
      "Verdict: match. The validator found all 4627 files in s3://example-backup/laptop/ as sent.",
      "Source: 4627 entries (117.2 MB): 12 uploaded, 4615 unchanged.",
      "Bucket: 4627 matched, 0 missing, 0 different, 0 unexpected, 0 deleted.",
      REPORT_LINE,
    ]);
  });

  test("tells totals within a screen's width, and bytes once where both sides have as many", () => {
    const files = 10_000_000;
    const fileBytes = files * 987_654;
    const tally = tallyOf({ uploaded: 1, unchanged: files - 1 }, fileBytes);
    tally.deleted = 1_234;
    const bucketLine = (matchedBytes: number) =>
      lines({ tally, report: reportOf({ totals: { ...NO_TOTALS, matched: files, matchedBytes } }) }).results[2] ?? "";
    assert.equal(
      bucketLine(fileBytes),
      "Bucket: 10000000 matched, 0 missing, 0 different, 0 unexpected, 1234 deleted.",
    );
    assert.ok(bucketLine(fileBytes).length <= WIDTH);
    assert.match(bucketLine(1), /^Bucket: 10000000 matched \(1 byte\), 0 missing, /);
  });

  test("of an incomplete run names what is missing, up to twenty", () => {
    const tally = tallyOf({ uploaded: 1 });
    for (let index = 0; index < 25; index++)
      tally.problem({ state: "unreadable", name: `/home/f${index}`, reason: "permission denied" });
    tally.problem({ state: "vanished", name: "/home/gone", reason: "it is gone" });
    const { faults, results } = lines({ outcome: "incomplete", tally });
    assert.equal(faults.length, 21);
    assert.equal(faults[0], "Not synced: [/home/f0]: permission denied.");
    assert.equal(faults[20], "and 5 more, in the log.");
    assert.deepEqual(results.slice(0, 2), [
      "Verdict: match, but incomplete: 25 entries of the source could not be synced.",
      "Source: 27 entries (0 bytes): 1 uploaded, 0 unchanged, 1 vanished meanwhile, 25 unreadable.",
    ]);
  });

  test("counts those that are not named as well, however many there are", () => {
    const tally = new Tally();
    for (let index = 0; index < 5_000; index++) tally.problem({ state: "unreadable", name: `f${index}`, reason: "r" });
    assert.equal(lines({ outcome: "incomplete", tally }).faults.at(-1), "and 4980 more, in the log.");
  });

  test("with -w neither names nor counts names that cannot be keys", () => {
    const tally = new Tally();
    tally.problem({ state: "unrepresentable", name: "/home/caf\\xe9", reason: "its name is not UTF-8" });
    tally.problem({ state: "unstable", name: "/home/log", reason: "it changes while it is read" });
    const { faults, results } = lines({ outcome: "incomplete", tally, ignoreWarnings: true });
    assert.deepEqual(faults, ["Not synced: [/home/log]: it changes while it is read."]);
    assert.match(results[0] ?? "", /incomplete: 1 entry of the source/);
  });

  test("of a mismatch says of each object what is wrong with it", () => {
    const findings: Finding[] = [
      { kind: "missing", path: "a" },
      { kind: "size-differs", path: "b" },
      { kind: "etag-differs", path: "c" },
      { kind: "unexpected", path: "d" },
    ];
    const totals = { ...NO_TOTALS, missing: 1, sizeDiffers: 1, etagDiffers: 1, unexpected: 1 };
    const report = reportOf({ verdict: "mismatch", findings, totals });
    const { faults, results } = lines({ outcome: "mismatch", report });
    assert.deepEqual(faults, [
      "[a] is missing in the bucket.",
      "[b] is of another size in the bucket.",
      "[c] is of other content in the bucket.",
      "[d] is in the bucket, not in the source.",
    ]);
    assert.deepEqual(results, [
      "Verdict: MISMATCH. s3://example-backup/laptop/ does not hold what the source holds.",
      "Source: 0 entries (0 bytes): 0 uploaded, 0 unchanged.",
      "Bucket: 0 matched, 1 missing, 2 different, 1 unexpected, 0 deleted.",
      "Next: see who else writes there, then run again; one repair was tried.",
      REPORT_LINE,
    ]);
  });

  test("of a mismatch in upload-only names no extra object, for those are none of it", () => {
    const findings: Finding[] = [
      { kind: "missing", path: "a" },
      { kind: "unexpected", path: "d" },
    ];
    const totals = { ...NO_TOTALS, missing: 1, unexpected: 1 };
    const report = reportOf({ verdict: "mismatch", findings, totals, extras: "listed" });
    assert.deepEqual(lines({ outcome: "mismatch", report }).faults, ["[a] is missing in the bucket."]);
  });

  test("says of more unexpected objects than anybody counts that there are at least so many", () => {
    const findings: Finding[] = Array.from({ length: 30 }, (_, index) => ({ kind: "unexpected", path: `${index}` }));
    const totals = { ...NO_TOTALS, unexpected: 100_000, unexpectedAtLeast: true };
    const { faults, results } = lines({
      outcome: "mismatch",
      report: reportOf({ verdict: "mismatch", findings, totals }),
    });
    assert.equal(faults.at(-1), "and at least 99980 more: see the report.");
    assert.match(results[2] ?? "", /at least 100000 unexpected/);
  });

  test("of a run without a verdict says which shards nobody could check", () => {
    const report = reportOf({ verdict: "error", errors: [{ shard: 3, reason: "the validator gave up" }] });
    const { faults, results } = lines({ outcome: "no-verdict", report });
    assert.deepEqual(faults, ["Shard 3 was not checked: the validator gave up."]);
    assert.equal(results[0], "Verdict: NONE. The validator could not check s3://example-backup/laptop/.");
  });

  test("fault 66: of versions that do not fit says once which side to upgrade, whatever the number of shards", () => {
    const reason = "the agent speaks contract 2.0, this validator only 1.0: deploy the stack again";
    const errors = [0, 1, 2].map((shard) => ({ shard, reason }));
    const { faults } = lines({ outcome: "configuration", report: reportOf({ verdict: "error", errors, skew: true }) });
    assert.deepEqual(faults, [`Not checked: ${reason}.`]);
  });

  test("names repairs of both passes, and says of each what was uploaded and deleted", () => {
    const tally = tallyOf({ unchanged: 3 });
    tally.repaired({ kind: "missing", path: "a" });
    tally.deleted = 1;
    const repair = tallyOf({ uploaded: 2, unchanged: 1 });
    repair.repaired({ kind: "unexpected", path: "b" });
    repair.deleted = 3;
    const { results } = lines({ tally, repair });
    assert.deepEqual(results.slice(1), [
      "Source: 3 entries (0 bytes): 0 uploaded, 3 unchanged.",
      "Bucket: 0 matched, 0 missing, 0 different, 0 unexpected, 1 deleted.",
      "Second run: 2 uploaded, 3 deleted.",
      "Repaired 2 objects in the bucket:",
      "  missing: [a]",
      "  unexpected: [b]",
      REPORT_LINE,
    ]);
  });

  test("says that objects stayed because the source could not be read", () => {
    const totals = { ...NO_TOTALS, unexpected: 2 };
    const report = reportOf({ verdict: "mismatch", totals });
    const { results } = lines({ outcome: "mismatch", report, isWhole: false });
    assert.deepEqual(results.slice(3, -1), [
      "Next: 2 objects stayed, for the source could not be read as a whole; make it",
      "readable.",
    ]);
  });

  test("of a check advises what a run would do", () => {
    const report = reportOf({ verdict: "mismatch", totals: { ...NO_TOTALS, missing: 1, unexpected: 2 } });
    const advice = (changes: Partial<Summary>) =>
      lines({ outcome: "mismatch", report, verifyOnly: true, ...changes })
        .results.slice(3, -1)
        .join(" ");
    assert.equal(advice({}), "Next: a run without --verifyOnly repairs it.");
    assert.match(advice({ isEmpty: true }), /mounted, .* --verifyOnly stops before it deletes .* --allow-empty-source/);
    const unreadable = /^Next: make the source readable .*; until then 2 objects would stay\.$/;
    assert.match(advice({ isWhole: false }), unreadable);
    assert.match(advice({ isWhole: false, isEmpty: true }), unreadable);
    const missing = reportOf({ verdict: "mismatch", totals: { ...NO_TOTALS, missing: 1 } });
    assert.equal(advice({ isWhole: false, report: missing }), "Next: a run without --verifyOnly repairs it.");
    assert.equal(
      advice({ owner: { host: "laptop", directory: "/home/me" } }),
      "Note: the last sync there was of another source, /home/me on laptop. Next: of the two sources, run the right one without --verifyOnly; this one only with --take-over.",
    );
  });

  test("of a run without a report tells what was done, what was not, and that nobody has checked it", () => {
    const tally = tallyOf({ uploaded: 12, unchanged: 3 }, 117_200_000);
    tally.problem({ state: "unreadable", name: "/home/f", reason: "permission denied" });
    tally.deleted = 2;
    const target = { bucket: "example-backup", keyPrefix: "laptop/" };
    const first = uncheckedLines({ target, tally, repair: undefined, ignoreWarnings: false });
    assert.deepEqual(first.faults, ["Not synced: [/home/f]: permission denied."]);
    assert.deepEqual(first.results, [
      "Verdict: NONE. Nobody has checked s3://example-backup/laptop/.",
      "Source: 16 entries (117.2 MB): 12 uploaded, 3 unchanged, 1 unreadable.",
      "Bucket: not checked, 2 deleted.",
    ]);
    const repair = tallyOf({ unchanged: 15 });
    repair.repaired({ kind: "missing", path: "a" });
    const second = uncheckedLines({ target, tally, repair, ignoreWarnings: false });
    assert.deepEqual(second.faults, []);
    assert.deepEqual(second.results.slice(2), [
      "Bucket: not checked, 2 deleted.",
      "Second run: 0 uploaded, 0 deleted.",
      "Repaired 1 object in the bucket:",
      "  missing: [a]",
    ]);
  });
});

test("sizes are told in the unit that leaves a whole number before the point", () => {
  const rows: Record<string, number> = {
    "0 bytes": 0,
    "1 byte": 1,
    "999 bytes": 999,
    "1.0 kB": 1_000,
    "999.9 kB": 999_949,
    "1.0 MB": 999_950,
    "117.2 MB": 117_200_000,
    "5.5 TB": 5_497_558_138_880,
    "9007.2 PB": Number.MAX_SAFE_INTEGER * 1_000,
  };
  for (const [text, bytes] of Object.entries(rows)) assert.equal(bytesText(bytes), text);
});

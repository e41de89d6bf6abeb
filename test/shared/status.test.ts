/** The status of a target: what of which run it keeps, in whatever order they come. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { assembleReport, type Report, reportKey, type Verdict } from "#shared/report.ts";
import { decodeStatus, latestSync, nextStatus, type Status, statusKey, statusPrefix } from "#shared/status.ts";
import { encodeVersioned } from "#shared/versioned.ts";
import { keyPrefix, RUN, runs, somePart } from "./arbitrary.ts";

describe("the status of a target", () => {
  const report = (run: string, verdict: Verdict, check = false): Report => ({
    ...assembleReport([somePart({ run, check })]),
    verdict,
  });
  const reports = fc
    .uniqueArray(runs, { minLength: 1, maxLength: 6 })
    .chain((runs) =>
      fc.tuple(
        ...runs.map((run) =>
          fc
            .tuple(fc.constantFrom<Verdict>("match", "mismatch", "error"), fc.boolean())
            .map(([verdict, check]) => report(run, verdict, check)),
        ),
      ),
    );

  test("fault 62: ends the same in whatever order and however often reports arrive", () => {
    const arrivals = reports.chain((reports) =>
      fc.tuple(
        fc.constant(reports),
        fc.shuffledSubarray(reports, { minLength: reports.length }),
        fc.array(fc.constantFrom(...reports)),
      ),
    );
    fc.assert(
      fc.property(arrivals, ([reports, shuffled, again]) => {
        let status: Status | undefined;
        let newest = "";
        for (const report of [...shuffled, ...again]) {
          status = nextStatus(status, report) ?? status;
          assert.ok(status);
          assert.ok(status.latest.run >= newest, "an older run over a newer verdict");
          newest = status.latest.run;
          assert.ok(status.latestMatch === null || status.latestMatch.verdict === "match");
          assert.equal(nextStatus(status, report), undefined, "the same report again changes nothing");
        }
        const byRun = reports.toSorted((left, right) => (left.run < right.run ? -1 : 1));
        assert.equal(status?.latest.run, byRun.at(-1)?.run);
        assert.equal(status?.latestMatch?.run, byRun.findLast((report) => report.verdict === "match")?.run);
        assert.equal(status && latestSync(status)?.run, byRun.findLast((report) => !report.check)?.run);
        if (status) assert.deepEqual(decodeStatus(encodeVersioned(status)), status);
      }),
    );
  });

  test("fault 49: names the latest sync beside a check that came after it, and alone once it is the latest", () => {
    const [first, second, third] = ["1", "2", "3"].map((last) => RUN.replace(/.$/, last)) as [string, string, string];
    const synced = nextStatus(undefined, report(first, "match"));
    const checked = nextStatus(synced, report(second, "mismatch", true));
    assert.deepEqual([checked?.latest.run, checked?.latest.check], [second, true]);
    assert.equal(checked?.latestSync?.run, first);
    assert.equal(checked?.latestMatch?.run, first);
    const again = nextStatus(checked, report(third, "match"));
    assert.deepEqual(
      [again?.latest.run, again?.latestSync, "check" in (again?.latest ?? {})],
      [third, undefined, false],
    );
  });

  for (const [what, time] of [
    ["from the future", "20990101T000000Z"],
    ["of a month and an hour that there are not", "99999999T999999Z"],
    ["of no day", "20261100T000000Z"],
  ])
    test(`fault 62: takes no run ${what}, which none could ever follow`, () => {
      const forged = report(`${time}-${"0".repeat(32)}`, "match");
      assert.equal(nextStatus(undefined, forged), undefined);
      const status = nextStatus(undefined, report(RUN, "match"));
      assert.equal(nextStatus(status, forged), undefined);
    });

  test("names the report that it comes from", () => {
    const status = nextStatus(undefined, report(RUN, "match"));
    assert.equal(status?.latest.report, reportKey("laptop/", RUN));
    assert.equal(status?.latest.verdict, "match");
  });
});

describe("the prefix that a status is about", () => {
  test("is read from its key, and from no other key", () => {
    fc.assert(fc.property(keyPrefix, (prefix) => assert.equal(statusPrefix(statusKey(prefix)), prefix)));
    for (const key of [
      ".cback/status",
      ".cback/status/",
      ".cback/status/.json",
      ".cback/status/a",
      ".cback/status2.json",
    ])
      assert.equal(statusPrefix(key), undefined, key);
  });
});

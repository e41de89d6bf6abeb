/** Whose target it is, as the validator's status tells. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkLastRun, checkStillOurs } from "#agent/last-run.ts";
import type { RunNote, Status } from "#shared/status.ts";
import { parseTarget } from "#shared/target.ts";
import { RUN } from "../shared/arbitrary.ts";

const TARGET = parseTarget("s3://data/p");
const OURS = { host: "laptop", directory: "/home/me" };
const OTHER_HOST = { ...OURS, host: "desktop" };
const OTHER_SOURCE = { ...OURS, directory: "/home/you" };
/** Of a run whose messages the validator could not read. */
const NOBODY = { host: "", directory: "" };
const LATER = RUN.replace(/^20../, "2099");

function statusOf(source: typeof OURS, run = RUN): Status {
  const times = { listedFrom: "2026-11-22T12:00:00.000Z", listedThrough: "2026-11-22T12:00:01.000Z" };
  const latest = { run, verdict: "match" as const, report: "r", unknown: 0, source, senderIds: [], ...times };
  return { version: "1.0", bucket: "data", prefix: "p/", latest, latestMatch: null };
}

/** A check after a sync, or after nothing. */
function checkedAfter(sync: typeof OURS | undefined, check: typeof OURS): Status {
  const latest: RunNote = { ...statusOf(check, LATER).latest, check: true };
  const latestSync = sync && statusOf(sync).latest;
  return { ...statusOf(check), latest, latestMatch: latest, ...(latestSync && { latestSync }) };
}

function unreadAfter(match: typeof OURS | undefined, run = LATER): Status {
  const { latest, ...rest } = statusOf(NOBODY, run);
  const latestMatch = match === undefined ? null : statusOf(match).latest;
  return { ...rest, latest: { ...latest, verdict: "error" }, latestMatch };
}

function unreadAfterCheck(check: typeof OURS): Status {
  return { ...unreadAfter(undefined), latestMatch: checkedAfter(undefined, check).latest };
}

describe("before anything is sent", () => {
  const rows: [what: string, status: Status | undefined, stops: boolean][] = [
    ["there was no run", undefined, false],
    ["it was of this host and source", statusOf(OURS), false],
    ["it was of another host", statusOf(OTHER_HOST), true],
    ["it was of another source", statusOf(OTHER_SOURCE), true],
    ["it could not be read, and there was no other", unreadAfter(undefined), false],
    ["it could not be read, and the one before was of this source", unreadAfter(OURS), false],
    ["it could not be read, and the one before was of another host", unreadAfter(OTHER_HOST), true],
    ["it was a check by another host, after a sync of this one", checkedAfter(OURS, OTHER_HOST), false],
    ["it was a check by another host, after nothing", checkedAfter(undefined, OTHER_HOST), false],
    ["it was a check by this host, after a sync of another one", checkedAfter(OTHER_HOST, OURS), true],
    ["it could not be read, and the match before was a check by another host", unreadAfterCheck(OTHER_HOST), false],
  ];
  for (const [what, status, stops] of rows) {
    test(`fault 49: the last run, ${what}: ${stops ? "stop" : "go on"}`, () => {
      const check = () => checkLastRun(TARGET, OURS, status);
      if (!stops) return check();
      assert.throws(check, { outcome: "locked", hint: /^Nothing was sent or deleted.*\n.*: --take-over\.$/ });
    });
  }

  test("fault 49: the message names the other one's directory, host and run", () => {
    assert.throws(() => checkLastRun(TARGET, OURS, statusOf({ host: "desktop", directory: "/home/you" })), {
      message: `Cannot sync to [s3://data/p/]: the last run there was of another source, /home/you on desktop (${RUN}).`,
    });
  });
});

describe("just before the first deletion", () => {
  const rows: [what: string, first: Status | undefined, now: Status | undefined, stops: boolean, takesOver?: string][] =
    [
      ["what began before the run that takes over is seen late", undefined, statusOf(OTHER_HOST), false, LATER],
      ["what began before a run that takes nothing over is seen late", undefined, statusOf(OTHER_HOST), true],
      ["another one began after the run that takes over", statusOf(OURS), statusOf(OTHER_HOST, LATER), true, RUN],
      ["nobody has run meanwhile", statusOf(OURS), statusOf(OURS), false],
      ["nobody has run at all", undefined, undefined, false],
      ["the one that is taken over has not run again", statusOf(OTHER_HOST), statusOf(OTHER_HOST), false],
      ["the one that is taken over has run again", statusOf(OTHER_HOST), statusOf(OTHER_HOST, LATER), true],
      ["another host has taken over", statusOf(OURS), statusOf(OTHER_HOST, LATER), true],
      ["another source has taken over", statusOf(OURS), statusOf(OTHER_SOURCE, LATER), true],
      ["another host had its first run", undefined, statusOf(OTHER_HOST), true],
      ["this source has run meanwhile", statusOf(OURS), statusOf(OURS, LATER), false],
      ["another host has checked meanwhile", statusOf(OURS), checkedAfter(OURS, OTHER_HOST), false],
      ["this host has checked meanwhile, after another one", statusOf(OURS), checkedAfter(OTHER_HOST, OURS), true],
      ["the one that is taken over was checked", statusOf(OTHER_HOST), checkedAfter(OTHER_HOST, OURS), false],
      ["one that could not be read was there meanwhile", statusOf(OURS), unreadAfter(OURS), false],
      ["the status cannot be read any more", statusOf(OURS), undefined, false],
    ];
  for (const [what, first, now, stops, takesOver] of rows) {
    // The matrix says 6; a run that finds the target another's ends alike, whenever it finds it.
    test(`fault 50: ${what}: ${stops ? "stop" : "go on"}`, () => {
      const check = () => checkStillOurs(TARGET, OURS, { first, now, takesOver });
      if (!stops) return check();
      assert.throws(check, { outcome: "locked", hint: /nothing was deleted\.\n/ });
    });
  }
});

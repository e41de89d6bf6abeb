import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { BucketError } from "#lambda/bucket.ts";
import type { LogRecord } from "#lambda/log.ts";
import type { Measurement } from "#lambda/metrics.ts";
import { checkSilence, UnseenError } from "#lambda/silence-handler.ts";
import { ListingError } from "#shared/listing.ts";
import { statusKey } from "#shared/status.ts";
import { type Watch, WatchError } from "#shared/watch.ts";
import {
  type ClientChoices,
  deliverBody,
  messageBody,
  NOW,
  newRun,
  startValidator,
  type Validator,
} from "./delivering.ts";
import { type Answer, type Fault, failure } from "./store.ts";

const HOUR_MS = 3_600_000;
const ALL: Watch = { prefixes: null, unwatched: [], maxSilenceHours: 26 };
const SETTLED_HOURS = 1;

/** A validator that has just verified a run for each prefix. */
async function withRuns(test: TestContext, prefixes: readonly string[], choices?: ClientChoices): Promise<Validator> {
  const validator = await startValidator(test, choices);
  for (const prefix of prefixes) await deliverBody(validator, messageBody([], { prefix }));
  validator.store.asked.length = 0;
  return validator;
}

interface Checked {
  readonly lines: LogRecord[];
  readonly measured: Measurement[];
}

function checking({ services }: Validator, watch: unknown, hoursLater: number) {
  const seen: Checked = { lines: [], measured: [] };
  const answer = checkSilence(watch, {
    bucket: services.bucket,
    now: () => new Date(NOW.getTime() + hoursLater * HOUR_MS),
    log: (record) => seen.lines.push(record),
    measure: (measurements) => seen.measured.push(...measurements),
  });
  return { answer, seen };
}

const values = ({ measured }: Checked) => measured.map(({ name, value }) => [name, value]);
const events = ({ lines }: Checked) =>
  lines.map(({ event, prefix, key }) => [event, prefix ?? key ?? ""].join(" ").trim());

const reading = (key: string, answer: Answer | "hang-up" | "silence"): Fault => {
  return (asked) => (asked.action === "get" && asked.key === key ? answer : undefined);
};
const listing = (answer: Answer | "hang-up" | "silence"): Fault => {
  return ({ action }) => (action === "list" ? answer : undefined);
};

describe("the silence check", () => {
  it("finds nobody silent right after their runs, and says so with zeros", async (test) => {
    const validator = await withRuns(test, ["", "a/", "b/c/"]);
    const { answer, seen } = checking(validator, ALL, SETTLED_HOURS);
    assert.deepEqual(await answer, { watched: 3, silent: [], damaged: [] });
    assert.deepEqual(values(seen), [
      ["SilentPrefixes", 0],
      ["DamagedStatuses", 0],
    ]);
    assert.deepEqual(events(seen), ["silence-checked"]);
  });

  it("names each silent prefix, in a line with its hours of silence, and in its answer", async (test) => {
    const validator = await withRuns(test, ["a/", "b/"]);
    const { answer, seen } = checking(validator, { ...ALL, prefixes: ["a/", "new/"] }, 30);
    const { silent } = await answer;
    assert.deepEqual(
      silent.map(({ prefix, hours }) => [prefix, hours]),
      [
        ["a/", 30],
        ["new/", null],
      ],
    );
    assert.deepEqual(events(seen), ["silent-prefix a/", "silent-prefix new/", "silence-checked"]);
    assert.deepEqual([seen.lines[0]?.level, seen.lines[0]?.hours], ["WARN", 30]);
    assert.deepEqual(values(seen)[0], ["SilentPrefixes", 2]);
  });

  it("takes a run with any verdict for a sign of life", async (test) => {
    const validator = await withRuns(test, []);
    await deliverBody(validator, messageBody([{ path: "gone", sizeBytes: 1, etag: "e" }], { prefix: "a/" }));
    const refused = JSON.stringify({ ...JSON.parse(messageBody([], { prefix: "b/" })), version: "2.0" });
    await deliverBody(validator, refused);
    const { watched, silent } = await checking(validator, ALL, SETTLED_HOURS).answer;
    assert.deepEqual([watched, silent], [2, []]);
  });

  it("fault 49: takes no check for a backup, unless there never was one", async (test) => {
    const validator = await withRuns(test, ["a/"]);
    const later = new Date(NOW.getTime() + 30 * HOUR_MS);
    const { services } = validator;
    const after = { ...validator, services: { ...services, now: () => later } };
    const check = { check: true, run: newRun(later), source: { host: "elsewhere", directory: "/home" } };
    for (const prefix of ["a/", "b/"]) await deliverBody(after, messageBody([], { ...check, prefix }));
    const { watched, silent } = await checking(validator, ALL, 31).answer;
    assert.equal(watched, 2);
    assert.deepEqual(
      silent.map(({ prefix, last }) => [prefix, last?.host]),
      [["a/", "host"]],
    );
  });

  it("reads all statuses over many pages, a few at once, and nothing else", async (test) => {
    const prefixes = Array.from({ length: 40 }, (_, number) => `host${number}/`);
    const validator = await withRuns(test, prefixes);
    const { store } = validator;
    store.pageSize = 7;
    store.put(".cback/status-of-something-else", "not JSON");
    store.put(".cback/status/readme.txt", "not JSON");
    const { watched, damaged } = await checking(validator, ALL, SETTLED_HOURS).answer;
    assert.deepEqual([watched, damaged], [40, []]);
    const keys = store.asked.filter(({ action }) => action === "get").map(({ key }) => key);
    assert.deepEqual(keys.sort(), prefixes.map(statusKey).sort());
    const lists = store.asked.filter(({ action }) => action === "list");
    assert.equal(lists.length, 6);
    for (const { query } of lists) assert.equal(query.get("prefix"), ".cback/status");
  });

  const whole = (validator: Validator, prefix: string) => validator.store.text(statusKey(prefix)) ?? "";
  const DAMAGED: Readonly<Record<string, (validator: Validator) => string>> = {
    "is empty": () => "",
    "is torn": (validator) => whole(validator, "a/").slice(0, -20),
    "is no status": () => "[]",
    "is about another prefix": (validator) => whole(validator, "b/"),
    "tells no time": (validator) => whole(validator, "a/").replaceAll(NOW.toISOString(), "yesterday"),
    "is of a newer validator": (validator) => whole(validator, "a/").replace(/"version": "[^"]+"/, '"version": "7.0"'),
  };
  for (const [title, damage] of Object.entries(DAMAGED)) {
    it(`fault 5: a status that ${title} is counted and no sign of life, and the others are read`, async (test) => {
      const validator = await withRuns(test, ["a/", "b/"]);
      validator.store.put(statusKey("a/"), damage(validator));
      const { answer, seen } = checking(validator, ALL, SETTLED_HOURS);
      const { silent, damaged } = await answer;
      assert.deepEqual(
        silent.map(({ prefix, reason }) => [prefix, reason]),
        [["a/", "its status is damaged"]],
      );
      assert.deepEqual(
        damaged.map(({ key }) => key),
        [statusKey("a/")],
      );
      assert.deepEqual(values(seen), [
        ["SilentPrefixes", 1],
        ["DamagedStatuses", 1],
      ]);
      assert.deepEqual(events(seen), ["damaged-status .cback/status/a.json", "silent-prefix a/", "silence-checked"]);
    });
  }

  it("a status that is deleted while the check goes on (404) is as if it had never been", async (test) => {
    const validator = await withRuns(test, ["a/", "b/"]);
    validator.store.fault = reading(statusKey("a/"), failure(404, "NoSuchKey"));
    const { watched, silent } = await checking(validator, ALL, 30).answer;
    assert.deepEqual([watched, silent.map(({ prefix }) => prefix)], [1, ["b/"]]);
  });

  const REFUSED: Readonly<Record<string, [Answer | "hang-up" | "silence", RegExp]>> = {
    "403 AccessDenied": [failure(403, "AccessDenied"), /AccessDenied.*HTTP 403/],
    "404 NoSuchBucket": [failure(404, "NoSuchBucket"), /NoSuchBucket.*HTTP 404/],
    "503 SlowDown": [failure(503, "SlowDown"), /SlowDown.*HTTP 503/],
    "a cut connection": ["hang-up", /./],
    "no answer at all": ["silence", /./],
  };
  for (const [title, [answer, reason]] of Object.entries(REFUSED)) {
    it(`fault 4: ${title} to the listing ends the check without a count, never as an empty bucket`, async (test) => {
      const validator = await withRuns(test, ["a/"], { requestTimeoutMs: 300 });
      validator.store.fault = listing(answer);
      const { answer: check, seen } = checking(validator, ALL, 30);
      await assert.rejects(check, (error) => error instanceof BucketError && reason.test(error.message));
      assert.deepEqual(seen.measured, []);
    });

    it(`fault 4: ${title} to one status names the other silent ones, then ends without a count`, async (test) => {
      const validator = await withRuns(test, ["a/", "b/"], { requestTimeoutMs: 300 });
      validator.store.fault = reading(statusKey("a/"), answer);
      const watch = { ...ALL, prefixes: ["a/", "b/"] };
      const { answer: check, seen } = checking(validator, watch, 30);
      await assert.rejects(check, (error) => error instanceof UnseenError && reason.test(error.message));
      assert.deepEqual(events(seen), ["unread-status .cback/status/a.json", "silent-prefix b/"]);
      assert.deepEqual(seen.measured, []);
    });
  }

  it("fault 3: what the SDK tries again is no failure", async (test) => {
    const validator = await withRuns(test, ["a/"], { attempts: 2 });
    let refusals = 2;
    validator.store.fault = () => (refusals-- % 2 === 0 ? failure(503, "SlowDown") : undefined);
    assert.equal((await checking(validator, ALL, SETTLED_HOURS).answer).watched, 1);
  });

  it("fault 5: a listing that is torn each time is never taken for an empty one", async (test) => {
    const validator = await withRuns(test, ["a/"]);
    validator.store.fault = listing({ status: 200, body: "<ListBucketResult><IsTruncated>false</IsTr" });
    const { answer, seen } = checking(validator, ALL, 30);
    await assert.rejects(answer, (error) => error instanceof ListingError || error instanceof BucketError);
    assert.deepEqual(seen.measured, []);
  });

  it("refuses an event that is no watch before it asks S3 for anything", async (test) => {
    const validator = await withRuns(test, ["a/"]);
    await assert.rejects(checking(validator, { prefix: ["a/"] }, 30).answer, WatchError);
    assert.deepEqual(validator.store.asked, []);
  });
});

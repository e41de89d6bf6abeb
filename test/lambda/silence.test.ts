import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { findSilent, type Heard } from "#lambda/silence.ts";
import type { Watch } from "#shared/watch.ts";

const NOW = new Date("2026-11-22T12:00:00.000Z");
const HOUR_MS = 3_600_000;
const ALL: Watch = { prefixes: null, unwatched: [], maxSilenceHours: 26 };

const heard = (prefix: string, hoursAgo: number): Heard => ({
  prefix,
  last: { run: "r", verdict: "mismatch", host: "h", listedMs: NOW.getTime() - hoursAgo * HOUR_MS },
});
const damaged = (prefix: string): Heard => ({ prefix, last: undefined });
const only = (...prefixes: string[]): Watch => ({ ...ALL, prefixes });
const without = (...unwatched: string[]): Watch => ({ ...ALL, unwatched });

const TABLE: [string, Watch, Heard[], string[], number][] = [
  ["nothing is known, and nothing expected", ALL, [], [], 0],
  ["a run just now", ALL, [heard("a/", 0)], [], 1],
  ["a run exactly as long ago as allowed", ALL, [heard("a/", 26)], [], 1],
  ["a run a little longer ago", ALL, [heard("a/", 26.1)], ["a/ no run lately 26.1"], 1],
  ["a run by a clock that is ahead", ALL, [heard("a/", -0.1)], [], 1],
  ["one of two hosts stopped", ALL, [heard("a/", 1), heard("b/", 50)], ["b/ no run lately 50"], 2],
  ["a whole bucket stopped", ALL, [heard("", 50)], [" no run lately 50"], 1],
  ["a damaged status", ALL, [damaged("a/"), heard("b/", 1)], ["a/ its status is damaged null"], 2],
  ["a shorter time is allowed", { ...ALL, maxSilenceHours: 1 }, [heard("a/", 2)], ["a/ no run lately 2"], 1],

  ["an expected host has a run", only("a/"), [heard("a/", 1)], [], 1],
  ["an expected host never had one", only("a/", "b/"), [heard("a/", 1)], ["b/ no run ever null"], 2],
  ["an expected host has only a damaged status", only("a/"), [damaged("a/")], ["a/ its status is damaged null"], 1],
  ["an expected host backs up below its prefix", only("a/"), [heard("a/etc/", 1), heard("a/home/", 1)], [], 2],
  [
    "a part of an expected host stopped",
    only("a/"),
    [heard("a/etc/", 1), heard("a/home/", 30)],
    ["a/home/ no run lately 30"],
    2,
  ],
  ["a status that nobody expects", only("a/"), [heard("a/", 1), heard("b/", 99)], [], 1],
  ["a whole bucket's status is above an expected host", only("a/"), [heard("", 1)], ["a/ no run ever null"], 1],
  ["a name that only begins like an expected one", only("a/"), [heard("a2/", 1)], ["a/ no run ever null"], 1],
  ["all of the bucket is expected", only(""), [heard("x/", 1)], [], 1],

  ["a retired host", without("a/"), [heard("a/", 99), heard("b/", 1)], [], 1],
  ["a retired host that backed up below its prefix", without("a/"), [heard("a/etc/", 99)], [], 0],
  ["a retired host's damaged status", without("a/"), [damaged("a/")], [], 0],
  ["a name that only begins like a retired one", without("a/"), [heard("a2/", 99)], ["a2/ no run lately 99"], 1],
  [
    "the whole bucket's status is retired, its hosts are not",
    without(""),
    [heard("", 99), heard("a/", 99)],
    ["a/ no run lately 99"],
    1,
  ],
  ["an expected host is retired", { ...only("a/", "b/"), unwatched: ["a/"] }, [heard("b/", 1)], [], 1],
  [
    "of an expected host only a retired part had runs",
    { ...only("a/"), unwatched: ["a/old/"] },
    [heard("a/old/", 1)],
    ["a/ no run ever null"],
    1,
  ],
];

describe("silence", () => {
  for (const [title, watch, statuses, expected, watched] of TABLE)
    it(title, () => {
      const found = findSilent(watch, statuses, NOW);
      assert.deepEqual(
        found.silent.map(({ prefix, reason, hours }) => `${prefix} ${reason} ${hours}`),
        expected,
      );
      assert.equal(found.watched, watched);
    });

  it("tells of the last run what helps to find the host", () => {
    assert.deepEqual(findSilent(ALL, [heard("a/", 27)], NOW).silent, [
      { prefix: "a/", reason: "no run lately", hours: 27, last: { run: "r", verdict: "mismatch", host: "h" } },
    ]);
  });

  const prefix = fc.constantFrom("", "a/", "a/b/", "a2/", "b/", "b/c/d/");
  const statuses = fc.uniqueArray(
    fc
      .tuple(prefix, fc.nat(60), fc.boolean())
      .map(([name, hours, whole]) => (whole ? heard(name, hours) : damaged(name))),
    { selector: ({ prefix }) => prefix },
  );

  it("never gets less when a run is taken away", () => {
    fc.assert(
      fc.property(statuses, fc.option(fc.uniqueArray(prefix, { minLength: 1 })), (all, prefixes) => {
        const watch = { ...ALL, prefixes };
        const before = findSilent(watch, all, NOW).silent.length;
        const older = all.map(({ prefix }) => heard(prefix, 100));
        assert.ok(findSilent(watch, older, NOW).silent.length >= before);
      }),
    );
  });

  it("is found of every expected prefix, or a run at or below it was within the time", () => {
    fc.assert(
      fc.property(statuses, fc.uniqueArray(prefix, { minLength: 1 }), (all, prefixes) => {
        const { silent } = findSilent({ ...ALL, prefixes }, all, NOW);
        for (const expected of prefixes) {
          const alive = all.some(
            ({ prefix, last }) =>
              prefix.startsWith(expected) && last !== undefined && NOW.getTime() - last.listedMs <= 26 * HOUR_MS,
          );
          assert.ok(alive || silent.some(({ prefix }) => prefix.startsWith(expected)));
        }
      }),
    );
  });
});

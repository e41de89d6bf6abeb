/** The guard over deletions, as a table, and which actions leave an object behind. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deletionFault, type GuardOptions, leavesObject } from "#agent/guard.ts";
import type { Action } from "#agent/plan.ts";

const DEFAULT: GuardOptions = { allowEmptySource: false, maxDelete: undefined };
const ALLOWED: GuardOptions = { ...DEFAULT, allowEmptySource: true };
const atMost = (most: number, unit: "objects" | "percent" = "objects"): GuardOptions => ({
  ...DEFAULT,
  maxDelete: { most, unit },
});

describe("fault 24: a source without a file deletes nothing, unless that is meant", () => {
  const rows: [options: GuardOptions, count: number, expected: ReturnType<typeof deletionFault>][] = [
    [DEFAULT, 0, undefined],
    [DEFAULT, 1, "empty-source"],
    [DEFAULT, 1_000_000, "empty-source"],
    [atMost(1_000_000), 1, "empty-source"],
    [ALLOWED, 1, undefined],
    [ALLOWED, 1_000_000, undefined],
    [{ ...atMost(10), allowEmptySource: true }, 11, "too-many"],
  ];
  for (const [options, count, expected] of rows) {
    test(`fault 24: ${JSON.stringify(options)}, ${count} objects: ${expected ?? "go on"}`, () => {
      assert.equal(deletionFault({ count, staying: 0, filesSeen: 0 }, options), expected);
    });
  }
});

// The matrix speaks of 10 % and 1,000; where the two disagree, the design (50 % once more than 100 would go) holds.
describe("fault 26: no more is deleted than --max-delete allows", () => {
  const rows: [options: GuardOptions, count: number, staying: number, expected: "too-many" | undefined][] = [
    [DEFAULT, 100, 0, undefined],
    [DEFAULT, 101, 0, "too-many"],
    [DEFAULT, 101, 100, "too-many"],
    [DEFAULT, 101, 101, undefined],
    [DEFAULT, 5_000_000, 5_000_000, undefined],
    [DEFAULT, 5_000_001, 5_000_000, "too-many"],
    [atMost(0), 0, 5, undefined],
    [atMost(0), 1, 5, "too-many"],
    [atMost(3), 3, 0, undefined],
    [atMost(3), 4, 1_000, "too-many"],
    [atMost(1_000), 1_000, 0, undefined],
    [atMost(25, "percent"), 1, 3, undefined],
    [atMost(25, "percent"), 1, 2, "too-many"],
    [atMost(50, "percent"), 2, 1, "too-many"],
    [atMost(100, "percent"), 1_000, 0, undefined],
    [atMost(0, "percent"), 1, 1_000_000, "too-many"],
  ];
  for (const [options, count, staying, expected] of rows) {
    const limit = options.maxDelete === undefined ? "by default" : JSON.stringify(options.maxDelete);
    test(`fault 26: ${limit}, ${count} go and ${staying} stay: ${expected ?? "go on"}`, () => {
      assert.equal(deletionFault({ count, staying, filesSeen: 1 }, options), expected);
    });
  }
});

describe("an object that was there and stays", () => {
  const file = { path: "a", sizeBytes: 1, modifiedMs: 1, changedMs: 1, inode: 1 };
  const known = { ...file, etag: "e" };
  const entry = { path: "a", unknown: true, location: "/a", cause: undefined, reason: "unreadable-file" } as const;
  const walked = { ...file, placedMs: 0 };
  const send = { do: "send", file: walked, isDrift: false } as const;
  const rows: [what: string, action: Action, expected: boolean][] = [
    ["kept", { do: "keep", file, etag: "e" }, true],
    ["compared", { ...send, do: "compare", etag: "e", known: undefined, was: undefined }, true],
    ["replaced, as a listing shows", { ...send, known: undefined, was: "changed" }, true],
    ["replaced, as the baseline knows", { ...send, known, was: undefined }, true],
    ["of a file that could not be read", { do: "note", entry, known }, true],
    ["new", { ...send, known: undefined, was: undefined }, false],
    ["new, as a listing shows", { ...send, known: undefined, was: "missing" }, false],
    ["lost, as a listing shows", { ...send, known, was: "missing" }, false],
    ["of a file that was never sent", { do: "note", entry, known: undefined }, false],
    ["deleted", { do: "remove", path: "a", known }, false],
  ];
  for (const [what, action, expected] of rows) {
    test(`${what}: ${expected ? "yes" : "no"}`, () => assert.equal(leavesObject(action), expected));
  }
});

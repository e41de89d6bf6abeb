import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nearest } from "#shared/nearest.ts";

describe("the nearest known word", () => {
  const known = ["bucket", "hosts", "alarmEmail", "maxSilence"];
  const cases: [string, string | undefined][] = [
    ["bukcet", "bucket"],
    ["buckets", "bucket"],
    ["bckt", undefined],
    ["HOST", "hosts"],
    ["alarm-email", "alarmEmail"],
    ["max_silense", "maxSilence"],
    ["h", undefined],
    ["", undefined],
    ["toString", undefined],
  ];
  for (const [given, meant] of cases)
    test(`to [${given}] is ${meant ?? "none"}`, () => assert.equal(nearest(given, known), meant));

  test("is the nearer one of two", () => assert.equal(nearest("silence", ["silences", "silent"]), "silences"));
  test("is none where none is known", () => assert.equal(nearest("bucket", []), undefined));
});

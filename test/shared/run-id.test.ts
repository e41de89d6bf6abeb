import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { RUN_PATTERN, runId } from "#shared/run-id.ts";

describe("a run id", () => {
  const random = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const time = fc.date({ min: new Date(0), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true });

  test("is what the schemas ask for, and sorts by the second it began", () => {
    fc.assert(
      fc.property(time, time, random, random, (one, two, randomOne, randomTwo) => {
        const ids = [runId(one, randomOne), runId(two, randomTwo)] as const;
        for (const id of ids) assert.match(id, new RegExp(RUN_PATTERN));
        const seconds = [one, two].map((date) => Math.floor(date.getTime() / 1000)) as [number, number];
        if (seconds[0] !== seconds[1]) assert.equal(ids[0] < ids[1], seconds[0] < seconds[1]);
      }),
    );
  });

  test("is the time in UTC and the random bytes", () => {
    assert.equal(
      runId(
        new Date("2026-11-22T12:00:00.999Z"),
        Uint8Array.from({ length: 16 }, (_, index) => index),
      ),
      "20261122T120000Z-000102030405060708090a0b0c0d0e0f",
    );
  });
});

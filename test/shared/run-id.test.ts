import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { RUN_PATTERN, runId } from "#shared/run-id.ts";

describe("a run id", () => {
  const random = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const time = fc.date({ min: new Date(0), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true });

  test("is what the schemas ask for, and sorts by the time it began", () => {
    fc.assert(
      fc.property(time, time, random, random, (one, two, randomOne, randomTwo) => {
        const ids = [runId(one, randomOne), runId(two, randomTwo)] as const;
        for (const id of ids) assert.match(id, new RegExp(RUN_PATTERN));
        if (one.getTime() !== two.getTime()) assert.equal(ids[0] < ids[1], one < two);
      }),
    );
  });

  test("sorts by the millisecond within a second", () => {
    const [low, high] = [new Uint8Array(16), new Uint8Array(16).fill(255)];
    const ids = Array.from({ length: 1000 }, (_, ms) => runId(new Date(ms), ms % 2 === 0 ? high : low));
    assert.deepEqual(ids, ids.toSorted());
  });

  test("is the time in UTC, the part of the second and the random bytes", () => {
    assert.equal(
      runId(
        new Date("2026-11-22T12:00:00.750Z"),
        Uint8Array.from({ length: 16 }, (_, index) => index),
      ),
      "20261122T120000Z-c00002030405060708090a0b0c0d0e0f",
    );
  });
});

/** That a leak is seen, and that what only starts up, or swings, is not taken for one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { median, quartersOf } from "./flat.ts";

const samples = (valueAt: (index: number) => number) => Array.from({ length: 200 }, (_, index) => valueAt(index));

test("what grows all the time grew", () => {
  const quarters = quartersOf(samples((index) => 100 + index));
  assert.ok(quarters?.grew);
  assert.ok(quarters.last > quarters.first + 90);
});

test("so does what steps up once, in the middle", () => {
  assert.ok(quartersOf(samples((index) => (index < 100 ? 100 : 116)))?.grew);
  assert.ok(!quartersOf(samples((index) => (index < 100 ? 100 : 114)))?.grew);
});

test("what grows only while it starts is flat", () => {
  assert.deepEqual(quartersOf(samples((index) => Math.min(100, 10 * index))), { first: 100, last: 100, grew: false });
});

test("what swings, or shrinks, is flat", () => {
  assert.ok(!quartersOf(samples((index) => 100 + 50 * (index % 3)))?.grew);
  assert.ok(!quartersOf(samples((index) => 400 - index))?.grew);
});

test("what grows by less than chance is flat", () => {
  const grows = samples((index) => 100 + index);
  const { first, last } = quartersOf(grows) ?? { first: 0, last: 0 };
  assert.ok(!quartersOf(grows, last - first)?.grew);
  assert.ok(quartersOf(grows, last - first - 1)?.grew);
});

test("of few samples nothing is said", () => {
  assert.equal(quartersOf([1, 2, 3, 100]), undefined);
  assert.equal(quartersOf([]), undefined);
});

test("the median is the one in the middle by size, not by text", () => {
  assert.equal(median([10, 9, 100]), 10);
  assert.ok(Number.isNaN(median([])));
});

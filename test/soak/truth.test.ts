/** That each lie of an exit code is seen, and no truth is taken for one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Ran, untruth } from "./truth.ts";

const QUIET: Ran = { code: 0, signal: undefined, alone: true, lasting: false, differences: [] };
const DIFFERENCES = { differences: ["missing: a"] };

const TRUE: readonly Partial<Ran>[] = [
  {},
  { lasting: true },
  { signal: "SIGTERM" },
  { code: 5, signal: "SIGTERM", ...DIFFERENCES },
  { code: "SIGTERM", signal: "SIGTERM" },
  { code: "SIGKILL", signal: "SIGKILL", ...DIFFERENCES },
  { code: 7, ...DIFFERENCES },
  { code: 7, alone: false },
  { code: 8, lasting: true },
  { code: 9, lasting: true, alone: false },
  { code: 9, lasting: true, ...DIFFERENCES },
  { code: 10, alone: false },
];

const UNTRUE: readonly Partial<Ran>[] = [
  { ...DIFFERENCES },
  { lasting: true, ...DIFFERENCES },
  { code: 5 },
  { code: 5, signal: "SIGKILL" },
  { code: "SIGTERM" },
  { code: "SIGKILL" },
  { code: "SIGKILL", signal: "SIGTERM" },
  { code: "SIGSEGV" },
  { code: 7 },
  { code: 4 },
  { code: 6, ...DIFFERENCES },
  { code: 8, ...DIFFERENCES },
  { code: 9, lasting: true },
  { code: 9, alone: false },
  { code: 9, ...DIFFERENCES },
  { code: 10 },
  { code: 12 },
  { code: 1, lasting: true },
  { code: 2 },
  { code: 3 },
  { code: 11, lasting: true },
  { code: 134 },
];

for (const ran of TRUE)
  test(`true: ${JSON.stringify(ran)}`, () => assert.equal(untruth({ ...QUIET, ...ran }), undefined));

for (const ran of UNTRUE)
  test(`not true: ${JSON.stringify(ran)}`, () => assert.match(untruth({ ...QUIET, ...ran }) ?? "", /exit|SIG/));

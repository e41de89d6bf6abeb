/** A small share of what `npm run fuzz` does, in a few seconds, and the same each time. */
import { describe, test } from "node:test";
import { PARSERS } from "./parsers.ts";

const RUNS = 300;
const SEED = 1;

/** The rows of the matrix that a parser stands against. */
const ROWS: Readonly<Record<string, string>> = {
  message: "faults 63, 72: ",
  part: "fault 67: ",
  report: "fault 67: ",
  manifest: "fault 72: ",
  "target URL": "fault 38: ",
  name: "fault 36: ",
  baseline: "fault 55: ",
  "page of a listing": "fault 5: ",
  listing: "fault 7: ",
  "page as XML": "fault 5: ",
};

describe("whatever it is given, written again as it was or refused by its own error", () => {
  for (const { name, fuzz } of PARSERS)
    test(`${ROWS[name] ?? ""}${name}`, async (t) => {
      const { taken } = await fuzz(RUNS, SEED);
      t.diagnostic(`${taken} of ${RUNS} taken`);
    });
});

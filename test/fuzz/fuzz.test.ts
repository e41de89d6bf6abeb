/** A small share of what `npm run fuzz` does, in a few seconds. */
import { describe, test } from "node:test";
import { PARSERS } from "./parsers.ts";

const RUNS = 300;

describe("whatever it is given, written again as it was or refused by its own error", () => {
  for (const { name, fuzz } of PARSERS)
    test(`faults 5, 55, 63, 72: ${name}`, async (t) => {
      const { taken } = await fuzz(RUNS);
      t.diagnostic(`${taken} of ${RUNS} taken`);
    });
});

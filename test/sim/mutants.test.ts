/** Each mutant still stands in the source as it is: one that does not fit is no fault that the simulation could see. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MUTANTS } from "./mutants.ts";

const ROOT = join(import.meta.dirname, "../..");

for (const { name, file, text } of MUTANTS)
  test(`mutant: ${name}`, () => {
    assert.equal(
      readFileSync(join(ROOT, file), "utf8").split(text).length - 1,
      1,
      `${file} does not have once: ${text}`,
    );
  });

/** That the soak works: a few runs of it, on the engine of the tests. That it sees what is wrong: `truth.test.ts`, `flat.test.ts`. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const SOAK = join(import.meta.dirname, "soak.ts");

// The fourth is one without faults, after which nothing may be left.
test("node test/soak/soak.ts --runs 4 --seed 5", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [SOAK, "--runs", "4", "--seed", "5"]);
  assert.match(stdout, /^seed 5: 4 runs in \d+\.\d min, 0 violations$/m);
  assert.match(stdout, /^exit codes: (\w+×\d+ ?)+$/m);
  assert.match(stdout, /^faults: (\w+×\d+ ?)+$/m);
  assert.match(stdout, /^agent, peak memory {2,}[3-9] samples, too few to judge; median [1-9]\d*\.\d MB$/m);
  assert.match(stdout, /^validator as deployed, memory {2,}1 samples, .* [1-9]\d*\.\d MB$/m);
  assert.match(stdout, /^state directory {2,}1 samples, .* [1-9]\d*\.\d kB$/m);
});

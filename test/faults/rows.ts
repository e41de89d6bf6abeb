/**
 * `npm run test:faults [-- ROW]`: runs the tests of one row of the matrix, or of all, and says which rows are proven:
 * those with at least one test that passed and none that failed. Exits non-zero unless all that were asked for are.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ROWS, rowsIn, titlePattern } from "./matrix.ts";
import type { RowOutcome } from "./outcomes.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const ALL = Object.keys(ROWS).map(Number);

process.chdir(ROOT);
const [given, ...surplus] = process.argv.slice(2);
const asked = given === undefined ? undefined : Number(given);
if (surplus.length > 0 || (asked !== undefined && !(asked in ROWS))) {
  console.error(`Usage: npm run test:faults [-- ROW], where ROW is a number from 1 to ${ALL.length}`);
  process.exit(2);
}

const files = globSync("test/**/*.test.ts").filter((file) => {
  const rows = rowsIn(readFileSync(file, "utf8"));
  return asked === undefined ? rows.size > 0 : rows.has(asked);
});
if (files.length === 0) {
  console.error(`Row ${asked} (${ROWS[asked ?? 0]}) has no test.`);
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), "cback-rows-"));
try {
  const path = join(folder, "outcomes");
  const exitCode = await runTests(path);
  const proven = provenRows(readFileSync(path, "utf8"));
  const open = (asked === undefined ? ALL : [asked]).filter((row) => !proven.has(row));
  for (const row of open) console.log(`Not proven: ${row}, ${ROWS[row]}`);
  if (asked === undefined) console.log(`${proven.size} of ${ALL.length} rows proven`);
  else if (open.length === 0) console.log(`Row ${asked} proven: ${ROWS[asked]}`);
  process.exitCode = exitCode !== 0 || open.length > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** @param path where the outcomes go */
async function runTests(path: string): Promise<number> {
  const reporter = ["--test-reporter=./test/faults/outcomes.ts", `--test-reporter-destination=${path}`];
  const parameters = ["test/run.ts", `--test-name-pattern=${titlePattern(asked)}`, ...reporter, ...files];
  const child = spawn(process.execPath, parameters, { stdio: "inherit" });
  // It is told as well, and cleans up; the folder here is ours to remove.
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => child.kill(name));
  const [code] = await once(child, "exit");
  return code ?? 1;
}

function provenRows(lines: string): Set<number> {
  const outcomes = lines.split("\n").filter(Boolean);
  const told = outcomes.map((line) => JSON.parse(line) as RowOutcome);
  const rowsOf = (wanted: RowOutcome["outcome"]) =>
    new Set(told.flatMap(({ rows, outcome }) => (outcome === wanted ? rows : [])));
  const failed = rowsOf("failed");
  return new Set([...rowsOf("passed")].filter((row) => !failed.has(row)));
}

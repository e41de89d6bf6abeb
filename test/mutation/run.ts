/**
 * `npm run mutation [-- OPTION...]`: has StrykerJS change the pure core one small piece at a time, and run the tests that
 * reach it; prints what no test has seen, and the score of each file. Exits with 1 when a file scores less than it must.
 *
 *   npm run mutation -- --mutate agent/guard.ts   one file of those in `stryker.config.json`
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { LOCAL_FOLDER, NODE_FOLDER, ROOT } from "#infra/local/paths.ts";

/** Percent of the mutants of a file that its tests must see. */
const LEAST_SCORE = 80;

const HERE = import.meta.dirname;
const LOCKED = join(HERE, "stryker");
const PACKAGES = join(LOCAL_FOLDER, "stryker");
const STAMP = join(PACKAGES, "installed-lock.json");
/** Both named in the configuration. */
const SANDBOXES = join(LOCAL_FOLDER, "mutation");
const REPORT = join(SANDBOXES, "report.json");

interface MutationReport {
  readonly files: Readonly<Record<string, { readonly mutants: readonly { readonly status: string }[] }>>;
}

installStryker();
rmSync(SANDBOXES, { recursive: true, force: true });
const command = join(PACKAGES, "node_modules", "@stryker-mutator", "core", "bin", "stryker.js");
const { status } = spawnSync(
  process.execPath,
  [command, "run", join(HERE, "stryker.config.json"), ...process.argv.slice(2)],
  // The tests run in the Node.js that runs this.
  { cwd: ROOT, stdio: "inherit", env: { ...process.env, PATH: `${NODE_FOLDER}${delimiter}${process.env.PATH}` } },
);
if (status === 0) judge();
else process.exitCode = 1;

/** From a lock of its own: it has twice as many packages as the whole project. */
function installStryker(): void {
  const lock = readFileSync(join(LOCKED, "package-lock.json"), "utf8");
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === lock) return;
  cpSync(LOCKED, PACKAGES, { recursive: true });
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: PACKAGES, stdio: "inherit" });
  // Written last: an installation that was interrupted starts over.
  writeFileSync(STAMP, lock);
}

function judge(): void {
  const { files } = JSON.parse(readFileSync(REPORT, "utf8")) as MutationReport;
  const scores = Object.entries(files).map(([file, { mutants }]) => {
    const count = (...statuses: string[]) => mutants.filter((mutant) => statuses.includes(mutant.status)).length;
    const seen = count("Killed", "Timeout");
    return { file, score: (100 * seen) / (seen + count("Survived", "NoCoverage")) };
  });
  const poor = scores.filter(({ score }) => !(score >= LEAST_SCORE));
  for (const { file, score } of poor) console.log(`${file} scores ${score.toFixed(2)} %, not ${LEAST_SCORE} %`);
  process.exitCode = scores.length > 0 && poor.length === 0 ? 0 : 1;
}

/**
 * `npm run sim`: plays seeds, a sweep of kill points, or mutants. Exits with 1 when there is a violation, or when a mutant
 * goes unseen.
 *
 *   npm run sim -- --seeds 10000 [--from 1]   prints seeds, steps, violations
 *   npm run sim -- --seed 17                  one seed, with all that happens in it
 *   npm run sim -- --kill-points [--seed 1]   a run over many shards, killed at each of its calls
 *   npm run sim -- --mutants [--seeds 3000]   each small fault must be seen within so many seeds
 *   npm run sim -- --mutant NAME              one of them, until it is seen
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { MUTANTS } from "./mutants.ts";
import { runInMiniature } from "./sources.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    "kill-points": { type: "boolean", default: false },
    mutants: { type: "boolean", default: false },
    mutant: { type: "string" },
  },
});
const from = Number(values.from);
const seeds = Number(values.seeds ?? (values.mutant !== undefined || values.mutants ? 3_000 : 1_000));

if (values.mutants) proveMutants();
else if (values.mutant !== undefined) await seeMutant(values.mutant);
else if (values["kill-points"]) await sweepKillPoints(Number(values.seed ?? 1));
else if (values.seed !== undefined) await playOne(Number(values.seed));
else await playMany();

async function playMany(): Promise<void> {
  runInMiniature();
  const { playSeed } = await import("./scenario.ts");
  const startedMs = performance.now();
  const sums = { steps: 0, runs: 0, crashes: 0, violations: 0 };
  for (let seed = from; seed < from + seeds; seed++) {
    const { steps, runs, crashes, violation } = await playSeed(seed);
    sums.steps += steps;
    sums.runs += runs;
    sums.crashes += crashes;
    if (violation === undefined) continue;
    sums.violations += 1;
    console.log(`seed ${seed}: ${violation}\n  npm run sim -- --seed ${seed}`);
  }
  const { user, system } = process.cpuUsage();
  const [cpu, wall] = [(user + system) / 1_000_000, (performance.now() - startedMs) / 1_000].map(Math.round);
  const { steps, runs, crashes, violations } = sums;
  console.log(`${seeds} seeds, ${steps} steps, ${runs} runs, ${crashes} of them killed: ${violations} violations`);
  console.log(`${wall} s, ${cpu} s of one processor`);
  fail(violations > 0);
}

async function playOne(seed: number): Promise<void> {
  runInMiniature();
  const { playSeed } = await import("./scenario.ts");
  const { violation } = await playSeed(seed, (text) => console.log(text));
  console.log(violation === undefined ? "no violation" : `VIOLATION: ${violation}`);
  fail(violation !== undefined);
}

async function sweepKillPoints(seed: number): Promise<void> {
  runInMiniature();
  const { sweep } = await import("./kill-points.ts");
  const { points, violations } = await sweep(seed);
  for (const violation of violations) console.log(violation);
  console.log(`${points} kill points: ${violations.length} violations`);
  fail(violations.length > 0);
}

/** Each in a process of its own: a module is loaded once. */
function proveMutants(): void {
  let unseen = 0;
  for (const { name } of MUTANTS) {
    const parameters = [import.meta.filename, "--mutant", name, "--seeds", String(seeds), "--from", String(from)];
    const { status } = spawnSync(process.execPath, parameters, { stdio: "inherit" });
    if (status !== 0) unseen += 1;
  }
  console.log(`${MUTANTS.length} mutants: ${unseen} unseen`);
  fail(unseen > 0);
}

async function seeMutant(name: string): Promise<void> {
  const mutant = MUTANTS.find((one) => one.name === name);
  if (mutant === undefined) throw new RangeError(`there is no mutant [${name}]`);
  runInMiniature([mutant]);
  const { playSeed } = await import("./scenario.ts");
  for (let seed = from; seed < from + seeds; seed++) {
    const { violation } = await playSeed(seed);
    if (violation === undefined) continue;
    console.log(`seen by seed ${seed}: ${name}\n  ${violation.split("\n")[0]}`);
    return;
  }
  console.log(`NOT SEEN by ${seeds} seeds: ${name}`);
  fail(true);
}

function fail(isFailed: boolean): void {
  process.exitCode = isFailed ? 1 : 0;
}

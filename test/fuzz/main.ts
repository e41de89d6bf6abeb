/**
 * `npm run fuzz`: gives every parser damaged inputs, each in a process of its own, so that one that hangs is ended and its
 * memory is seen. Exits with 1 when something does not hold.
 *
 *   npm run fuzz -- --runs 100000            all parsers, each so often; prints what they took
 *   npm run fuzz -- --parser message         one of them
 *   npm run fuzz -- --parser message --seed 7   the same inputs again
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { PARSERS } from "./parsers.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "10000" },
    parser: { type: "string" },
    seed: { type: "string" },
  },
});
const runs = Number(values.runs);
/** What no parser needs, by far; who takes longer hangs. */
const LIMIT_MS = 60_000 + 30 * runs;

if (values.parser === undefined) fuzzAll();
else await fuzzOne(values.parser);

function fuzzAll(): void {
  const failed = PARSERS.filter(({ name }) => {
    const seed = values.seed === undefined ? [] : ["--seed", values.seed];
    const parameters = [import.meta.filename, "--parser", name, "--runs", String(runs), ...seed];
    const { status, error } = spawnSync(process.execPath, parameters, {
      stdio: "inherit",
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
    });
    if (error !== undefined) console.log(`${name}: ${error.message}`);
    return status !== 0;
  });
  console.log(`${PARSERS.length} parsers, ${runs} runs each: ${failed.length} failed`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}

async function fuzzOne(name: string): Promise<void> {
  const parser = PARSERS.find((one) => one.name === name);
  if (parser === undefined) throw new RangeError(`there is no parser [${name}]: ${PARSERS.map((one) => one.name)}`);
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  // Before, so that it is known of one that hangs.
  process.stdout.write(`${name}: seed ${seed}, `);
  try {
    const { taken, slowestMs } = await parser.fuzz(runs, seed);
    const { user, system } = process.cpuUsage();
    const seconds = Math.round((user + system) / 1e6);
    const megabytes = Math.round((process.resourceUsage().maxRSS * 1_024) / 1e6);
    console.log(
      `${runs} runs, ${taken} taken, ${seconds} s of one processor, the slowest ${Math.round(slowestMs)} ms, ${megabytes} MB`,
    );
  } catch (error) {
    console.log("FAILED");
    console.log(error);
    process.exitCode = 1;
  }
}

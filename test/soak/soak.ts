/**
 * `npm run soak`: the built command and the real stack for a long time, with faults on the way, a tree and a bucket that
 * change, and runs that are killed; after each run its exit code is held against what tree and bucket hold. Exits with 1
 * when one was not the truth, something was left behind, or memory did not stay flat. See docs/reliability.md.
 *
 *   npm run soak -- --minutes 60              prints the seed, a line or two each minute, and a table
 *   npm run soak -- --runs 100 --seed 7       so many runs, with the same choices again
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { SQSClient } from "@aws-sdk/client-sqs";
import { asAdmin } from "#infra/local/engine-client.ts";
import { cleanEnvironment } from "#infra/local/environment.ts";
import { engineFiles, ROOT } from "#infra/local/paths.ts";
import { groupMembers } from "#infra/local/processes.ts";
import { installEngine } from "#infra/local/virtual-environment.ts";
import packageJson from "#package.json" with { type: "json" };
import { VALIDATOR_ENV } from "#shared/names.ts";
import { ownPrefix } from "#test/e2e/bucket-view.ts";
import { startFaultProxy } from "#test/e2e/fault-proxy.ts";
import { globalSetup, globalTeardown } from "#test/engine.ts";
import { addFunctionSettings } from "#test/function-settings.ts";
import { ENGINE_SETTINGS_ENV, liveEngine } from "#test/live-engine.ts";
import { Random } from "#test/sim/random.ts";
import { build } from "../../build.ts";
import { type AgentRun, runMeasured, sweep } from "./agent-run.ts";
import { SoakBucket } from "./bucket-truth.ts";
import { Faults, SCENARIOS, type Scenario, WEIGHTS } from "./faults.ts";
import { SourceTree } from "./source-tree.ts";
import { count, Tally } from "./tally.ts";
import { untruth } from "./truth.ts";
import type { WarmSample } from "./warm-validator.ts";

/** Every so many runs one without faults must bring all in order. */
const RUNS_PER_CLEAN = 4;
const MINUTE_MS = 60_000;
/** Long enough for all that passes. */
const TIMEOUT = "60s";
/** Where messages get lost, nobody waits for their report that long. */
const SHORT_TIMEOUT = "10s";
const ON_THE_WAY_OF_THE_HANDLER: Scenario = {
  ...{ share: 0.02, kinds: ["503", "500", "cut", "lost", "torn", "late"], operations: /Object/ },
};

/**
 * Where memory seems plenty, V8 collects old objects late: the function's process took 172 MB after half an hour, of which
 * 16 MB lived. Here it must get by with little, as Lambda bounds it too; what is never freed ends it.
 */
const FUNCTION_LIMITS = { NODE_OPTIONS: "--max-old-space-size=48" };

class Violation extends Error {
  override readonly name = "Violation";
}

const { values } = parseArgs({
  options: { minutes: { type: "string" }, runs: { type: "string" }, seed: { type: "string" } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6));
const mostRuns = Number(values.runs ?? Number.POSITIVE_INFINITY);
const mostMs = Number(values.minutes ?? (values.runs === undefined ? 60 : Number.POSITIVE_INFINITY)) * MINUTE_MS;
console.log(`seed ${seed}`);

let stopping = false;
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => (stopping = true));

await using cleanups = new AsyncDisposableStack();
const scope = { after: (hook: () => void) => cleanups.defer(hook) };
const folder = mkdtempSync(join(tmpdir(), "cback-soak-"));
cleanups.defer(() => rmSync(folder, { recursive: true, force: true }));
const hasOwnEngine = process.env[ENGINE_SETTINGS_ENV] === undefined;
if (hasOwnEngine) {
  cleanups.defer(globalTeardown);
  await globalSetup();
}
writeFileSync(join(folder, "package.json"), JSON.stringify({ type: packageJson.type }));
await build(join(folder, "dist"));
const command = {
  python: await installEngine(console.error),
  entry: join(folder, "dist/agent/cback-amazons3-sync.cjs"),
};
const { environment, host, bucket: bucketName } = liveEngine();
const engine = engineFiles(dirname(dirname(environment.NODE_EXTRA_CA_CERTS)));
// Others' functions are left as they are.
if (hasOwnEngine) await addFunctionSettings(engine, bucketName, environment, FUNCTION_LIMITS);
const sqs = new SQSClient(host);
const prefix = ownPrefix("soak");
const bucket = new SoakBucket(scope, prefix);
mkdirSync(join(folder, "source"));
const tree = new SourceTree(join(folder, "source"), prefix, new Random(seed));
const tally = new Tally();
const { samples } = tally;

/** One for all runs: what a host remembers is about an endpoint. */
let faults = new Faults(SCENARIOS.none, new Random(seed), sqs);
const proxy = await startFaultProxy(scope, (passing) => faults.of(passing));

/** What happened in the run that is at work, for whoever looks at a violation. */
let trace: string[] = [];

const handlerProxy = await startFaultProxy(scope, new Faults(ON_THE_WAY_OF_THE_HANDLER, new Random(seed), sqs).of);
const warm = startWarmValidator(handlerProxy.environment);
cleanups.defer(() => void warm.kill("SIGKILL"));
let violation: unknown;
try {
  for (let minute = 1; !stopping && tally.runs < mostRuns && tally.elapsedMs < mostMs; ) {
    await step(++tally.runs);
    const end = warm.exitCode ?? warm.signalCode;
    if (end !== null && !stopping) throw new Violation(`the handler's process ended with ${end}`);
    for (; tally.elapsedMs > minute * MINUTE_MS; minute++) console.log(tally.minuteLines());
  }
  tally.reports = await bucket.reports();
  // One for a run, and one for its repair.
  if (tally.reports > 2 * tally.runs + tally.runs / RUNS_PER_CLEAN) throw new Violation("more reports than passes");
} catch (error) {
  violation = error;
  console.log(`run ${tally.runs} of seed ${seed}: ${error instanceof Violation ? error.message : String(error)}`);
  console.log(`What it left: ${await keep(error)}`);
}
console.log(tally.table(seed, violation === undefined ? 0 : 1));
process.exitCode = violation !== undefined || tally.grown.length > 0 ? 1 : 0;

async function step(run: number): Promise<void> {
  const random = new Random(seed + 7_919 * run);
  const isClean = run % RUNS_PER_CLEAN === 0;
  trace = Array.from({ length: random.between(1, 8) }, () => tree.edit(random));
  if (random.chance(0.4)) await bucket.drift(random);

  const scenario = isClean ? "none" : random.weighted(WEIGHTS);
  const isPair = !isClean && random.chance(0.1);
  const verifyOnly = !isClean && !isPair && random.chance(0.15);
  const signal = isClean ? undefined : random.weighted({ none: 8, SIGKILL: 1, SIGTERM: 1 });
  const ending =
    signal === undefined || signal === "none" ? undefined : { signal, afterMs: random.between(100, 1_800) };
  trace.push(`${scenario}, ${verifyOnly ? "check" : "sync"}${isPair ? ", two" : ""}, ${JSON.stringify(ending)}`);

  faults = new Faults(SCENARIOS[scenario], random, sqs);
  const agent = (...switches: string[]) => {
    const timeout = scenario === "messages gone" ? SHORT_TIMEOUT : TIMEOUT;
    const argv = ["--detailed-exit-codes", "--timeout", timeout, ...switches, tree.root, bucket.view.url];
    return runMeasured({ folder, command, argv, environment: proxy.environment, ending });
  };
  const runs = [agent(...(verifyOnly ? ["-v"] : []))];
  if (isPair) runs.push(sleep(random.below(1_000)).then(() => agent()));
  const ended = await Promise.all(runs);
  await proxy.settled();
  await faults.end();
  for (const [kind, times] of Object.entries(faults.counts)) count(tally.faults, kind, times);

  const differences = await bucket.differences(tree);
  trace.push(...ended.map(({ code, said }) => `exit ${code}\n${said}`), ...differences);
  for (const { code, left, peakBytes } of ended) {
    count(tally.codes, String(code));
    const fault = untruth({ code, signal: ending?.signal, alone: !isPair, lasting: faults.lasting, differences });
    if (fault !== undefined) throw new Violation(fault);
    if (typeof code !== "number") continue;
    samples["agent, peak memory"].values.push(peakBytes);
    if (left.length > 0) throw new Violation(`temporary files are left: ${left}`);
  }
  const open = await bucket.abortUploads();
  if (open > faults.uploadsInDoubt && ending?.signal !== "SIGKILL")
    throw new Violation(`${open} uploads are left open`);
  if (isClean) await proveOrder(ended, () => agent("-v"), random);
  sweep(folder);
}

/** After a run without faults. */
async function proveOrder([sync]: AgentRun[], check: () => Promise<AgentRun>, random: Random): Promise<void> {
  if (sync?.code !== 0) throw new Violation(`exit ${sync?.code} without any fault`);
  if (random.chance(0.3)) {
    const { code, said } = await check();
    trace.push(said);
    if (code !== 0) throw new Violation(`a check after it: exit ${code}`);
  }
  const state = join(folder, "state");
  const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const places = files.map(({ parentPath, name }) => join(parentPath, name));
  // A baseline, and the empty file that is locked.
  if (places.length !== 2) throw new Violation(`in the state directory: ${places.join(" ")}`);
  samples["state directory"].values.push(places.reduce((sum, path) => sum + statSync(path).size, 0));
  await bucket.expireOldVersions();
  sampleDeployed();
}

/** Of the function's processes, which the engine keeps, the largest. */
function sampleDeployed(): void {
  const workers = groupMembers(Number(readFileSync(engine.pid, "utf8")), `${engine.temporary}/`);
  const looked = workers
    .filter(({ command: line }) => line.includes("ValidatorFunction"))
    .flatMap(({ pid }) => {
      try {
        const [, pages] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
        return [{ bytes: Number(pages) * 4_096, descriptors: readdirSync(`/proc/${pid}/fd`).length }];
      } catch {
        return [];
      }
    });
  const largest = looked.sort((left, right) => right.bytes - left.bytes)[0];
  if (largest === undefined) return;
  samples["validator as deployed, memory"].values.push(largest.bytes);
  samples["validator as deployed, open descriptors"].values.push(largest.descriptors);
}

function startWarmValidator(endpoint: Readonly<Record<string, string>>): ChildProcess {
  const child = fork(join(import.meta.dirname, "warm-validator.ts"), {
    execArgv: ["--expose-gc"],
    // Each message is logged; it is not about that here.
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: cleanEnvironment({
      ...asAdmin(environment),
      ...endpoint,
      [VALIDATOR_ENV.bucket]: `cback-soak-${seed}-${process.pid}`,
      [VALIDATOR_ENV.queueUrl]: `${environment.AWS_ENDPOINT_URL}/000000000000/no-queue`,
      [VALIDATOR_ENV.maxReceiveCount]: "5",
      [VALIDATOR_ENV.packageVersion]: packageJson.version,
    }),
  });
  child.on("message", ({ calls, heapBytes, residentBytes }: WarmSample) => {
    tally.calls = calls;
    samples["handler in one process, heap after collection"].values.push(heapBytes);
    samples["handler in one process, memory"].values.push(residentBytes);
  });
  return child;
}

/** @returns the folder with what was done and seen last */
async function keep(error: unknown): Promise<string> {
  const kept = join(ROOT, ".local", `soak-${seed}-${tally.runs}`);
  mkdirSync(kept, { recursive: true });
  const objects = await bucket.view.objects().catch(() => []);
  writeFileSync(join(kept, "trace"), [...trace, error instanceof Error ? error.stack : String(error), ""].join("\n"));
  writeFileSync(join(kept, "tree.json"), JSON.stringify([...tree.digests()], undefined, 1));
  writeFileSync(join(kept, "bucket.json"), JSON.stringify(objects, undefined, 1));
  return kept;
}

/**
 * The command `npm run try -- DIR`: brings the engine up and syncs DIR with the real agent, as a host that has the host
 * policy and nothing else. The agent says what came of it; this only adds its exit code, and exits alike.
 */
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { relative, resolve } from "node:path";
import { type Engine, startEngine } from "./engine.ts";
import { cleanEnvironment } from "./environment.ts";
import { LocalError } from "./local-error.ts";
import { LOCAL_BUCKET, LOCAL_FOLDER, NODE_FOLDER, ROOT } from "./paths.ts";

const AGENT = resolve(ROOT, "agent/cback-amazons3-sync.cjs");
const DEFAULT_SOURCE = resolve(ROOT, "docs");
const USAGE = "Usage: npm run try -- [DIR]";

async function tryOut([given, ...surplus]: readonly string[]): Promise<number> {
  if (surplus.length > 0 || given?.startsWith("-")) throw new LocalError(USAGE);
  // npm starts scripts in the checkout, wherever they were called.
  const source = given === undefined ? DEFAULT_SOURCE : resolve(process.env.INIT_CWD ?? process.cwd(), given);
  // Said before the engine is started for nothing; all else is the agent's to judge.
  if (!statSync(source, { throwIfNoEntry: false })?.isDirectory())
    throw new LocalError(`There is no directory ${source}.\n${USAGE}`);

  const engine = await startEngine({ folder: LOCAL_FOLDER, bucket: LOCAL_BUCKET, say: console.log });
  // What was tried before, perhaps with another directory, may go.
  const parameters = ["--take-over", "--max-delete=100%", source, engine.environment.CBACK_BUCKET_URL];
  console.log(`\n$ cback-amazons3-sync ${parameters.join(" ")}`);
  const exitCode = await runAgent(engine, parameters);
  console.log(`Exit code: ${exitCode}

The engine is still up at ${engine.endpoint}
Its settings are in       ${relative(ROOT, engine.environmentFile)}
Stop it, keeping the bucket:  npm run local -- down`);
  return exitCode;
}

function runAgent(engine: Engine, parameters: string[]): Promise<number> {
  const environment = cleanEnvironment({ ...engine.environment, PATH: `${NODE_FOLDER}:${process.env.PATH}` });
  // In a group of its own, so that it gets each signal once, from here: a second one would cut its cleaning up short.
  const child = spawn(process.execPath, [AGENT, ...parameters], { stdio: "inherit", env: environment, detached: true });
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => child.kill(name));
  const { promise, resolve: done, reject } = Promise.withResolvers<number>();
  child.on("error", reject);
  child.on("close", (code) => done(code ?? 1));
  return promise;
}

try {
  process.exitCode = await tryOut(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof LocalError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

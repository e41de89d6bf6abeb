/** The command `npm run local -- up|down|status`: the engine of this checkout, for people. */
import { relative } from "node:path";
import { findEngine, startEngine, stopEngine } from "./engine.ts";
import { LocalError } from "./local-error.ts";
import { LOCAL_BUCKET, LOCAL_FOLDER, ROOT } from "./paths.ts";

const USAGE = `Usage: npm run local -- up|down|status
  up      start the local AWS engine and deploy the stack into it
  down    stop it; what it holds stays
  status  say what is up`;

async function up(): Promise<void> {
  const started = Date.now();
  const engine = await startEngine({ folder: LOCAL_FOLDER, bucket: LOCAL_BUCKET, say: console.log });
  // Several clients would prefer a profile to the credentials of the file, and none takes an empty one for none.
  const unset = process.env.AWS_PROFILE === undefined ? "" : "unset AWS_PROFILE; ";
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`
The local AWS engine is up (${seconds} s): ${engine.endpoint}
Load its settings:  ${unset}set -a; . ${shown(engine.environmentFile)}; set +a
Then sync:          npm run -s agent -- DIR "$CBACK_BUCKET_URL"
Stop it:            npm run local -- down`);
}

async function down(): Promise<void> {
  const stopped = await stopEngine(LOCAL_FOLDER);
  console.log(stopped ? "The local AWS engine is stopped; what it holds stays." : "The local AWS engine is not up.");
}

function status(): void {
  const engine = findEngine(LOCAL_FOLDER);
  if (engine === undefined) {
    console.log("The local AWS engine is not up.\nStart it:  npm run local -- up");
    return;
  }
  if (engine.environment === undefined) {
    console.log(`The local AWS engine runs, but its stack is not complete.
Process:      ${engine.pid}
Complete it:  npm run local -- up
Stop it:      npm run local -- down`);
    return;
  }
  console.log(`The local AWS engine is up.
Endpoint:  ${engine.endpoint}
Process:   ${engine.pid}
Bucket:    ${engine.environment.CBACK_BUCKET_URL}
Settings:  ${shown(engine.environmentFile)}
Stop it:   npm run local -- down`);
}

function shown(path: string): string {
  return relative(ROOT, path);
}

const COMMANDS: Readonly<Record<string, () => void | Promise<void>>> = { up, down, status };

const [name = "", ...surplus] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) && surplus.length === 0 ? COMMANDS[name] : undefined;
if (command === undefined) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  try {
    await command();
  } catch (error) {
    if (!(error instanceof LocalError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/**
 * The engine as a process: started on 127.0.0.1 in an environment of its own, found again, stopped with everything it
 * started. It knows nothing of what is deployed into it.
 */
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Certificate, ensureCertificate } from "./engine-certificate.ts";
import { LocalError } from "./local-error.ts";
import { type EngineFiles, engineFiles, NODE_FOLDER } from "./paths.ts";
import { findProcess, groupMembers } from "./processes.ts";

const HOST = "127.0.0.1";
const APPLICATION = join(import.meta.dirname, "engine_application.py");
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 30_000;
const PORT_ATTEMPTS = 50;
const POLL_DELAY_MS = 100;
/** A cold start on a busy machine takes a few seconds. */
const START_LIMIT_MS = 60_000;
/** Time to write its state, before it is ended the hard way. */
const STOP_LIMIT_MS = 15_000;
const SHOWN_LOG_LINES = 20;

export interface RunningEngine {
  readonly pid: number;
  readonly port: number;
  readonly endpoint: string;
}

/** The engine of a folder, if it runs. */
export function findEngineProcess(folder: string): RunningEngine | undefined {
  const files = engineFiles(folder);
  const pid = readNumber(files.pid);
  const port = readNumber(files.port);
  if (
    pid === undefined ||
    port === undefined ||
    !groupMembers(pid, markerOf(folder)).some((entry) => entry.pid === pid)
  )
    return;
  return { pid, port, endpoint: endpointOf(port) };
}

/** Starts the engine of a folder unless it runs already, and waits until it answers. */
export async function startEngineProcess(folder: string, python: string): Promise<RunningEngine> {
  const files = engineFiles(folder);
  const certificate = ensureCertificate(python, files.tls);
  const running = findEngineProcess(folder);
  // One that was just killed may still be seen, and is gone the next moment.
  if (running !== undefined && (await untilItAnswers(running, certificate, folder))) return running;

  // Functions of an engine that crashed would go on running beside the new one.
  await stopEngineProcess(folder);
  const port = await choosePort(folder, files);
  const pid = spawnEngine({ folder, files, python, certificate, port });
  writeFileSync(files.port, String(port));
  writeFileSync(files.pid, String(pid));
  const started = { pid, port, endpoint: endpointOf(port) };
  if (!(await untilItAnswers(started, certificate, folder))) throw new LocalError(notStarted(files));
  return started;
}

/** Stops the engine of a folder with all that it started. Returns whether there was any. */
export async function stopEngineProcess(folder: string): Promise<boolean> {
  const files = engineFiles(folder);
  const recorded = readNumber(files.pid);
  const groupId = recorded ?? findAbandoned(files);
  if (groupId === undefined) return false;

  const members = () => groupMembers(groupId, markerOf(folder));
  const engine = () => members().filter((entry) => entry.pid === groupId);
  const found = members();
  if (recorded !== undefined) {
    // The engine first and alone: it writes its state before it goes. An abandoned one has nowhere to write it.
    signal(engine(), "SIGTERM");
    await until(() => engine().length === 0, STOP_LIMIT_MS);
  }
  signal(members(), "SIGKILL");
  if (!(await until(() => members().length === 0, STOP_LIMIT_MS))) {
    throw new LocalError(`The engine did not stop. Its processes: ${members().map((entry) => entry.pid)}.`);
  }
  rmSync(files.pid, { force: true });
  return found.length > 0;
}

/** An engine whose folder was deleted while it ran, and its number with it. */
function findAbandoned(files: EngineFiles): number | undefined {
  return findProcess([" hypercorn ", `--certfile ${files.tls}/`])?.pid;
}

interface EngineStart {
  readonly folder: string;
  readonly files: EngineFiles;
  readonly python: string;
  readonly certificate: Certificate;
  readonly port: number;
}

/** The command names files below the folder, which is how the process is recognized later. */
function spawnEngine({ folder, files, python, certificate, port }: EngineStart): number {
  // Code of functions of an earlier start.
  rmSync(files.temporary, { recursive: true, force: true });
  for (const made of [files.state, files.objects, files.temporary]) mkdirSync(made, { recursive: true });
  // The engine runs functions by a script that is no ES module, as all scripts of this checkout are by default.
  writeFileSync(join(files.temporary, "package.json"), '{ "type": "commonjs" }\n');

  const log = openSync(files.log, "w");
  const child = spawn(
    python,
    [
      // The server's own command: the engine's would also listen on port 443 where it may.
      ...["-m", "hypercorn", `${APPLICATION}:app`, "--workers", "0", "--keep-alive", "75"],
      ...["--bind", `${HOST}:${port}`, "--certfile", certificate.server, "--keyfile", certificate.key],
    ],
    // A group of its own, which its functions share.
    { cwd: folder, detached: true, stdio: ["ignore", log, log], env: engineEnvironment(files, certificate, port) },
  );
  child.on("error", () => {});
  child.unref();
  closeSync(log);
  if (child.pid === undefined) throw new LocalError(`The engine could not be started with ${python}.`);
  return child.pid;
}

/** Complete: functions inherit all of it, so nothing of the user's environment may be in it. */
function engineEnvironment(files: EngineFiles, certificate: Certificate, port: number): NodeJS.ProcessEnv {
  return {
    // The first Node on the path runs the functions.
    PATH: [NODE_FOLDER, "/usr/local/bin", "/usr/bin", "/bin"].join(":"),
    HOME: files.temporary,
    TMPDIR: files.temporary,
    LANG: "C.UTF-8",
    // Nothing is written beside our own file.
    PYTHONDONTWRITEBYTECODE: "1",
    USE_SSL: "1",
    MINISTACK_SSL_CERT: certificate.server,
    MINISTACK_SSL_KEY: certificate.key,
    AUTH: "true",
    BIND_HOST: HOST,
    // Queue URLs name this host; `localhost` is also IPv6, where the engine does not listen.
    MINISTACK_HOST: HOST,
    GATEWAY_PORT: String(port),
    IOT_MTLS_ENABLED: "0",
    SFTP_ENABLED: "0",
    PERSIST_STATE: "1",
    STATE_DIR: files.state,
    S3_PERSIST: "1",
    S3_DATA_DIR: files.objects,
  };
}

/** @returns false when the engine has ended */
async function untilItAnswers(engine: RunningEngine, certificate: Certificate, folder: string): Promise<boolean> {
  const authority = readFileSync(certificate.authority, "utf8");
  const gone = () => findEngineProcess(folder)?.pid !== engine.pid;
  const settled = await until(async () => gone() || (await answers(engine.endpoint, authority)), START_LIMIT_MS);
  if (!settled) throw new LocalError(notStarted(engineFiles(folder)));
  return !gone();
}

function notStarted({ log }: EngineFiles): string {
  return `The engine did not start. The end of ${log}:\n${lastLines(log)}`;
}

function answers(endpoint: string, authority: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const request = get(`${endpoint}/_ministack/health`, { ca: authority, agent: false, timeout: 5_000 }, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  });
  request.on("timeout", () => request.destroy());
  request.on("error", () => resolve(false));
  return promise;
}

/**
 * The port of last time: clients have loaded it, and the engine's state has queue URLs with it. Else any that is free,
 * below the range that systems give to whoever asks for none, so that it is still free after the next start.
 */
async function choosePort(folder: string, { port, state }: EngineFiles): Promise<number> {
  const known = readNumber(port);
  if (existsSync(state) && readdirSync(state).length > 0) {
    if (known !== undefined && (await isFree(known))) return known;
    throw new LocalError(
      `${known === undefined ? `${port} holds no port` : `Port ${known} is taken by another process`}, and the engine's stack was made for its own.\n` +
        `Free the port, or delete ${folder} to start with an empty engine.`,
    );
  }
  for (let attempt = 0; attempt < PORT_ATTEMPTS; attempt++) {
    const candidate = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (await isFree(candidate)) return candidate;
  }
  throw new LocalError(`No port between ${LOWEST_PORT} and ${HIGHEST_PORT} is free on ${HOST}.`);
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen(port, HOST, () => server.close(() => resolve(true)));
  return promise;
}

async function until(condition: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) return false;
    await sleep(POLL_DELAY_MS);
  }
  return true;
}

function signal(entries: readonly { readonly pid: number }[], name: NodeJS.Signals): void {
  for (const { pid } of entries) {
    try {
      process.kill(pid, name);
    } catch {
      // It ended meanwhile.
    }
  }
}

/** In the command line of the engine and of each of its functions. */
function markerOf(folder: string): string {
  return join(folder, "/");
}

function endpointOf(port: number): string {
  return `https://${HOST}:${port}`;
}

function readNumber(path: string): number | undefined {
  try {
    const value = Number(readFileSync(path, "utf8"));
    return Number.isSafeInteger(value) && value > 1 ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The end of a log, to be shown with an error. */
export function lastLines(path: string): string {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").slice(-SHOWN_LOG_LINES).join("\n");
  } catch {
    return `(${dirname(path)} has no log)`;
  }
}

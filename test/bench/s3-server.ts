/** A real S3 server on this machine, if one is installed: MinIO or versitygw, found on PATH. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, copyFileSync, mkdirSync, openSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lastLines } from "#infra/local/engine-process.ts";
import type { Credentials } from "#infra/local/environment.ts";

const HOST = "127.0.0.1";
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;
const POLL_DELAY_MS = 100;

export interface ServerRequest {
  /** For its objects, its log and its settings; made. */
  readonly folder: string;
  /** The only ones that it knows. */
  readonly credentials: Credentials;
  /** Files in PEM. */
  readonly certificate: string;
  readonly key: string;
  readonly authority: Buffer;
}

export interface S3Server {
  /** With its version. */
  readonly name: string;
  readonly endpoint: string;
  stop(): Promise<void>;
}

interface Program {
  readonly name: string;
  readonly versionArgv: readonly string[];
  argv(folder: string, address: string, files: { certificate: string; key: string }): string[];
  environment(credentials: Credentials): Record<string, string>;
}

/** The first that is there is taken. */
const PROGRAMS: readonly Program[] = [
  {
    name: "minio",
    versionArgv: ["--version"],
    argv(folder, address, { certificate, key }) {
      const certificates = join(folder, "certificates");
      mkdirSync(certificates);
      copyFileSync(certificate, join(certificates, "public.crt"));
      copyFileSync(key, join(certificates, "private.key"));
      return ["server", "--quiet", "--address", address, "--certs-dir", certificates, join(folder, "objects")];
    },
    environment: ({ accessKeyId, secretAccessKey }) => ({
      MINIO_ROOT_USER: accessKeyId,
      MINIO_ROOT_PASSWORD: secretAccessKey,
      MINIO_BROWSER: "off",
      MINIO_UPDATE: "off",
    }),
  },
  {
    name: "versitygw",
    versionArgv: ["--version"],
    argv: (folder, address, { certificate, key }) => [
      // Otherwise it closes a connection after each answer, which no S3 does.
      ...["--port", address, "--cert", certificate, "--key", key, "--quiet", "--keep-alive"],
      ...["posix", join(folder, "objects")],
    ],
    environment: ({ accessKeyId, secretAccessKey }) => ({
      ROOT_ACCESS_KEY_ID: accessKeyId,
      ROOT_SECRET_ACCESS_KEY: secretAccessKey,
    }),
  },
];

/** @returns undefined where none is installed */
export async function startS3Server(made: ServerRequest): Promise<S3Server | undefined> {
  for (const program of PROGRAMS) {
    const { status, stdout } = spawnSync(program.name, program.versionArgv, { encoding: "utf8" });
    if (status === 0) return start(program, stdout, made);
  }
  return undefined;
}

async function start(program: Program, versionText: string, made: ServerRequest): Promise<S3Server> {
  const { folder, credentials, certificate, key, authority } = made;
  mkdirSync(join(folder, "objects"), { recursive: true });
  const address = `${HOST}:${await freePort()}`;
  const logFile = join(folder, "server.log");
  const log = openSync(logFile, "w");
  const child = spawn(program.name, program.argv(folder, address, { certificate, key }), {
    stdio: ["ignore", log, log],
    env: { PATH: process.env.PATH, HOME: folder, ...program.environment(credentials) },
  });
  closeSync(log);
  const endpoint = `https://${address}`;
  const deadline = Date.now() + START_LIMIT_MS;
  while (!(await answers(endpoint, authority))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop(child);
      throw new Error(`${program.name} did not start. The end of ${logFile}:\n${lastLines(logFile)}`);
    }
    await sleep(POLL_DELAY_MS);
  }
  const name = `${program.name} ${versionIn(versionText)}`;
  return { name, endpoint, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const hard = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
  await ended;
  clearTimeout(hard);
}

/** The first thing in the first line that looks like a version; the whole line where nothing does. */
export function versionIn(text: string): string {
  const [firstLine = ""] = text.trim().split("\n");
  return /\d+\.\d+[^\s,]*|\b[A-Z]+\.\S+/.exec(firstLine)?.[0] ?? firstLine;
}

function answers(endpoint: string, ca: Buffer): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const asked = request(endpoint, { ca, agent: false }, (answer) => {
    answer.resume();
    resolve(true);
  });
  asked.on("error", () => resolve(false));
  asked.end();
  return promise;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, HOST);
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

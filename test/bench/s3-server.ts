/** A real S3 server on this machine, if one is installed: MinIO, found on PATH. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, copyFileSync, mkdirSync, openSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lastLines } from "#infra/local/engine-process.ts";
import type { Credentials } from "#infra/local/environment.ts";

const MINIO = "minio";
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

/** @returns undefined where MinIO is not installed */
export async function startS3Server(made: ServerRequest): Promise<S3Server | undefined> {
  const { status, stdout } = spawnSync(MINIO, ["--version"], { encoding: "utf8" });
  if (status !== 0) return undefined;
  const { folder, credentials, certificate, key, authority } = made;
  const certificates = join(folder, "certificates");
  mkdirSync(certificates, { recursive: true });
  copyFileSync(certificate, join(certificates, "public.crt"));
  copyFileSync(key, join(certificates, "private.key"));
  const address = `${HOST}:${await freePort()}`;
  const argv = ["server", "--quiet", "--address", address, "--certs-dir", certificates, join(folder, "objects")];
  const logFile = join(folder, "server.log");
  const log = openSync(logFile, "w");
  const child = spawn(MINIO, argv, {
    stdio: ["ignore", log, log],
    env: {
      ...{ PATH: process.env.PATH, HOME: folder, MINIO_BROWSER: "off", MINIO_UPDATE: "off" },
      ...{ MINIO_ROOT_USER: credentials.accessKeyId, MINIO_ROOT_PASSWORD: credentials.secretAccessKey },
    },
  });
  closeSync(log);
  const endpoint = `https://${address}`;
  const deadline = Date.now() + START_LIMIT_MS;
  while (!(await answers(endpoint, authority))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop(child);
      throw new Error(`${MINIO} did not start. The end of ${logFile}:\n${lastLines(logFile)}`);
    }
    await sleep(POLL_DELAY_MS);
  }
  const name = `${MINIO} ${versionIn(stdout)}`;
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

/**
 * An AWS engine on this machine with the real stack in it: up, down, and what is up. All of its state is in one
 * folder, so that several engines can run beside each other.
 */
import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { IAMClient } from "@aws-sdk/client-iam";
import { HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { bootstrap, deployStack, isDeployed, readStackOutputs } from "./deployment.ts";
import { clientSettings } from "./engine-client.ts";
import { findEngineProcess, type RunningEngine, startEngineProcess, stopEngineProcess } from "./engine-process.ts";
import {
  ADMIN,
  type Credentials,
  type EngineEnvironment,
  engineEnvironment,
  readEnvironment,
  writeEnvironment,
} from "./environment.ts";
import { withLock } from "./folder-lock.ts";
import { ensureHostUser, hostUserExists, replaceHostKey } from "./host-user.ts";
import { type EngineFiles, engineFiles } from "./paths.ts";
import { installEngine } from "./virtual-environment.ts";

export interface EngineRequest {
  readonly folder: string;
  readonly bucket: string;
  /** Called with what takes a while, before it is done. */
  readonly say: (line: string) => void;
}

export interface Engine extends RunningEngine {
  readonly environment: EngineEnvironment;
  /** The file that holds the environment. */
  readonly environmentFile: string;
}

/** An engine that runs, perhaps without a stack: then it has no environment yet. */
export interface FoundEngine extends RunningEngine {
  readonly environment: EngineEnvironment | undefined;
  readonly environmentFile: string;
}

/** Brings an engine with the stack of `bucket` up, doing only what is not done yet. */
export async function startEngine(request: EngineRequest): Promise<Engine> {
  const { folder, say } = request;
  // Its state holds keys, and names of what was synced.
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
  const python = await installEngine(say);
  return withLock(engineFiles(folder).lock, async () => {
    const wasUsable = findEngine(folder)?.environment !== undefined;
    try {
      return await bringUp(request, python);
    } catch (error) {
      // One that nobody has settings for would only be left behind.
      if (!wasUsable) await stopEngineProcess(folder);
      throw error;
    }
  });
}

async function bringUp({ folder, bucket, say }: EngineRequest, python: string): Promise<Engine> {
  const files = engineFiles(folder);
  if (findEngineProcess(folder) === undefined) say("Starting the local AWS engine ...");
  let engine = await startEngineProcess(folder, python);
  // The port may be another one than last time, so only the credentials are taken over.
  const environmentFor = (credentials: Credentials) => engineEnvironment({ engine, files, bucket, credentials });

  const known = readCredentials(files.env);
  const host = known !== undefined && (await reachesBucket(environmentFor(known), bucket)) ? known : undefined;
  let credentials = host;
  if (credentials === undefined || !isDeployed(files, bucket)) {
    if (host === undefined && holdsRemains(files) && !(await knowsHostUser(environmentFor(ADMIN)))) {
      say("The engine was ended before its stack was complete: starting an empty one ...");
      await stopEngineProcess(folder);
      for (const remains of [files.state, files.objects]) rmSync(remains, { recursive: true });
      engine = await startEngineProcess(folder, python);
    }
    say("Deploying the stack with the CDK ...");
    credentials = await deploy({ files, bucket, administrator: environmentFor(ADMIN), host });
    // The engine writes down what was deployed only when it stops; so a crash later on loses nothing.
    await stopEngineProcess(folder);
    engine = await startEngineProcess(folder, python);
  }

  const environment = environmentFor(credentials);
  writeEnvironment(files.env, environment);
  return { ...engine, environment, environmentFile: files.env };
}

interface DeploymentStep {
  readonly files: EngineFiles;
  readonly bucket: string;
  readonly administrator: EngineEnvironment;
  /** The host's credentials, where the engine knows them from an earlier deployment. */
  readonly host: Credentials | undefined;
}

/** Returns the host's credentials. */
async function deploy({ files, bucket, administrator, host }: DeploymentStep): Promise<Credentials> {
  if (host === undefined) await bootstrap({ files, bucket, environment: administrator });
  await deployStack({ files, bucket, environment: administrator });

  const iam = new IAMClient(clientSettings(administrator));
  try {
    await ensureHostUser(iam, readStackOutputs(files, bucket).HostPolicyArn);
    // A key that works stays: somebody's shell has loaded it.
    return host ?? (await replaceHostKey(iam));
  } finally {
    iam.destroy();
  }
}

async function knowsHostUser(administrator: EngineEnvironment): Promise<boolean> {
  const iam = new IAMClient(clientSettings(administrator));
  try {
    return await hostUserExists(iam);
  } finally {
    iam.destroy();
  }
}

function holdsRemains(files: EngineFiles): boolean {
  return readdirSync(files.objects).length > 0;
}

/** Stops the engine of a folder; what it holds stays. Returns whether it ran. */
export async function stopEngine(folder: string): Promise<boolean> {
  mkdirSync(folder, { recursive: true });
  return withLock(engineFiles(folder).lock, () => stopEngineProcess(folder));
}

/** The engine of a folder, if it runs. */
export function findEngine(folder: string): FoundEngine | undefined {
  const engine = findEngineProcess(folder);
  const environmentFile = engineFiles(folder).env;
  return engine && { ...engine, environment: readEnvironment(environmentFile), environmentFile };
}

function readCredentials(path: string): Credentials | undefined {
  const known = readEnvironment(path);
  return known && { accessKeyId: known.AWS_ACCESS_KEY_ID, secretAccessKey: known.AWS_SECRET_ACCESS_KEY };
}

/** Also proves that the engine remembers its user and its policy, not only that something answers. */
async function reachesBucket(environment: EngineEnvironment, bucket: string): Promise<boolean> {
  const s3 = new S3Client(clientSettings(environment));
  try {
    await s3.send(new HeadBucketCommand({ Bucket: bucket }));
    return true;
  } catch {
    return false;
  } finally {
    s3.destroy();
  }
}

/**
 * An AWS engine on this machine with the real stack in it: up, down, and what is up. All of its state is in one
 * folder, so that several engines can run beside each other.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { IAMClient } from "@aws-sdk/client-iam";
import { HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { deployStack, isDeployed, readStackOutputs } from "./deployment.ts";
import { clientSettings } from "./engine-client.ts";
import { findEngineProcess, type RunningEngine, startEngineProcess, stopEngineProcess } from "./engine-process.ts";
import { ADMIN, type EngineEnvironment, engineEnvironment, readEnvironment, writeEnvironment } from "./environment.ts";
import { withLock } from "./folder-lock.ts";
import { makeHostUser } from "./host-user.ts";
import { engineFiles } from "./paths.ts";
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

/** Brings an engine with the stack of `bucket` up, doing only what is not done yet. */
export async function startEngine({ folder, bucket, say }: EngineRequest): Promise<Engine> {
  mkdirSync(folder, { recursive: true });
  const files = engineFiles(folder);
  const python = await installEngine(say);
  return withLock(files.lock, async () => {
    if (findEngineProcess(folder) === undefined) say("Starting the local AWS engine ...");
    const engine = await startEngineProcess(folder, python);
    const authority = join(files.tls, "ca.pem");
    const settings = { engine, authority, bucket };

    const known = readEnvironment(files.env);
    if (known !== undefined && isDeployed(files, bucket)) {
      const credentials = { accessKeyId: known.AWS_ACCESS_KEY_ID, secretAccessKey: known.AWS_SECRET_ACCESS_KEY };
      const environment = engineEnvironment({ ...settings, credentials });
      if (await hostReachesBucket(environment, bucket)) {
        // The port may be another one than last time.
        writeEnvironment(files.env, environment);
        return { ...engine, environment, environmentFile: files.env };
      }
    }

    say("Deploying the stack with cdk bootstrap and cdk deploy ...");
    const adminEnvironment = engineEnvironment({ ...settings, credentials: ADMIN });
    await deployStack({ files, bucket, environment: adminEnvironment });
    const iam = new IAMClient(clientSettings(adminEnvironment));
    const credentials = await makeHostUser(iam, readStackOutputs(files, bucket).HostPolicyArn);
    iam.destroy();
    const environment = engineEnvironment({ ...settings, credentials });
    writeEnvironment(files.env, environment);
    return { ...engine, environment, environmentFile: files.env };
  });
}

/** Stops the engine of a folder; what it holds stays. Returns whether it ran. */
export async function stopEngine(folder: string): Promise<boolean> {
  mkdirSync(folder, { recursive: true });
  return withLock(engineFiles(folder).lock, () => stopEngineProcess(folder));
}

/** The engine of a folder, if it is up with its stack. */
export function findEngine(folder: string): Engine | undefined {
  const engine = findEngineProcess(folder);
  const environmentFile = engineFiles(folder).env;
  const environment = readEnvironment(environmentFile);
  return engine && environment && { ...engine, environment, environmentFile };
}

/** Also proves that the engine remembers its user and its policy, not only that something answers. */
async function hostReachesBucket(environment: EngineEnvironment, bucket: string): Promise<boolean> {
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

/**
 * Deploys the real stack into an engine with the real CDK, unless what would be deployed is what was deployed.
 */
import { createHash } from "node:crypto";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type STACK_OUTPUT, stackName } from "#shared/names.ts";
import { ACCOUNT_AND_REGION, cdk } from "./cdk.ts";
import type { EngineEnvironment } from "./environment.ts";
import { type EngineFiles, ROOT } from "./paths.ts";

/** All that the stack and the function's bundle are made from. */
const SOURCES = [
  "cdk.json",
  "package.json",
  "package-lock.json",
  "bundle-handlers.ts",
  "infra/*.ts",
  "{lambda,shared}/**/*.ts",
];

interface Deployment {
  readonly files: EngineFiles;
  readonly bucket: string;
  /** How to reach the engine as its administrator. */
  readonly environment: EngineEnvironment;
  /** What else `cdk deploy` is told by `-c`. */
  readonly context?: Readonly<Record<string, string>>;
}

type OutputName = (typeof STACK_OUTPUT)[keyof typeof STACK_OUTPUT];
/** Where each host has a policy of its own, its outputs are named so. */
type HostOutputName = `${typeof STACK_OUTPUT.hostPolicyArn}${string}`;
export type StackOutputs = Readonly<Record<OutputName, string> & Partial<Record<HostOutputName, string>>>;

/** Once for each engine: makes what the CDK itself needs there. */
export async function bootstrap({ files, bucket, environment }: Deployment): Promise<void> {
  await cdk({ files, environment }, ["bootstrap", ACCOUNT_AND_REGION, "--context", `bucket=${bucket}`]);
}

export async function deployStack({ files, bucket, environment, context = {} }: Deployment): Promise<void> {
  // Taken before the deployment: a source that changes meanwhile is deployed next time.
  const digest = sourcesDigest(bucket);
  await cdk({ files, environment }, [
    "deploy",
    ...Object.entries({ bucket, ...context }).flatMap(([key, value]) => ["--context", `${key}=${value}`]),
    ...["--require-approval", "never", "--outputs-file", files.stackOutputs],
  ]);
  writeFileSync(files.deployed, JSON.stringify({ digest }));
}

/** Whether the stack, as it would be made now, is what was deployed last. */
export function isDeployed(files: EngineFiles, bucket: string): boolean {
  try {
    return JSON.parse(readFileSync(files.deployed, "utf8")).digest === sourcesDigest(bucket);
  } catch {
    return false;
  }
}

export function readStackOutputs(files: EngineFiles, bucket: string): StackOutputs {
  return JSON.parse(readFileSync(files.stackOutputs, "utf8"))[stackName(bucket)];
}

function sourcesDigest(bucket: string): string {
  const hash = createHash("sha256").update(bucket);
  for (const path of globSync(SOURCES, { cwd: ROOT }).sort()) {
    hash.update(`\0${path}\0`).update(readFileSync(join(ROOT, path)));
  }
  return hash.digest("hex");
}

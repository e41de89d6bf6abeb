/**
 * Deploys the real stack into an engine with the real CDK, unless what would be deployed is what was deployed. It
 * knows the engine by standard AWS settings only.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, globSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type STACK_OUTPUT, stackName } from "#shared/names.ts";
import { lastLines } from "./engine-process.ts";
import { cleanEnvironment, type EngineEnvironment, REGION } from "./environment.ts";
import { LocalError } from "./local-error.ts";
import { type EngineFiles, NODE_FOLDER, ROOT } from "./paths.ts";

const CDK = join(ROOT, "node_modules", "aws-cdk", "bin", "cdk");
/** The engine's only account. */
const ACCOUNT = "000000000000";
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
  await cdk(files, environment, ["bootstrap", `aws://${ACCOUNT}/${REGION}`, "--context", `bucket=${bucket}`]);
}

export async function deployStack({ files, bucket, environment, context = {} }: Deployment): Promise<void> {
  // Taken before the deployment: a source that changes meanwhile is deployed next time.
  const digest = sourcesDigest(bucket);
  await cdk(files, environment, [
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

async function cdk(files: EngineFiles, environment: EngineEnvironment, parameters: string[]): Promise<void> {
  const log = openSync(files.cdkLog, "w");
  const child = spawn(process.execPath, [CDK, ...parameters, "--output", files.cdkOutput, "--no-notices", "--ci"], {
    cwd: ROOT,
    stdio: ["ignore", log, log],
    env: cleanEnvironment({
      ...environment,
      PATH: `${NODE_FOLDER}:${process.env.PATH}`,
      // The CDK remembers which account a key belongs to, and all engines have the same key.
      CDK_HOME: files.cdkHome,
      CDK_DISABLE_CLI_TELEMETRY: "true",
    }),
  });
  closeSync(log);
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on("error", reject);
  child.on("close", resolve);
  if ((await promise) !== 0) {
    throw new LocalError(`cdk ${parameters[0]} failed. The end of ${files.cdkLog}:\n${lastLines(files.cdkLog)}`);
  }
}

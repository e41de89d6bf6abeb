/**
 * Runs the real CDK, of this checkout or of another app, against an engine that it knows by standard AWS settings only.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { lastLines } from "./engine-process.ts";
import { cleanEnvironment, type EngineEnvironment, REGION } from "./environment.ts";
import { LocalError } from "./local-error.ts";
import { type EngineFiles, NODE_FOLDER, ROOT } from "./paths.ts";

/** The engine's only account. */
const ACCOUNT = "000000000000";

/** What `cdk bootstrap` makes ready. */
export const ACCOUNT_AND_REGION = `aws://${ACCOUNT}/${REGION}`;

export interface CdkTarget {
  readonly files: EngineFiles;
  /** How to reach the engine as its administrator. */
  readonly environment: EngineEnvironment;
  /**
   * Folder of the CDK app, which has a CDK installed.
   *
   * @default the checkout
   */
  readonly app?: string;
  /**
   * Where the app finds programs.
   *
   * @default the user's, after the Node.js that runs now
   */
  readonly path?: string;
}

/**
 * @returns what the CDK printed
 * @throws {LocalError} with the end of it, when it failed
 */
export async function cdk(target: CdkTarget, parameters: readonly string[]): Promise<string> {
  const { files, environment, app = ROOT, path = `${NODE_FOLDER}:${process.env.PATH}` } = target;
  const command = join(app, "node_modules", "aws-cdk", "bin", "cdk");
  const log = openSync(files.cdkLog, "w");
  const child = spawn(process.execPath, [command, ...parameters, "--output", files.cdkOutput, "--no-notices", "--ci"], {
    cwd: app,
    stdio: ["ignore", log, log],
    env: cleanEnvironment({
      ...environment,
      PATH: path,
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
  return readFileSync(files.cdkLog, "utf8");
}

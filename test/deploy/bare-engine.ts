/**
 * An engine with nothing in it, on a free port, in a folder of its own: an account as an infra team finds it. From then
 * on `liveEngine` and all that uses it lead there.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IAMClient } from "@aws-sdk/client-iam";
import { ACCOUNT_AND_REGION, type CdkTarget, cdk } from "#infra/local/cdk.ts";
import { asAdmin, clientSettings } from "#infra/local/engine-client.ts";
import { startEngineProcess, stopEngineProcess } from "#infra/local/engine-process.ts";
import { engineEnvironment, writeEnvironment } from "#infra/local/environment.ts";
import { engineFiles } from "#infra/local/paths.ts";
import { installEngine } from "#infra/local/virtual-environment.ts";
import { environmentOf, makeUser } from "#test/iam-user.ts";
import { ENGINE_SETTINGS_ENV } from "#test/live-engine.ts";

/** No host is there yet: whoever runs the agent says as whom. */
const NOBODY = { accessKeyId: "nobody", secretAccessKey: "nobody" };
const NO_BUCKET = "none";

/** The outputs of each stack, by their names. */
export type Outputs = Readonly<Record<string, Readonly<Record<string, string>>>>;
export type App = Pick<CdkTarget, "app" | "path">;

/** A user with one policy and nothing else. */
export interface Host {
  /** For what runs as this user. */
  readonly environment: Readonly<Record<string, string>>;
  /** Takes the user away. */
  forget(): Promise<void>;
}

export interface BareEngine {
  /** Runs the CDK as the administrator. Returns what it printed. */
  cdk(parameters: readonly string[], app?: App): Promise<string>;
  /** `cdk bootstrap` */
  bootstrap(context: readonly string[], app?: App): Promise<string>;
  /** `cdk deploy` of all stacks, with nobody to ask. */
  deploy(context: readonly string[], app?: App): Promise<{ readonly said: string; readonly outputs: Outputs }>;
  makeHost(name: string, policyArn: string | undefined): Promise<Host>;
}

/** @param scope the engine goes with it: a test, or the module `node:test` for a whole file */
export async function startBareEngine(scope: { after(hook: () => Promise<void>): void }): Promise<BareEngine> {
  const folder = mkdtempSync(join(tmpdir(), "cback-engine-"));
  scope.after(async () => {
    await stopEngineProcess(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  const files = engineFiles(folder);
  const engine = await startEngineProcess(folder, await installEngine(() => {}));
  const settings = engineEnvironment({ engine, files, bucket: NO_BUCKET, credentials: NOBODY });
  writeEnvironment(files.env, settings);
  process.env[ENGINE_SETTINGS_ENV] = files.env;

  const administrator = asAdmin(settings);
  const iam = new IAMClient(clientSettings(administrator));
  scope.after(async () => iam.destroy());
  const run = (parameters: readonly string[], app: App = {}) =>
    cdk({ files, environment: administrator, ...app }, parameters);
  return {
    cdk: run,
    bootstrap: (context, app) => run(["bootstrap", ACCOUNT_AND_REGION, ...context], app),
    async deploy(context, app) {
      const parameters = ["--all", "--require-approval", "never", "--outputs-file", files.stackOutputs];
      const said = await run(["deploy", ...context, ...parameters], app);
      return { said, outputs: JSON.parse(readFileSync(files.stackOutputs, "utf8")) };
    },
    async makeHost(name, policyArn) {
      if (policyArn === undefined) throw new Error(`the stack has no policy for ${name}`);
      const user = await makeUser(iam, name, { attached: policyArn });
      return { environment: environmentOf(user), forget: user.forget };
    },
  };
}

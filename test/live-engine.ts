/** The running engine, for tests that need the real thing: who can reach it, as whom, and how. */
import { asAdmin, type ClientSettings, clientSettings } from "#infra/local/engine-client.ts";
import { cleanEnvironment, type EngineEnvironment, readEnvironment } from "#infra/local/environment.ts";

/** Names the engine's file of settings, like the one that `npm run local -- up` writes to `.local/env`. */
export const ENGINE_SETTINGS_ENV = "TEST_ENGINE_ENV_FILE";

export interface LiveEngine {
  readonly bucket: string;
  readonly environment: EngineEnvironment;
  /** Settings for any AWS client as the host, which has the host policy and nothing else. */
  readonly host: ClientSettings;
  /** The same as the engine's administrator, whom no policy binds. */
  readonly administrator: ClientSettings;
  /** A process environment that leads a program there as the host, and nothing of the user's own AWS settings. */
  readonly processEnvironment: NodeJS.ProcessEnv;
}

export function liveEngine(): LiveEngine {
  const path = process.env[ENGINE_SETTINGS_ENV];
  const environment = path === undefined ? undefined : readEnvironment(path);
  if (environment === undefined) {
    throw new Error("No engine to test with: run this by `npm test -- PATH`, in a folder that test/run.ts knows.");
  }
  return {
    bucket: environment.CBACK_BUCKET_URL.replace("s3://", ""),
    environment,
    host: clientSettings(environment),
    administrator: clientSettings(asAdmin(environment)),
    processEnvironment: cleanEnvironment({ ...environment }),
  };
}

/**
 * How this process itself talks to an engine. Its own environment is left alone: the certificate authority is read
 * when Node starts, too early for an engine that is started later.
 */
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import type { Credentials, EngineEnvironment } from "./environment.ts";

export interface ClientSettings {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: Credentials;
  readonly requestHandler: { readonly httpsAgent: Agent };
}

/** Settings for any AWS client, as the principal whose credentials the environment holds. */
export function clientSettings(environment: EngineEnvironment): ClientSettings {
  return {
    endpoint: environment.AWS_ENDPOINT_URL,
    region: environment.AWS_REGION,
    credentials: {
      accessKeyId: environment.AWS_ACCESS_KEY_ID,
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY,
    },
    requestHandler: { httpsAgent: new Agent({ ca: readFileSync(environment.NODE_EXTRA_CA_CERTS), keepAlive: true }) },
  };
}

/** The same engine, seen by its administrator. */
export function asAdmin(environment: EngineEnvironment): EngineEnvironment {
  return {
    ...environment,
    AWS_ACCESS_KEY_ID: environment.LOCAL_ADMIN_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: environment.LOCAL_ADMIN_SECRET_ACCESS_KEY,
  };
}

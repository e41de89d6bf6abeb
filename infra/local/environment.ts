/**
 * The standard AWS settings that lead a client to an engine, and the file that holds them for other clients. It knows
 * names and values, not what they are for.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { RunningEngine } from "./engine-process.ts";
import { LocalError } from "./local-error.ts";
import type { EngineFiles } from "./paths.ts";

export const REGION = "us-east-1";

/** The engine's built-in administrator; throw-away, for it only exists on this machine. */
export const ADMIN = { accessKeyId: "test", secretAccessKey: "test" };

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What is in an engine's `env` file. */
export interface EngineEnvironment {
  readonly AWS_ENDPOINT_URL: string;
  readonly NODE_EXTRA_CA_CERTS: string;
  readonly AWS_CA_BUNDLE: string;
  readonly AWS_REGION: string;
  readonly AWS_DEFAULT_REGION: string;
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
  readonly AWS_SESSION_TOKEN: string;
  readonly AWS_EC2_METADATA_DISABLED: string;
  readonly CBACK_BUCKET_URL: string;
  readonly LOCAL_ADMIN_ACCESS_KEY_ID: string;
  readonly LOCAL_ADMIN_SECRET_ACCESS_KEY: string;
}

interface EngineSettings {
  readonly engine: RunningEngine;
  readonly files: EngineFiles;
  readonly credentials: Credentials;
  readonly bucket: string;
}

export function engineEnvironment({ engine, files, credentials, bucket }: EngineSettings): EngineEnvironment {
  return {
    AWS_ENDPOINT_URL: engine.endpoint,
    NODE_EXTRA_CA_CERTS: files.authority,
    AWS_CA_BUNDLE: files.authority,
    AWS_REGION: REGION,
    // Some clients only know this name.
    AWS_DEFAULT_REGION: REGION,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    // One that the user's shell still has would be sent along with these credentials.
    AWS_SESSION_TOKEN: "",
    AWS_EC2_METADATA_DISABLED: "true",
    CBACK_BUCKET_URL: `s3://${bucket}`,
    LOCAL_ADMIN_ACCESS_KEY_ID: ADMIN.accessKeyId,
    LOCAL_ADMIN_SECRET_ACCESS_KEY: ADMIN.secretAccessKey,
  };
}

/**
 * The user's environment without anything that would lead a client of AWS, or a certificate's check, elsewhere; then
 * the given settings.
 */
export function cleanEnvironment(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) =>
      !/^(AWS_|CDK_|CBACK_|NODE_|npm_|SSL_CERT_|REQUESTS_CA_BUNDLE$|CURL_CA_BUNDLE$)/.test(name) &&
      // A proxy cannot reach an engine on this machine.
      !/^(https?|all)_proxy$/i.test(name),
  );
  return { ...Object.fromEntries(own), ...settings };
}

/** Lines of `NAME=value` that a shell and `node --env-file` read alike. */
export function writeEnvironment(path: string, environment: EngineEnvironment): void {
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${quoted(value)}\n`);
  const candidate = `${path}.new`;
  writeFileSync(candidate, lines.join(""), { mode: 0o600 });
  renameSync(candidate, path);
}

/** Plain where nothing needs quotes, then in those that mean the same to both readers. */
function quoted(value: string): string {
  if (/^[\w./:@%+,=-]*$/.test(value)) return value;
  if (!value.includes("'")) return `'${value}'`;
  if (/["$`\\\n]/.test(value)) throw new LocalError(`No shell reads this back as it is: ${value}\nMove the checkout.`);
  return `"${value}"`;
}

export function readEnvironment(path: string): EngineEnvironment | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  const pairs = text.split("\n").flatMap((line) => {
    const match = /^(\w+)=(['"]?)(.*)\2$/.exec(line);
    return match ? [[match[1], match[3]]] : [];
  });
  return Object.fromEntries(pairs);
}

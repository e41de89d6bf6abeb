/**
 * What `cdk deploy -c KEY=VALUE` tells the app, read and checked: the keys stand in one table, an unknown one is
 * refused. It knows nothing of stacks.
 */
import { nearest } from "#shared/nearest.ts";
import { servedBucketFault } from "./bucket-name.ts";
import { CONTEXT_KEYS, type ContextKey } from "./context-keys.ts";
import type { Host } from "./hosts.ts";

/** One stack to make. */
export interface Settings {
  readonly bucketName: string;
  readonly existing: boolean;
  readonly hosts: readonly Host[] | undefined;
  readonly alarmEmail: string | undefined;
  /** ARN. */
  readonly encryptionKey: string | undefined;
  /** In days. */
  readonly reportRetention: number | undefined;
  /** In days. */
  readonly oldVersionRetention: number | undefined;
  /** In hours. */
  readonly maxSilence: number | undefined;
  readonly unwatched: readonly string[] | undefined;
}

/** Something on the command line that the app cannot take; one line that names the key. */
export class ContextError extends Error {
  override readonly name = "ContextError";
}

/** @throws {ContextError} */
export function readContext(context: Readonly<Record<string, unknown>>): Settings[] {
  for (const key of Object.keys(context)) if (!isKnown(key)) throw new ContextError(unknownKey(key));
  const text = (key: ContextKey): string | undefined => {
    const value = context[key];
    if (value === undefined) return undefined;
    const given = String(value).trim();
    if (typeof value === "object") throw new ContextError(`-c ${key}: it is not text, as in ${example(key)}`);
    if (given === "") throw new ContextError(`-c ${key}: it has no value, as in ${example(key)}`);
    return given;
  };
  const list = (key: ContextKey): string[] => (text(key)?.split(",") ?? []).map((item) => item.trim());
  const count = (key: ContextKey): number | undefined => {
    const given = text(key);
    if (given !== undefined && !/^[1-9]\d{0,5}$/.test(given))
      throw new ContextError(`-c ${key}: [${given}] is not a whole number from 1 on, as in ${example(key)}`);
    return given === undefined ? undefined : Number(given);
  };

  const buckets = (["bucket", "existingBucket"] as const).flatMap((key) =>
    list(key).map((bucketName) => ({ key, bucketName, existing: key === "existingBucket" })),
  );
  if (buckets.length === 0)
    throw new ContextError("Name the bucket: add -c bucket=NAME, as in npx cdk deploy -c bucket=my-backups");
  const names = buckets.map(({ bucketName }) => bucketName);
  for (const [position, { key, bucketName }] of buckets.entries()) {
    const fault = servedBucketFault(bucketName);
    if (fault !== undefined) throw new ContextError(`-c ${key}: ${fault}`);
    if (names.indexOf(bucketName) < position) throw new ContextError(`-c ${key}: [${bucketName}] is named twice`);
  }
  const settings = {
    hosts: context.hosts === undefined ? undefined : list("hosts").map(host),
    alarmEmail: email(text("alarmEmail")),
    encryptionKey: keyArn(text("encryptionKey")),
    reportRetention: count("reportRetention"),
    oldVersionRetention: count("oldVersionRetention"),
    maxSilence: count("maxSilence"),
    unwatched: text("unwatched") === undefined ? undefined : list("unwatched").map(keyPrefix),
  };
  return buckets.map(({ bucketName, existing }) => ({ bucketName, existing, ...settings }));
}

/** What the CDK itself keeps in a context; all its other keys have a colon or an @ in them. */
const CDK_KEYS: readonly string[] = ["acknowledged-issue-numbers", "cdk-migrate", "cli-telemetry", "tree"];

function isKnown(key: string): boolean {
  return Object.hasOwn(CONTEXT_KEYS, key) || /[:@]/.test(key) || CDK_KEYS.includes(key);
}

function unknownKey(key: string): string {
  const known = Object.keys(CONTEXT_KEYS);
  const near = nearest(key, known);
  const hint = near === undefined ? `known are ${known.join(", ")}` : `did you mean ${near}?`;
  return `-c ${key}: there is no such key; ${hint}`;
}

function example(key: ContextKey): string {
  return `-c ${key}=${CONTEXT_KEYS[key].example}`;
}

/** `web1`, or `web1=servers/web1` for another prefix than its name. */
function host(given: string): Host {
  const equals = given.indexOf("=");
  return equals < 0 ? { name: given } : { name: given.slice(0, equals), prefix: given.slice(equals + 1) };
}

/** `web1` or `web1/`; `/` is the status of the whole bucket alone. */
function keyPrefix(given: string): string {
  if (given === "/") return "";
  return given.endsWith("/") ? given : `${given}/`;
}

function email(given: string | undefined): string | undefined {
  if (given !== undefined && !/^[^\s@,]+@[^\s@,]+$/.test(given))
    throw new ContextError(`-c alarmEmail: [${given}] is no e-mail address, as in ${example("alarmEmail")}`);
  return given;
}

function keyArn(given: string | undefined): string | undefined {
  if (given !== undefined && !/^arn:[\w-]+:kms:[\w-]+:\d{12}:key\/[\w-]+$/.test(given))
    throw new ContextError(
      `-c encryptionKey: [${given}] is not the ARN of a KMS key, as in ${example("encryptionKey")}`,
    );
  return given;
}

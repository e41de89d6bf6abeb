/** What a run syncs to: a bucket, and the key prefix below which everything lies. Parsed from the user's S3 URL. */
import { keyBytes } from "#shared/key.ts";
import { RESERVED_PREFIX } from "#shared/names.ts";
import { RUN_PATTERN } from "#shared/run-id.ts";

export interface Target {
  readonly bucket: string;
  /** "" for a whole bucket, otherwise it ends in "/": `s3://b/p` never reaches `p2/`. */
  readonly keyPrefix: string;
}

/** A URL that cannot be a target; the message is the reason, as a phrase. */
export class TargetError extends Error {
  override readonly name = "TargetError";
}

/** The longest key prefix, in bytes, its last "/" included: the names of reports and parts, which repeat it, must fit into a key. */
export const MAX_KEY_PREFIX_BYTES = 900;

/**
 * Reads `s3://bucket`, `s3://bucket/`, `s3://bucket/prefix` or `s3://bucket/prefix/`.
 *
 * @throws {TargetError} when the URL is anything else
 */
export function parseTarget(url: string): Target {
  if (!url.startsWith("s3://")) throw new TargetError("it does not begin with s3://");
  const rest = url.slice("s3://".length);
  const slash = rest.indexOf("/");
  const bucket = slash < 0 ? rest : rest.slice(0, slash);
  const prefix = slash < 0 ? "" : rest.slice(slash + 1);
  const keyPrefix = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
  const fault = bucketNameFault(bucket) ?? keyPrefixFault(keyPrefix);
  if (fault !== undefined) throw new TargetError(fault);
  return { bucket, keyPrefix };
}

/** As `parseTarget` reads it: `s3://bucket/` or `s3://bucket/prefix/`. */
export function targetUrl({ bucket, keyPrefix }: Target): string {
  return `s3://${bucket}/${keyPrefix}`;
}

/** Why a key prefix cannot be one, or undefined. Also asked by the validator of every message. */
export function keyPrefixFault(keyPrefix: string): string | undefined {
  if (keyPrefix === "") return undefined;
  if (!keyPrefix.endsWith("/")) return "the prefix does not end in /";
  if (!keyPrefix.isWellFormed()) return "the prefix is not Unicode text";
  const segments = keyPrefix.slice(0, -1).split("/");
  if (segments.includes("")) return "the prefix has an empty segment (//)";
  const dots = segments.find((segment) => segment === "." || segment === "..");
  if (dots !== undefined) return `a segment of the prefix is named [${dots}]`;
  if (`${segments[0]}/` === RESERVED_PREFIX) return `${RESERVED_PREFIX} belongs to the validator`;
  // The parts of `<run>/` would lie among those of the run of that name one level up.
  if (segments.some((segment) => RUN_ID.test(segment))) return "the prefix has a segment that looks like a run id";
  if (keyBytes(keyPrefix) > MAX_KEY_PREFIX_BYTES) return `the prefix is longer than ${MAX_KEY_PREFIX_BYTES} bytes`;
  return undefined;
}

const RUN_ID = new RegExp(RUN_PATTERN);

/**
 * Why a bucket cannot be a target, or undefined. Also asked before anything is deployed for it.
 * Rules: S3 user guide, "General purpose buckets naming rules".
 */
export function bucketNameFault(bucket: string): string | undefined {
  if (bucket === "") return "it names no bucket";
  if (bucket.endsWith("--x-s3"))
    return `bucket [${bucket}] is a directory bucket (S3 Express One Zone), which lists its keys in no order; use a general purpose bucket`;
  const fault = BUCKET_NAME_RULES.find(([pattern]) => pattern.test(bucket))?.[1];
  return fault === undefined ? undefined : `[${bucket}] is no bucket name (${fault})`;
}

/** What no name may match, and what to say then. */
const BUCKET_NAME_RULES: readonly [RegExp, string][] = [
  [
    /^(?![a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$)/,
    "3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at each end",
  ],
  [/\.\./, "two dots in a row"],
  [/^\d+\.\d+\.\d+\.\d+$/, "an IP address"],
  [/^(xn--|sthree-|amzn-s3-demo-)/, "AWS keeps what begins with xn--, sthree- or amzn-s3-demo-"],
  [/(-s3alias|--ol-s3|\.mrap|--table-s3)$/, "AWS keeps what ends in -s3alias, --ol-s3, .mrap or --table-s3"],
];

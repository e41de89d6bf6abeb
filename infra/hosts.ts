/** Which host may use which prefix: names and prefixes, checked before any policy is made of them. */
import { keyPrefixFault } from "#shared/target.ts";
import { PropError } from "./prop-error.ts";

/** A host, and the part of the bucket that is its own. */
export interface Host {
  /** Letters, digits, `.`, `_` and `-`, at most 64: web1, db-2.example.com. */
  readonly name: string;
  /**
   * What the host may sync to is `s3://BUCKET/<prefix>` and all below it. Letters, digits, spaces and `._=@+,()/-`, at
   * most 256.
   *
   * @default the host's name
   */
  readonly prefix?: string;
}

/** A host that was checked. */
export interface CheckedHost {
  readonly name: string;
  /** Ends in "/". */
  readonly keyPrefix: string;
  readonly id: string;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
// A policy would take * and ? for wildcards, $ for a variable.
const PREFIX = /^[A-Za-z0-9._=@+,() /-]+$/;
/** A policy repeats it ten times, and has 6,144 characters at most (IAM user guide, "IAM and AWS STS quotas"). */
export const MAX_PREFIX_LENGTH = 256;
/** Each has an output, of which a stack has 200 at most (CloudFormation user guide, "CloudFormation quotas"). */
export const MAX_HOSTS = 190;

/** @throws {PropError} that names the host, when a name or prefix cannot be one, or when two reach into each other */
export function checkHosts(hosts: readonly Host[]): CheckedHost[] {
  if (hosts.length === 0)
    throw new PropError("hosts", "[] names nobody; leave it out for one policy for the whole bucket");
  if (hosts.length > MAX_HOSTS)
    throw new PropError("hosts", `${hosts.length} hosts are more than the ${MAX_HOSTS} that fit into a stack`);
  const checked = hosts.map(checkHost);
  for (const [position, host] of checked.entries()) {
    for (const other of checked.slice(0, position)) {
      if (host.id === other.id)
        throw new PropError("hosts", `[${other.name}] and [${host.name}] need names that differ in letters or digits`);
      if (host.keyPrefix.startsWith(other.keyPrefix) || other.keyPrefix.startsWith(host.keyPrefix))
        throw new PropError(
          "hosts",
          `[${other.name}] and [${host.name}] overlap: one of ${other.keyPrefix} and ${host.keyPrefix} lies in the other; give each a prefix of its own`,
        );
    }
  }
  return checked;
}

function checkHost({ name, prefix = name }: Host): CheckedHost {
  if (!NAME.test(name))
    throw new PropError(
      "hosts",
      `[${name}] is no host name (1 to 64 letters, digits, dots, _ and -, the first a letter or digit)`,
    );
  const keyPrefix = prefix.endsWith("/") ? prefix : `${prefix}/`;
  const fault =
    prefix === "" || prefix === "/"
      ? "it reaches the whole bucket; leave hosts out for that"
      : PREFIX.test(prefix)
        ? (keyPrefixFault(keyPrefix) ?? lengthFault(prefix))
        : "in a policy only letters, digits, spaces and . _ = @ + , ( ) - / mean themselves";
  if (fault !== undefined) throw new PropError("hosts", `the prefix [${prefix}] of [${name}] cannot be: ${fault}`);
  return { name, keyPrefix, id: hostId(name) };
}

function lengthFault(prefix: string): string | undefined {
  return prefix.length > MAX_PREFIX_LENGTH
    ? `it is longer than ${MAX_PREFIX_LENGTH} characters, which no policy would hold`
    : undefined;
}

/** A host's name as CloudFormation takes it in names of resources and outputs: letters and digits. */
export function hostId(name: string): string {
  return name
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}

/**
 * From argv to what is asked for: typed, checked, read-only. Everything that can be wrong with a command line is found
 * here, before anything is opened or sent. Knows no files and no AWS.
 */
import { parseArgs } from "citty";
import { AGENT_ENV, queueName } from "#shared/names.ts";
import { MAX_SHARD_ENTRIES } from "#shared/shard.ts";
import { parseTarget, type Target, TargetError } from "#shared/target.ts";
import { canonicalArguments } from "./argv.ts";
import { ARGUMENTS, COMMAND_NAME, DEFAULT_MODE, DEFAULT_TIMEOUT, SWITCHES } from "./command.ts";
import { Failure } from "./errors.ts";
import type { MaxDelete } from "./guard.ts";

/** An owner by names, as `--owner` takes it. */
export interface OwnerNames {
  readonly user: string;
  readonly group: string;
}

export interface LogOptions {
  /** As given; undefined is the default log file, which may fall back to the user's own. */
  readonly logfile: string | undefined;
  /** As given; undefined is the default owner, which is set where that is possible. */
  readonly owner: OwnerNames | undefined;
  readonly mode: number;
  readonly verbose: boolean;
  readonly quiet: boolean;
  /** Log each AWS request: `--output`, or `--debug`, which implies it. */
  readonly output: boolean;
  readonly debug: boolean;
}

/** What a run is asked to do. */
export interface Options {
  /** As given: absolute or relative, with or without a slash at its end. */
  readonly sourceDir: string;
  readonly target: Target;
  readonly verifyOnly: boolean;
  readonly uploadOnly: boolean;
  readonly ignoreWarnings: boolean;
  readonly allowEmptySource: boolean;
  /** Go on where the last run was of another host or source. */
  readonly takeOver: boolean;
  readonly allowUnmountedSource: boolean;
  /** A path below the source that must be there. */
  readonly requireFile: string | undefined;
  /** The most that may be deleted; undefined: what the guard takes for ordinary. */
  readonly maxDelete: MaxDelete | undefined;
  /** Compare the content of every file, whatever its size and times say. */
  readonly checksum: boolean;
  /** Leave out directories on other file systems than the source's. */
  readonly oneFileSystem: boolean;
  /** How long to wait for the report. */
  readonly timeoutMs: number;
  /** Set where the queue is not the one named after the bucket. */
  readonly queueUrl: string | undefined;
  readonly detailedExitCodes: boolean;
  readonly stack: boolean;
  /** For tests only: most entries in a shard. */
  readonly shardEntries: number | undefined;
  readonly log: LogOptions;
  /** The command line as it was understood, for the log. No switch takes a secret. */
  readonly shown: string;
}

/** What the command line asks for. */
export type Request =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "diagnostics"; readonly target: Target | undefined; readonly queueUrl: string | undefined }
  | { readonly kind: "run"; readonly options: Options };

type Environment = Readonly<Record<string, string | undefined>>;

// A limit on every wait. SQS keeps a message for 14 days at most, so no later report could come.
const LONGEST_TIMEOUT_MS = 14 * 24 * 3_600_000;
const UNITS_MS = { "": 1_000, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const HIGHEST_MODE = 0o7777;

/** @throws {Failure} with the outcome "arguments" */
export function readRequest(argv: readonly string[], environment: Environment): Request {
  const canonical = canonicalArguments(argv);
  const end = canonical.indexOf("--");
  const parsed = parseArgs(canonical.slice(0, end), SWITCHES);
  const positionals = canonical.slice(end + 1);

  if (parsed.help === true) return { kind: "help" };
  if (parsed.version === true) return { kind: "version" };

  const queueUrl = readQueueUrl(parsed.queue, environment);
  if (parsed.diagnostics === true) {
    const url = positionals.length > 1 ? positionals[1] : positionals.find((text) => text.startsWith("s3://"));
    return { kind: "diagnostics", target: url === undefined ? undefined : readTarget(url), queueUrl };
  }

  const log: LogOptions = {
    logfile: parsed.logfile,
    owner: parsed.owner === undefined ? undefined : readOwner(parsed.owner),
    mode: readMode(parsed.mode ?? DEFAULT_MODE),
    verbose: parsed.verbose === true,
    quiet: parsed.quiet === true,
    output: parsed.output === true || parsed.debug === true,
    debug: parsed.debug === true,
  };
  if (parsed.verifyOnly === true && parsed.uploadOnly === true) {
    throw wrong(
      "use the switches",
      "--verifyOnly --uploadOnly",
      "one forbids what the other asks for",
      "Give one of them: --uploadOnly verifies as well.",
    );
  }
  const timeoutMs = readDuration(parsed.timeout ?? DEFAULT_TIMEOUT);
  const shardEntries = readShardEntries(environment);
  const [sourceDir, url] = readPositionals(positionals);
  return {
    kind: "run",
    options: {
      sourceDir,
      target: readTarget(url),
      verifyOnly: parsed.verifyOnly === true,
      uploadOnly: parsed.uploadOnly === true,
      ignoreWarnings: parsed.ignoreWarnings === true,
      allowEmptySource: parsed["allow-empty-source"] === true,
      takeOver: parsed["take-over"] === true,
      allowUnmountedSource: parsed["allow-unmounted-source"] === true,
      requireFile: parsed["require-file"] === undefined ? undefined : readRequiredFile(parsed["require-file"]),
      maxDelete: parsed["max-delete"] === undefined ? undefined : readMaxDelete(parsed["max-delete"]),
      checksum: parsed.checksum === true,
      oneFileSystem: parsed["one-file-system"] === true,
      timeoutMs,
      queueUrl,
      detailedExitCodes: parsed["detailed-exit-codes"] === true,
      stack: parsed.stack === true,
      shardEntries,
      log,
      shown: [...canonical.slice(0, end), ...positionals].join(" "),
    },
  };
}

function readPositionals(positionals: readonly string[]): [sourceDir: string, url: string] {
  const names = Object.keys(ARGUMENTS);
  const [sourceDir, url, surplus] = positionals;
  const missing = positionals.length === 1 && sourceDir?.startsWith("s3://") ? names[0] : names[positionals.length];
  if (sourceDir === undefined || url === undefined) {
    throw wrong(
      "use the command line",
      [COMMAND_NAME, ...positionals].join(" "),
      `the argument ${missing} is missing`,
      `It is used as ${COMMAND_NAME} [switches] ${names.join(" ")}; more: ${COMMAND_NAME} --help`,
    );
  }
  if (surplus !== undefined) {
    throw wrong(
      "use the argument",
      surplus,
      `there are ${positionals.length} arguments, and two are needed: ${names.join(" and ")}`,
      "Put quotes around a directory whose name has spaces.",
    );
  }
  if (sourceDir === "") {
    throw wrong("use the directory", sourceDir, "its name is empty", "Name the directory; the current one is [.].");
  }
  if (sourceDir.startsWith("s3://")) {
    throw wrong(
      "use the directory",
      sourceDir,
      "that is a URL",
      "The directory comes first, the URL of the bucket second.",
    );
  }
  return [sourceDir, url];
}

function readTarget(url: string): Target {
  try {
    return parseTarget(url);
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    throw wrong("use the bucket URL", url, error.message, "It is written as s3://BUCKET or s3://BUCKET/PREFIX.", error);
  }
}

function readQueueUrl(given: string | undefined, environment: Environment): string | undefined {
  const fromEnvironment = environment[AGENT_ENV.queueUrl];
  const text = given ?? (fromEnvironment === "" ? undefined : fromEnvironment);
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSecret = url !== undefined && url.username + url.password !== "";
  if (url !== undefined && !isSecret && /^https?:$/.test(url.protocol) && /^\/[^/]+/.test(url.pathname)) return text;
  throw wrong(
    given === undefined ? `use the environment variable ${AGENT_ENV.queueUrl}` : "use the switch --queue with",
    withoutUser(text),
    isSecret ? "a URL of a queue holds no user and no password" : "it is not the URL of a queue",
    `It looks like https://sqs.eu-central-1.amazonaws.com/123456789012/${queueName("my-bucket")}.`,
  );
}

/** A password may hold all that a URL has a meaning for, also where it is none that can be read. */
function withoutUser(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:)?.*@/is, "$1//***@");
}

function readShardEntries(environment: Environment): number | undefined {
  const text = environment[AGENT_ENV.shardEntries];
  if (text === undefined || text === "") return undefined;
  const entries = /^\d+$/.test(text) ? Number(text) : 0;
  if (entries >= 1 && entries <= MAX_SHARD_ENTRIES) return entries;
  throw wrong(
    `use the environment variable ${AGENT_ENV.shardEntries}`,
    text,
    `it is no number from 1 to ${MAX_SHARD_ENTRIES}`,
    "Unset it: it is for tests of this program only.",
  );
}

function readOwner(text: string): OwnerNames {
  const operation = "use the switch --owner with";
  const hint = "It is written as USER:GROUP with the names of both, like root:adm.";
  const [user, group, surplus] = text.split(":");
  if (user === undefined || group === undefined || user === "" || group === "" || surplus !== undefined) {
    throw wrong(operation, text, "it is not a user and a group with a colon between", hint);
  }
  for (const name of [user, group]) {
    // A name that is a number would be taken for the id of somebody else.
    if (/^[+-]?\d+$/.test(name)) throw wrong(operation, text, `${name} is a number, and only names are taken`, hint);
    if (/^-|[\s,/]/.test(name)) throw wrong(operation, text, `no user or group has the name ${name}`, hint);
  }
  return { user, group };
}

function readMode(text: string): number {
  const mode = /^(?:0o)?[0-7]+$/.test(text) ? Number.parseInt(text.replace("0o", ""), 8) : Number.NaN;
  if (mode <= HIGHEST_MODE) return mode;
  throw wrong(
    "use the switch --mode with",
    text,
    "it is not an octal number of permissions",
    "It is written like 640: read and write for the owner, read for the group.",
  );
}

function readDuration(text: string): number {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)([smh]?)$/.exec(text) ?? [];
  const durationMs = digits === "" ? Number.NaN : Math.ceil(Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS]);
  if (durationMs > 0 && durationMs <= LONGEST_TIMEOUT_MS) return durationMs;
  const reason = Number.isNaN(durationMs)
    ? "it is not a duration"
    : durationMs > 0
      ? "it is longer than the 14 days for which SQS keeps a message"
      : "it must be more than zero";
  throw wrong("use the switch --timeout with", text, reason, "It is written like 90s, 15m or 2h; 90 means 90s.");
}

function readRequiredFile(text: string): string {
  if (!text.startsWith("/") && !text.split("/").includes("..")) return text;
  throw wrong(
    "use the switch --require-file with",
    text,
    "it does not lie below the source",
    "Name it as seen from the source: .mounted or photos/.mounted.",
  );
}

function readMaxDelete(text: string): MaxDelete {
  const [, digits = "", sign] = /^(\d{1,15})(%?)$/.exec(text) ?? [];
  const most = Number(digits);
  if (digits !== "" && (sign === "" || most <= 100)) return { most, unit: sign === "" ? "objects" : "percent" };
  throw wrong(
    "use the switch --max-delete with",
    text,
    sign === "%" ? "it is more than all" : "it is neither a number of objects nor a percentage",
    "It is written like 1000 or 25%; 100% lets all go, 0 none.",
  );
}

function wrong(operation: string, subject: string, reason: string, hint: string, cause?: unknown): Failure {
  return new Failure({ outcome: "arguments", operation, subject, reason, hint, cause });
}

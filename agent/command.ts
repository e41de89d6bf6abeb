/**
 * What the command line looks like: the one table of switches and arguments. Parsing, the help text and the
 * suggestions are made from it. Adding a switch? Start here, then take its value in `options.ts`.
 *
 * Knows nothing of what the switches do.
 */
import type { ArgDef } from "citty";
import { AGENT_ENV } from "#shared/names.ts";

export const COMMAND_NAME = "cback-amazons3-sync";
export const COMMAND_DESCRIPTION =
  "Makes a bucket hold what a directory holds, has a second principal check that in the cloud, " +
  "and turns the verdict into the exit code.";

export const DEFAULT_LOG_FILE = "/var/log/cback.log";
export const DEFAULT_OWNER = "root:adm";
export const DEFAULT_MODE = "640";
export const DEFAULT_TIMEOUT = "15m";
/** For the help only: the rule is the guard's. */
const DEFAULT_MAX_DELETE = "50%, once more than 100 objects would go";

/** Groups of the help text, in its order. */
export const SWITCH_GROUPS = {
  run: "What the run does",
  output: "Log and screen",
  about: "About the command",
} as const;

/** A row of the table: what citty wants to know (type, letter, name of the value, text), and what the help adds. */
type SwitchRow = ArgDef & {
  type: "boolean" | "string";
  description: string;
  group: keyof typeof SWITCH_GROUPS;
  /** The default as the help shows it. The value itself is filled in by `options.ts`, which must know what was given. */
  shownDefault?: string;
};

/**
 * The keys are the long names as the help shows them. The camel case ones are the predecessor's; both spellings of
 * every name are taken (`--verifyOnly` and `--verify-only`).
 */
export const SWITCHES = {
  verifyOnly: {
    type: "boolean",
    alias: "v",
    group: "run",
    description: "Only have the bucket checked: send nothing, delete nothing.",
  },
  uploadOnly: {
    type: "boolean",
    alias: "u",
    group: "run",
    description: "Send what is new, delete nothing. Objects without a file are listed, and are no mismatch.",
  },
  ignoreWarnings: {
    type: "boolean",
    alias: "w",
    group: "run",
    description: "File names that cannot be kept in S3 are warnings, not errors.",
  },
  checksum: {
    type: "boolean",
    group: "run",
    description: "Read every file and compare its content, by checksums: nothing is believed for its size and times.",
  },
  "one-file-system": {
    type: "boolean",
    group: "run",
    description: "Skip directories on other file systems. What the bucket holds of them stays, and is no mismatch.",
  },
  "allow-empty-source": {
    type: "boolean",
    group: "run",
    description: "Let an empty directory empty the bucket. Without it such a run stops before it deletes anything.",
  },
  "take-over": {
    type: "boolean",
    group: "run",
    description: "Go on where the last sync was of another host or source: from now on the target is this one's.",
  },
  "allow-unmounted-source": {
    type: "boolean",
    group: "run",
    description: "Go on where the source lay on a file system that was mounted at the last run and is not now.",
  },
  "require-file": {
    type: "string",
    valueHint: "NAME",
    group: "run",
    description: "Stop unless the source holds NAME, like a mark on a file system that must be mounted.",
  },
  "max-delete": {
    type: "string",
    valueHint: "N|N%",
    group: "run",
    shownDefault: DEFAULT_MAX_DELETE,
    description: "Delete nothing if more than N objects would go, or N% of those that were there before.",
  },
  queue: {
    type: "string",
    valueHint: "URL",
    group: "run",
    description: `The validator's SQS queue, where it is not the one named after the bucket. Also: ${AGENT_ENV.queueUrl}.`,
  },
  timeout: {
    type: "string",
    valueHint: "DURATION",
    group: "run",
    shownDefault: DEFAULT_TIMEOUT,
    description: "How long to wait for the validator's report: 90s, 15m, 2h; a bare number is seconds.",
  },
  "detailed-exit-codes": {
    type: "boolean",
    group: "run",
    description: "Tell apart what exit code 6 stands for, see below.",
  },
  verbose: {
    type: "boolean",
    alias: "b",
    group: "output",
    description: "Show on the screen what goes to the log.",
  },
  quiet: {
    type: "boolean",
    alias: "q",
    group: "output",
    description: "Show nothing on the screen. The log and the exit code still tell.",
  },
  logfile: {
    type: "string",
    alias: "l",
    valueHint: "FILE",
    group: "output",
    shownDefault: DEFAULT_LOG_FILE,
    description: "Where to write the log.",
  },
  owner: {
    type: "string",
    alias: "o",
    valueHint: "USER:GROUP",
    group: "output",
    shownDefault: DEFAULT_OWNER,
    description: "Whose the log file is, by names. Only used when the log file is created.",
  },
  mode: {
    type: "string",
    alias: "m",
    valueHint: "OCTAL",
    group: "output",
    shownDefault: DEFAULT_MODE,
    description: "Permissions of the log file. Only used when the log file is created.",
  },
  output: {
    type: "boolean",
    alias: "O",
    group: "output",
    description: "Log each request to AWS and its outcome.",
  },
  debug: {
    type: "boolean",
    alias: "d",
    group: "output",
    description: "Log the inner workings as well. Implies --output.",
  },
  stack: {
    type: "boolean",
    alias: "s",
    group: "output",
    description: "On errors print the whole stack trace with its causes.",
  },
  help: {
    type: "boolean",
    alias: "h",
    group: "about",
    description: "Print this text and exit.",
  },
  version: {
    type: "boolean",
    alias: "V",
    group: "about",
    description: "Print the version and exit.",
  },
  diagnostics: {
    type: "boolean",
    alias: "D",
    group: "about",
    description:
      "Print what the command runs on and as whom, and exit. No arguments needed, s3BucketUrl is used when given.",
  },
} as const satisfies Record<string, SwitchRow>;

// citty never complains about a missing argument (`required: false`): whether it is needed depends on the switches,
// and `options.ts` says it with a hint.
export const ARGUMENTS = {
  sourceDir: {
    type: "positional",
    required: false,
    description: "The directory to sync. It must exist.",
  },
  s3BucketUrl: {
    type: "positional",
    required: false,
    description: "s3://BUCKET or s3://BUCKET/PREFIX. A slash at the end makes no difference.",
  },
} as const satisfies Record<string, ArgDef>;

export const EXAMPLES = [
  { text: "Make the bucket hold what /home/me holds, and have that checked", line: "/home/me s3://my-bucket/me" },
  { text: "Only have it checked", line: "--verifyOnly /home/me s3://my-bucket/me" },
  {
    text: "From cron: nothing on the screen, a log of its own",
    line: "-q -l /var/log/me.log /home/me s3://my-bucket/me",
  },
] as const;

export type SwitchName = keyof typeof SWITCHES;

/** The rows of the table as one type, for those who walk over it. */
export function switchRows(): Array<{ name: SwitchName } & SwitchRow & { alias?: string }> {
  return (Object.keys(SWITCHES) as SwitchName[]).map((name) => ({ name, ...SWITCHES[name] }));
}

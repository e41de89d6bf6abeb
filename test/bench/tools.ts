/**
 * The tools that are measured: ours, the peers that are on PATH, and a plain program of the SDK's client. How each is
 * called for the same work, with the settings that are known to be its fastest. Knows nothing of what is measured.
 */
import { spawnSync } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import type { Command } from "./measure.ts";
import { versionIn } from "./s3-server.ts";

/** Where a tool finds the services. */
export interface Endpoints {
  readonly s3: string;
  /** For queues, in front of the engine. */
  readonly engine: string;
}

export interface Task {
  readonly directory: string;
  readonly bucket: string;
  /** Ends in a slash. */
  readonly keyPrefix: string;
  /** What ours remembers between runs. */
  readonly stateDirectory: string;
  readonly environment: NodeJS.ProcessEnv;
}

export interface Tool {
  readonly name: string;
  readonly isPeer: boolean;
  readonly version: string;
  /** Makes the prefix hold what the directory holds. */
  sync(task: Task): Command[];
  /** Has the bucket checked, where `sync` has not done so. None: the tool has no such thing. */
  check(task: Task): Command[];
  /** Starts the tool and has it do nothing. */
  readonly startArgv: readonly string[];
}

/** Files that the bench has built. */
export interface Built {
  readonly agent: string;
  readonly plainSdk: string;
}

export const OURS = "ours";
/** Ours starts the Node.js that comes first, which is to be this one. */
export const TOOLS_PATH = [dirname(process.execPath), process.env.PATH ?? ""].join(delimiter);
const RCLONE_REMOTE = "bench";
const RCLONE_SETTINGS = ["--size-only", "--fast-list", "--transfers=32", "--checkers=32", "--quiet"];

export function environmentFor(base: NodeJS.ProcessEnv, { s3, engine }: Endpoints): NodeJS.ProcessEnv {
  return {
    ...base,
    PATH: TOOLS_PATH,
    AWS_ENDPOINT_URL: engine,
    AWS_ENDPOINT_URL_S3: s3,
    // s5cmd knows no other name.
    S3_ENDPOINT_URL: s3,
    AWS_PAGER: "",
    RCLONE_CONFIG: "",
    RCLONE_CA_CERT: base.AWS_CA_BUNDLE,
    RCLONE_S3_NO_CHECK_BUCKET: "true",
    ...remoteSettings({
      TYPE: "s3",
      // Treated as S3 itself, but for the bucket, which stands in the path.
      PROVIDER: "Minio",
      ENV_AUTH: "true",
      ENDPOINT: s3,
      REGION: base.AWS_REGION ?? "",
    }),
  };
}

function remoteSettings(settings: Record<string, string>): NodeJS.ProcessEnv {
  const variable = (name: string) => `RCLONE_CONFIG_${RCLONE_REMOTE.toUpperCase()}_${name}`;
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [variable(name), value]));
}

function command(task: Task, ...argv: string[]): Command {
  return { argv, environment: { ...task.environment, XDG_STATE_HOME: task.stateDirectory } };
}

const urlOf = ({ bucket, keyPrefix }: Task) => `s3://${bucket}/${keyPrefix}`;

/** Ours first, then the peers, then the plain program. */
export function findTools({ agent, plainSdk }: Built, ownVersion: string): Tool[] {
  const node = process.execPath;
  const tools: (Tool | undefined)[] = [
    {
      name: OURS,
      isPeer: false,
      version: ownVersion,
      sync(task) {
        const log = join(task.stateDirectory, "agent.log");
        return [command(task, agent, "--logfile", log, task.directory, urlOf(task))];
      },
      check: () => [],
      startArgv: [agent, "--help"],
    },
    peer("aws", ["aws", "--version"], {
      sync: (task) => [command(task, "aws", "s3", "sync", "--only-show-errors", task.directory, urlOf(task))],
      // What the predecessor of ours does after it.
      check: (task) => [
        command(task, "aws", "s3api", "list-objects-v2", "--bucket", task.bucket, "--prefix", task.keyPrefix),
      ],
    }),
    peer("rclone", ["rclone", "version"], {
      sync: (task) => [rclone(task, "sync")],
      check: (task) => [rclone(task, "check")],
    }),
    peer("s5cmd", ["s5cmd", "version"], {
      sync: (task) => [command(task, "s5cmd", "--log=error", "sync", `${task.directory}/`, urlOf(task))],
      check: () => [],
    }),
    {
      name: "plain SDK",
      isPeer: false,
      version: `Node.js ${process.versions.node}`,
      sync: (task) => [command(task, node, plainSdk, task.directory, urlOf(task))],
      check: () => [],
      startArgv: [node, "-e", "0"],
    },
  ];
  return tools.filter((tool) => tool !== undefined);
}

function rclone(task: Task, verb: "sync" | "check"): Command {
  // With a bundle for the SDK beside its own, rclone does not start.
  const environment = { ...task.environment, AWS_CA_BUNDLE: undefined };
  const path = `${RCLONE_REMOTE}:${task.bucket}/${task.keyPrefix}`;
  return command({ ...task, environment }, "rclone", verb, ...RCLONE_SETTINGS, task.directory, path);
}

/** Undefined where it is not installed. */
function peer(name: string, startArgv: [string, ...string[]], how: Pick<Tool, "sync" | "check">): Tool | undefined {
  const [program, ...parameters] = startArgv;
  const { status, stdout } = spawnSync(program, parameters, { encoding: "utf8" });
  return status === 0 ? { name, isPeer: true, version: versionIn(stdout), startArgv, ...how } : undefined;
}

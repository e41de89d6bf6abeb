/** One run of the built command under the script that measures its memory, ended from outside where that is wanted. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startAgent } from "#test/e2e/agent-process.ts";

const MEASURE = join(import.meta.dirname, "../bench/measure.py");

/** As long as the agent itself tries a request again, and then some. */
const LIMIT_MS = 400_000;

export interface AgentRequest {
  /** Holds the state directory, and is the same for all runs. */
  readonly folder: string;
  readonly command: { readonly python: string; readonly entry: string };
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Sent after so many milliseconds, unless the run has ended. */
  readonly ending?: { readonly signal: "SIGTERM" | "SIGKILL"; readonly afterMs: number } | undefined;
}

export interface AgentRun {
  readonly code: number | string;
  readonly peakBytes: number;
  /** Temporary files that it left. */
  readonly left: readonly string[];
  /** Screen and log. */
  readonly said: string;
}

export async function runMeasured({ folder, command, argv, environment, ending }: AgentRequest): Promise<AgentRun> {
  const own = mkdtempSync(join(folder, "run-"));
  const output = join(own, "output");
  const { child, ended } = startAgent(folder, argv, {
    environment: { ...environment, TMPDIR: own },
    within: [command.python, MEASURE, output],
    entry: command.entry,
    limitMs: LIMIT_MS,
  });
  const over = new AbortController();
  if (ending !== undefined)
    sleep(ending.afterMs, undefined, { signal: over.signal }).then(
      () => endChildOf(child.pid, ending.signal),
      () => undefined,
    );
  const { code, stdout, stderr, log } = await ended;
  over.abort();
  const said = `${readFileSync(output, "utf8")}${stderr}\n${log}`;
  const left = readdirSync(own).filter((name) => name !== "output");
  if (code !== 0) return { code, peakBytes: 0, left, said };
  const { exitCode, peakBytes } = JSON.parse(stdout);
  return { code: SIGNALLED[exitCode] ?? exitCode, peakBytes, left, said };
}

/** Takes away what runs keep for whoever looks at them; not while one is at work. */
export function sweep(folder: string): void {
  for (const name of readdirSync(folder))
    if (/^(agent|run)-/.test(name)) rmSync(join(folder, name), { recursive: true });
}

/** As the script tells them. */
const SIGNALLED: Readonly<Record<number, string>> = { [-9]: "SIGKILL", [-15]: "SIGTERM" };

/** The script itself goes on, and tells how it ended. */
function endChildOf(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    const [child = ""] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    if (child !== "") process.kill(Number(child), signal);
  } catch {
    // It has ended.
  }
}

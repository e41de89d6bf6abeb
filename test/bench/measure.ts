/** What a command takes: wall, CPU and peak memory of it and all that it starts. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const SCRIPT = join(import.meta.dirname, "measure.py");
const SHOWN_LINES = 8;

/** A program with its parameters, and all of its environment. */
export interface Command {
  readonly argv: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

export interface Figures {
  readonly wallSeconds: number;
  /** User and system. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

export interface Measured extends Figures {
  /** When it ended, in milliseconds since 1970. */
  readonly endedMs: number;
}

/** A command ended with another exit code than 0. The message has the end of what it printed. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
}

/**
 * Runs commands one after another, as one piece of work.
 *
 * @param python runs the script that measures; the system tells what a child took only to its parent
 * @param outputFile takes what the commands print
 * @param signal ends them, and all that they have started
 * @throws {CommandFailed}
 */
export async function measure(
  commands: readonly Command[],
  { python, outputFile, signal }: { python: string; outputFile: string; signal: AbortSignal },
): Promise<Measured> {
  let total: Measured = { wallSeconds: 0, cpuSeconds: 0, peakBytes: 0, endedMs: 0 };
  for (const { argv, environment } of commands) {
    signal.throwIfAborted();
    const child = spawn(python, [SCRIPT, outputFile, ...argv], {
      stdio: ["ignore", "pipe", "inherit"],
      env: environment,
      // A group of its own, to be ended as one.
      detached: true,
    });
    const end = () => void (child.pid !== undefined && process.kill(-child.pid, "SIGKILL"));
    signal.addEventListener("abort", end);
    const [printed] = await Promise.all([text(child.stdout), once(child, "close")]);
    signal.removeEventListener("abort", end);
    signal.throwIfAborted();
    if (printed === "") throw new CommandFailed(`${argv[0]} could not be started`);
    const { wallSeconds, cpuSeconds, peakBytes, exitCode, endedMs } = JSON.parse(printed);
    if (exitCode !== 0) throw new CommandFailed(`${argv[0]} ended with ${exitCode}: ${endOf(outputFile)}`);
    total = {
      wallSeconds: total.wallSeconds + wallSeconds,
      cpuSeconds: total.cpuSeconds + cpuSeconds,
      peakBytes: Math.max(total.peakBytes, peakBytes),
      endedMs,
    };
  }
  return total;
}

/** The figure in the middle, of each kind by itself. */
export function medianOf(rounds: readonly Figures[]): Figures {
  const middle = (figure: (round: Figures) => number) => {
    const sorted = rounds.map(figure).sort((left, right) => left - right);
    return sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  };
  return {
    wallSeconds: middle((round) => round.wallSeconds),
    cpuSeconds: middle((round) => round.cpuSeconds),
    peakBytes: middle((round) => round.peakBytes),
  };
}

function endOf(path: string): string {
  return readFileSync(path, "utf8").trim().split("\n").slice(-SHOWN_LINES).join("\n");
}

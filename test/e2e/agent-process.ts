/**
 * The command as a child process of a test: only the engine's settings in its environment, a log, a home and a
 * temporary folder of its own. Knows nothing of what a run does.
 */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, copyFileSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { liveEngine } from "#test/live-engine.ts";

const ENTRY = join(import.meta.dirname, "../../agent/cback-amazons3-sync.cjs");
const BECOME_OTHER_USER = join(import.meta.dirname, "become-other-user.ts");
/** `nobody`, or whoever has this number: a user without rights on anything here. */
const OTHER_USER = 65_534;
const IS_ROOT = process.geteuid?.() === 0;
/** No run of a test takes as long; whoever hangs is ended, and the test fails with what was printed. */
const RUN_LIMIT_MS = 90_000;

export interface AgentSettings {
  /** What differs from the engine's settings; undefined removes one. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** A command line that runs the one behind it, which is the agent's. */
  readonly within?: readonly string[];
  /** Runs as a user who is not root, so that permissions mean something. */
  readonly withoutRights?: boolean;
  /** The agent's entry, where it is not the one of these sources. */
  readonly entry?: string;
  /** Who takes longer hangs; for runs that much is done to. */
  readonly limitMs?: number;
  /** Another build of the command, started by its own first line as a shell does it. */
  readonly command?: string;
}

export interface Ended {
  /** The exit code, or the name of the signal that ended it. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
  /** The whole log file. */
  readonly log: string;
}

export interface RunningAgent {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly ended: Promise<Ended>;
}

/**
 * @param folder the test's own, for log, home and temporary files
 * @param argv without a log file, which is added
 */
export function startAgent(
  folder: string,
  argv: readonly string[],
  {
    environment = {},
    within = [],
    withoutRights = false,
    entry = ENTRY,
    limitMs = RUN_LIMIT_MS,
    command,
  }: AgentSettings = {},
): RunningAgent {
  const engine = liveEngine().environment;
  const own = mkdtempSync(join(folder, "agent-"));
  // Whoever makes the engine's folder keeps it for itself.
  const authority = join(own, "ca.pem");
  copyFileSync(engine.NODE_EXTRA_CA_CERTS, authority);
  const becomesOther = withoutRights && IS_ROOT;
  if (becomesOther) chownSync(own, OTHER_USER, OTHER_USER);
  chmodSync(authority, 0o644);
  const logFile = join(own, "agent.log");
  const { AWS_CA_BUNDLE: _, LOCAL_ADMIN_ACCESS_KEY_ID: __, LOCAL_ADMIN_SECRET_ACCESS_KEY: ___, ...settings } = engine;
  const started = command === undefined ? [process.execPath, becomesOther ? BECOME_OTHER_USER : entry] : [command];
  const [program, ...parameters] = [...within, ...started, "--logfile", logFile, ...argv];
  const child = spawn(program ?? "", parameters, {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: limitMs,
    killSignal: "SIGKILL",
    env: {
      ...settings,
      NODE_EXTRA_CA_CERTS: authority,
      PATH: process.env.PATH,
      HOME: own,
      TMPDIR: own,
      // What one run of a test proves, the next one knows.
      XDG_STATE_HOME: join(folder, "state"),
      ...(becomesOther ? { TEST_OTHER_USER: String(OTHER_USER) } : {}),
      ...environment,
    },
  });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]).then(
    ([stdout, stderr, [code, signal]]) => ({ code: code ?? signal, stdout, stderr, log: readIfThere(logFile) }),
  );
  return { child, ended };
}

export function runAgent(folder: string, argv: readonly string[], settings?: AgentSettings): Promise<Ended> {
  return startAgent(folder, argv, settings).ended;
}

/** Fails with all that the run said: an exit code alone explains nothing. */
export function assertExit({ code, stdout, stderr, log }: Ended, expected: number): void {
  assert.equal(code, expected, `exit code ${code}, not ${expected}\n${stdout}\n${stderr}\n${log}`);
}

/** The failure that a run ended with: its message, and its hint before that was broken into lines. */
export function failureOf({ stderr }: Ended): { readonly message: string; readonly hint: string } {
  const [message = "", ...hint] = stderr.trimEnd().split("\n");
  return { message, hint: hint.join(" ") };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** What an agent says, without the breaks that fit it to a screen: where they fall depends on the length of paths. */
export function unbroken(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

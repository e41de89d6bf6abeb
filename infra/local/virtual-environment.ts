/**
 * Installs the engine and what makes its certificate, pinned and hashed, into the checkout's own virtual environment.
 * The machine's pip settings decide where packages come from.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "./folder-lock.ts";
import { LocalError } from "./local-error.ts";
import { LOCAL_FOLDER, VENV_FOLDER } from "./paths.ts";

const REQUIREMENTS = join(import.meta.dirname, "requirements.txt");
const STAMP = join(VENV_FOLDER, "installed-requirements");
const PYTHON_NAMES = ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];
/** Exits 0 where the engine can be installed. */
const PYTHON_CHECK = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";

const ENGINE_PYTHON = join(VENV_FOLDER, "bin", "python");

/** Returns the Python that has the engine, installing it first where that is needed. */
export async function installEngine(say: (line: string) => void): Promise<string> {
  if (isInstalled()) return ENGINE_PYTHON;
  mkdirSync(LOCAL_FOLDER, { recursive: true });
  await withLock(join(LOCAL_FOLDER, "venv.lock"), async () => {
    if (isInstalled()) return;
    const python = findPython();
    say("Installing the local AWS engine into .local/venv (once) ...");
    run(python, ["-m", "venv", "--clear", VENV_FOLDER]);
    run(ENGINE_PYTHON, [
      ...["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"],
      ...["--require-hashes", "--requirement", REQUIREMENTS],
    ]);
    // Written last: an installation that was interrupted starts over.
    writeFileSync(STAMP, requirementsDigest());
  });
  return ENGINE_PYTHON;
}

function isInstalled(): boolean {
  try {
    // A Python that was upgraded or removed under the environment leaves it without an interpreter that starts.
    return readFileSync(STAMP, "utf8") === requirementsDigest() && spawnSync(ENGINE_PYTHON, ["-V"]).status === 0;
  } catch {
    return false;
  }
}

function requirementsDigest(): string {
  return createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex");
}

function findPython(): string {
  const found = PYTHON_NAMES.find((name) => spawnSync(name, ["-c", PYTHON_CHECK], { stdio: "ignore" }).status === 0);
  if (found === undefined) {
    throw new LocalError(
      "The local engine needs Python 3.10 or newer with its venv module.\n" +
        "Install it (Debian, Ubuntu: apt install python3 python3-venv), then try again.",
    );
  }
  return found;
}

function run(command: string, parameters: string[]): void {
  try {
    execFileSync(command, parameters, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
  } catch (error) {
    const details = (error as { stderr?: string }).stderr?.trim() ?? String(error);
    throw new LocalError(`The local engine could not be installed:\n${details}`);
  }
}

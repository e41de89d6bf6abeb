/**
 * `npm test [-- PATH... | OPTION...]`: runs the test files, with an engine only if one of them needs it, and closes with
 * one line of counts. `npm run test:deploy` and `test:bench` run those that are only run when asked for. Exits non-zero
 * if a test failed or none ran, and leaves nothing behind, not even on Ctrl-C.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { stopEngine } from "#infra/local/engine.ts";

const ROOT = join(import.meta.dirname, "..");
const FILES_AT_ONCE = 2;
/** Tests in these folders use the real engine. */
const ENGINE_FOLDERS = ["test/e2e/", "test/faults/", "test/infra/local/", "test/soak/"];
/** These start engines of their own, and deploy into each; they are run when asked for. */
const ASKED_FOLDERS = ["test/deploy/", "test/bench/"];
const NONE_RAN = "0 passed, 0 failed\n";

process.chdir(ROOT);
const parameters = process.argv.slice(2);
const paths = parameters.filter((parameter) => existsSync(parameter));
const options = parameters.filter((parameter) => !existsSync(parameter));
const files =
  paths.length > 0
    ? paths.flatMap(testFiles)
    : testFiles("test").filter((file) => !ASKED_FOLDERS.some((folder) => file.startsWith(folder)));
const needsEngine = files.some((file) => ENGINE_FOLDERS.some((folder) => file.startsWith(folder)));

/** All temporary folders of the tests are in here, so that those of a test that was interrupted go too. */
const scratch = mkdtempSync(join(tmpdir(), "cback-tests-"));
// Some tests give up their privileges and must still enter.
chmodSync(scratch, 0o755);
const countsPath = join(scratch, "counts");

try {
  const exitCode = await runTests();
  const counts = existsSync(countsPath) ? readFileSync(countsPath, "utf8") : NONE_RAN;
  process.stdout.write(`\n${counts}`);
  process.exitCode = exitCode === 0 && counts === NONE_RAN ? 1 : exitCode;
} finally {
  for (const pidFile of globSync("{*,*/*}/engine.pid", { cwd: scratch }))
    await stopEngine(join(scratch, dirname(pidFile)));
  rmSync(scratch, { recursive: true, force: true });
}

/** Paths relative to the checkout, with slashes. */
function testFiles(path: string): string[] {
  const found = statSync(path).isDirectory() ? globSync(join(path, "**/*.test.ts")) : [path];
  return found.map((file) => relative(ROOT, join(ROOT, file)).replaceAll(sep, "/")).sort();
}

async function runTests(): Promise<number> {
  const child = spawn(
    process.execPath,
    [
      "--test",
      `--test-concurrency=${FILES_AT_ONCE}`,
      ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
      ...["--test-reporter=./test/closing-line.ts", `--test-reporter-destination=${countsPath}`],
      ...(needsEngine ? ["--test-global-setup=./test/engine.ts"] : []),
      ...options,
      ...files,
    ],
    // A group of its own: the runner does not end its test files when it is interrupted.
    { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, TMPDIR: scratch }, detached: true },
  );
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => signalGroup(child, name));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on("error", reject);
  child.on("exit", (code) => resolve(code ?? 1));
  const exitCode = await promise;
  signalGroup(child, "SIGKILL");
  return exitCode;
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name);
  } catch {
    // Nobody is left in it.
  }
}

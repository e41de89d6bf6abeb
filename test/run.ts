/**
 * `npm test [-- PATH... | OPTION...]`: runs the test files, with an engine only if one of them needs it, and closes with
 * one line of counts. Exits non-zero if a test failed or none ran, and leaves no engine behind, not even on Ctrl-C.
 */
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { stopEngine } from "#infra/local/engine.ts";
import { TEST_ENGINE_ENV } from "./test-engine-env.ts";

const ROOT = join(import.meta.dirname, "..");
const FILES_AT_ONCE = 2;
/** Tests in these folders use the real engine. */
const ENGINE_FOLDERS = ["test/e2e/", "test/faults/", "test/infra/local/"];

process.chdir(ROOT);
const parameters = process.argv.slice(2);
const paths = parameters.filter((parameter) => existsSync(parameter));
const options = parameters.filter((parameter) => !existsSync(parameter));
const files = (paths.length > 0 ? paths : ["test"]).flatMap(testFiles);
const needsEngine = files.some((file) => ENGINE_FOLDERS.some((folder) => file.startsWith(folder)));

const scratch = mkdtempSync(join(tmpdir(), "cback-test-"));
const engineFolder = join(scratch, "engine");
const countsPath = join(scratch, "counts");

try {
  const exitCode = await runTests();
  const counts = existsSync(countsPath) ? readFileSync(countsPath, "utf8") : "";
  process.stdout.write(`\n${counts || "0 passed, 0 failed\n"}`);
  const noneRan = /^0 passed, 0 failed/.test(counts || "0 passed, 0 failed");
  process.exitCode = exitCode !== 0 ? exitCode : Number(noneRan);
} finally {
  // The tests' own teardown does not come to its end when they are interrupted.
  if (needsEngine) await stopEngine(engineFolder);
  rmSync(scratch, { recursive: true, force: true });
}

/** Paths relative to the checkout, with slashes. */
function testFiles(path: string): string[] {
  const found = statSync(path).isDirectory() ? globSync(join(path, "**/*.test.ts")) : [path];
  return found.map((file) => relative(ROOT, join(ROOT, file)).replaceAll(sep, "/")).sort();
}

function runTests(): Promise<number> {
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
    { stdio: "inherit", env: { ...process.env, [TEST_ENGINE_ENV.folder]: engineFolder } },
  );
  // A terminal signals the tests too; a process that only signals this one means them as well.
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => child.kill(name));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on("error", reject);
  child.on("close", (code) => resolve(code ?? 1));
  return promise;
}

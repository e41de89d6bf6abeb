import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { parse } from "acorn";
import { OUTCOMES } from "#agent/exit-code.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";

const ENTRY = join(import.meta.dirname, "../../agent/cback-amazons3-sync.cjs");

/** Runs the entry in a Node.js that says it is of another version. */
function runAs(version: string) {
  const program = `
    Object.defineProperty(process.versions, "node", { value: ${JSON.stringify(version)} });
    process.argv.push("entry", "--version");
    require(${JSON.stringify(ENTRY)});`;
  return spawnSync(process.execPath, ["--eval", program], { encoding: "utf8" });
}

test("the entry can be parsed by versions of Node.js that know ECMAScript 5 only", () => {
  parse(readFileSync(ENTRY, "utf8"), { ecmaVersion: 5, sourceType: "script", allowHashBang: true });
});

for (const version of ["0.12.18", "8.17.0", "12.22.12", "20.20.2", "23.11.1"]) {
  test(`Node.js ${version} is told in one line that it is too old, and what to do`, () => {
    const { status, stdout, stderr } = runAs(version);
    assert.deepEqual([status, stdout], [OUTCOMES.interpreter.code, ""]);
    assert.match(stderr, /^cback-amazons3-sync: Node\.js 24 or newer is needed, but .*\. Install Node\.js 24 .*\n$/);
    assert.ok(stderr.includes(`[${process.execPath}] is version ${version}`));
  });
}

for (const version of ["24.0.0", "100.1.0"]) {
  test(`Node.js ${version} starts the command`, () => {
    const { status, stdout, stderr } = runAs(version);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^cback-amazons3-sync \d/);
  });
}

test("package.json asks for the same version as the entry", () => {
  const { engines } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
  assert.ok(readFileSync(ENTRY, "utf8").includes(`NEEDED_MAJOR = ${engines.node.replace(">=", "")};`));
});

suite("As a program, the entry", () => {
  /** The entry under another name, as package managers install it, and nothing on PATH but what is given for Node.js. */
  function installed(scope: { after(hook: () => void): void }, program: string | undefined) {
    const folder = temporaryFolder(scope);
    if (program !== undefined) writeFileSync(join(folder, "node"), `#!/bin/sh\n${program}\n`, { mode: 0o755 });
    const entry = join(folder, "entry.cjs");
    copyFileSync(ENTRY, entry);
    chmodSync(entry, 0o755);
    symlinkSync(entry, join(folder, "command"));
    return (args: readonly string[], environment: NodeJS.ProcessEnv = {}) =>
      spawnSync(join(folder, "command"), args, { encoding: "utf8", env: { PATH: folder, ...environment } });
  }

  test("is given to the Node.js that is on PATH, with all arguments as they are", (t) => {
    const run = installed(t, `printf '%s\\n' "$@"`);
    const args = ["a b", "", "*", "$(x)", "--", "-"];
    const { status, stdout } = run(args);
    const [script = "", ...given] = stdout.split("\n").slice(0, -1);
    assert.deepEqual([status, given], [0, args]);
    assert.equal(realpathSync(script), realpathSync(join(script, "..", "entry.cjs")));
  });

  test("keeps one pool of memory, unless the environment says otherwise", (t) => {
    const run = installed(t, `echo "$MALLOC_ARENA_MAX"`);
    assert.equal(run([]).stdout, "1\n");
    assert.equal(run([], { MALLOC_ARENA_MAX: "4" }).stdout, "4\n");
  });

  test("ends as Node.js ends", (t) => {
    assert.equal(installed(t, "exit 7")([]).status, 7);
    assert.equal(installed(t, "kill -TERM $$")([]).signal, "SIGTERM");
  });

  test("starts the agent that lies beside it, by its own shell line", (t) => {
    const folder = temporaryFolder(t);
    const entry = join(folder, "entry.cjs");
    copyFileSync(ENTRY, entry);
    chmodSync(entry, 0o755);
    writeFileSync(join(folder, "package.json"), "{}");
    writeFileSync(join(folder, "main.ts"), "exports.main = () => console.log(process.pid, process.argv.slice(2));");
    symlinkSync(process.execPath, join(folder, "node"));
    const { pid, stdout, stderr } = spawnSync(entry, ["a b", "--help"], { encoding: "utf8", env: { PATH: folder } });
    assert.deepEqual([stdout, stderr], [`${pid} [ 'a b', '--help' ]\n`, ""], "in the same process");
  });

  test("without Node.js says that it is missing", (t) => {
    const { status, stderr } = installed(t, undefined)([]);
    assert.equal(status, 127);
    assert.match(stderr, /node.*not found/);
  });
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "acorn";
import { OUTCOMES } from "#agent/exit-code.ts";

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

/** The commands that start an engine, as far as they need none: what they say to a wrong call. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

function run(script: string, ...parameters: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`infra/local/${script}`, ...parameters], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

for (const parameters of [[], ["sideways"], ["up", "now"], ["constructor"]]) {
  test(`npm run local -- ${parameters.join(" ")}: exits 2 and shows how it is used`, () => {
    const { status, stdout, stderr } = run("local.ts", ...parameters);
    assert.equal(status, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /^Usage: npm run local -- up\|down\|status\n/);
  });
}

test("npm run try -- DIR: exits 1 where there is no such directory, before any engine is started", () => {
  const { status, stdout, stderr } = run("try.ts", "no/such/directory");
  assert.equal(status, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^There is no directory \/.*no\/such\/directory\.\nUsage: npm run try -- \[DIR\]\n$/);
});

test("npm run try -- DIR DIR: exits 1 and shows how it is used", () => {
  assert.deepEqual(run("try.ts", "docs", "test"), { status: 1, stdout: "", stderr: "Usage: npm run try -- [DIR]\n" });
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "../build.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const PACKAGE = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8"));

test("the built command runs with nothing beside it, and the validator has its bundle", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: PACKAGE.type }));
  await build(join(folder, "dist"));
  const bin = join(folder, PACKAGE.bin["cback-amazons3-sync"]);

  const run = (...argv: string[]) => {
    // By its own first line, as a shell does it, in a folder without node_modules.
    const { status, stdout, stderr } = spawnSync(bin, argv, { encoding: "utf8", cwd: folder });
    assert.equal(stderr, "");
    return { status, stdout };
  };
  assert.deepEqual(run("-V"), { status: 0, stdout: `cback-amazons3-sync ${PACKAGE.version}\n` });
  const help = run("-h");
  assert.equal(help.status, 0);
  assert.match(help.stdout, /^Usage: cback-amazons3-sync/);
  assert.equal(run("-D").status, 0);
  assert.ok(existsSync(join(folder, "dist/lambda/index.mjs")));
});

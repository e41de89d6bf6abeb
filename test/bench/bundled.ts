/**
 * Runs a program of this folder bundled, as agent and validator themselves are: from its sources it takes 50 MB more, for
 * Node compiles them and keeps their texts. Node's own options are handed on.
 *
 *     node [OPTIONS] test/bench/bundled.ts PROGRAM [ARGUMENTS]
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { REQUIRE_BANNER } from "../../bundle-handlers.ts";

const [program = "", ...rest] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "cback-bundled-"));
try {
  const outfile = join(folder, "program.mjs");
  buildSync({
    entryPoints: [join(import.meta.dirname, program)],
    outfile,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    banner: { js: REQUIRE_BANNER },
  });
  const { status } = spawnSync(process.execPath, [...process.execArgv, outfile, ...rest], { stdio: "inherit" });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

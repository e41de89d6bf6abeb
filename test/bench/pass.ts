/**
 * Memory and CPU of the agent's own part of a run (`one-pass.ts`), bundled as the agent itself is: run from its sources it
 * takes 50 MB more, for Node compiles them and keeps their texts.
 *
 *     node test/bench/pass.ts DIRECTORY [STATE-DIRECTORY [send|listed|http]]
 *
 * With a state directory the baseline is kept there: the second time nothing is sent. `listed`: the bucket holds
 * everything, and no baseline knows it. `http`: small files are put by the real clients to a server in another process.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { REQUIRE_BANNER } from "../../bundle-handlers.ts";

const folder = mkdtempSync(join(tmpdir(), "cback-pass-"));
try {
  const outfile = join(folder, "one-pass.mjs");
  buildSync({
    entryPoints: [join(import.meta.dirname, "one-pass.ts")],
    outfile,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    banner: { js: REQUIRE_BANNER },
  });
  const { status } = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: "inherit" });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

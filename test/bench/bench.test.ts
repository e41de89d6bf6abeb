/** That the bench works, with a few files, on the engine, beside whichever peers there are. It says nothing of speed. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { growthPlot } from "./plot.ts";
import { PUBLISHED_RESULTS, published } from "./publish.ts";
import { type Results, type Row, readResults } from "./results.ts";
import { SIZES, WORK_NAMES, type WorkName } from "./works.ts";

const BENCH = join(import.meta.dirname, "bench.ts");
const run = promisify(execFile);

test("node test/bench/bench.ts --size small --server engine --json FILE", async (t) => {
  const json = join(temporaryFolder(t), "results.json");
  const { stdout } = await run(process.execPath, [BENCH, "--size", "small", "--server", "engine", "--json", json]);

  const results = readResults(json);
  assert.deepEqual(Object.keys(results), [...WORK_NAMES]);
  for (const name of WORK_NAMES) assert.ok(stdout.includes(`## ${name}\n`), name);
  for (const { rows } of Object.values(results))
    for (const { rounds, tool, failed } of rows.filter(({ isPeer }) => !isPeer)) {
      assert.equal(failed, undefined, tool);
      for (const figures of rounds) for (const figure of Object.values(figures)) assert.ok(figure > 0, tool);
    }

  const { uploadFiles, reportFiles, growthFiles } = SIZES.small;
  assert.equal(row(results, "upload", "ours").requests?.host.PutObject, uploadFiles);
  assert.equal(row(results, "upload", "plain SDK").requests?.host.PutObject, uploadFiles);
  assert.equal(row(results, "unchanged", "ours").requests?.host.PutObject, undefined);
  assert.equal(row(results, "unchanged", "ours").requests?.host.ListObjectsV2, undefined);
  assert.equal(row(results, "listed", "ours").requests?.host.PutObject, undefined);
  assert.ok(row(results, "listed", "ours").requests?.validator.ListObjectsV2);
  assert.equal(row(results, "report", "ours").requests?.host.PutObject, reportFiles);
  assert.equal(row(results, "report", "ours").reportSeconds?.length, SIZES.small.rounds);
  const grown = results.growth?.rows.filter(({ tool, step }) => tool === "ours" && step === "unchanged") ?? [];
  assert.deepEqual(
    grown.map(({ files }) => files),
    growthFiles,
  );
  assert.match(growthPlot(results.growth?.rows ?? []), /^<svg .*>ours, unchanged<.*<\/svg>\n$/s);
});

test("docs show what docs/performance.json holds", () => {
  for (const [path, content] of published(readResults(PUBLISHED_RESULTS)))
    assert.equal(readFileSync(path, "utf8"), content, `${path}: node test/bench/publish.ts writes it anew`);
});

test("a work that there is not is refused, with what there is", async () => {
  await assert.rejects(run(process.execPath, [BENCH, "speed"]), ({ code, stderr }) => {
    assert.equal(code, 2);
    assert.match(stderr, /^Usage: npm run bench/);
    return true;
  });
});

function row(results: Results, work: WorkName, tool: string): Row {
  const found = results[work]?.rows.find((candidate) => candidate.tool === tool);
  assert.ok(found, `${work}: ${tool}`);
  return found;
}

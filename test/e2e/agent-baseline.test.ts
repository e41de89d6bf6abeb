/** What a host remembers of its last run: spares it all questions to the bucket, and is never believed too much. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { RACY_MS } from "#agent/baseline.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, type Ended, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { addFiles, makeTree } from "./tree.ts";

const TREE = { "a/1": "one", "a/2": "two", "a-b": "beside a directory", "b/3": "three", c: "see" };

/** The requests to S3 that a run with -O logs, by their names; polls for the report are not among them. */
function requests({ log }: Ended): string[] {
  const lines = [...log.matchAll(/\bS3 (\w+) \[([^\]]*)\]: /g)];
  assert.ok(lines.length > 0, log);
  return lines.filter(([, , key]) => !key?.startsWith(".cback/reports/")).map(([, name = ""]) => name);
}

/** How a run asks for the status: at its beginning and at the end of each pass. */
const STATUS = ["GetObject", "GetObject"];

/** The one baseline below a test's state directory. */
function baselineOf(folder: string): string {
  const baselines = join(folder, "state", "cback-amazons3-sync", "baselines");
  const [name = "none", ...others] = readdirSync(baselines);
  assert.deepEqual(others, []);
  return join(baselines, name);
}

const DAMAGES: Array<[how: string, damage: (path: string) => void]> = [
  ["is lost", (path) => rmSync(path)],
  ["is empty", (path) => truncateSync(path, 0)],
  ["is cut off in the middle", (path) => truncateSync(path, Math.floor(readFileSync(path).length / 2))],
  ["is cut off by a byte", (path) => truncateSync(path, readFileSync(path).length - 1)],
  ["has a wrong bit in its header", (path) => flip(path, 15)],
  ["has a wrong bit in its content", (path) => flip(path, readFileSync(path).indexOf("\n") + 20)],
  ["has a wrong bit at its end", (path) => flip(path, readFileSync(path).length - 1)],
  ["is of another version", (path) => writeFileSync(path, `{"format":99}\n${"x".repeat(99)}`)],
  ["is no file", (path) => writeFileSync(path, "x".repeat(5_000))],
];

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  writeFileSync(path, bytes);
}

describe("the baseline", { concurrency: 3 }, () => {
  // cback-amazons3-sync -O SOURCE s3://BUCKET/baseline
  test("a second run of an unchanged tree asks S3 for nothing but status and report", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, TREE);
    const view = new BucketView(t, ownPrefix("baseline"));
    const settings = { environment: { CBACK_TEST_SHARD_ENTRIES: "2" } };
    assertExit(await runAgent(folder, [source, view.url], settings), 0);
    // A file that changed just now is compared once more; a check would list for it.
    await sleep(RACY_MS + 100);
    for (const [reads, ...switches] of [[STATUS], [["GetObject"], "-v"], [STATUS, "-u"]] as const) {
      const run = await runAgent(folder, ["-O", ...switches, source, view.url], settings);
      assertExit(run, 0);
      assert.deepEqual(requests(run), reads, switches.join(" "));
    }
    assert.equal((await view.paths()).length, Object.keys(TREE).length);
  });

  // cback-amazons3-sync -O SOURCE s3://BUCKET/baseline-changes
  test("what changed is sent and deleted without a listing, what somebody else changed is mended without one", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, TREE);
    const view = new BucketView(t, ownPrefix("baseline-changes"));
    assertExit(await runAgent(folder, [source, view.url]), 0);
    rmSync(join(source, "b"), { recursive: true });
    addFiles(source, { "a/2": "TWO", new: "new" });
    await view.put("c", "C!!");
    await view.put("extra", "nobody knows me");
    const run = await runAgent(folder, ["-O", source, view.url]);
    assertExit(run, 0);
    const reads = [...STATUS, "GetObject"];
    const changes = ["DeleteObjects", "DeleteObjects", "PutObject", "PutObject", "PutObject"];
    assert.deepEqual(requests(run).sort(), [...changes, ...reads].sort());
    assert.match(
      run.stdout,
      /^Repaired 2 objects in the bucket:\n(?: {2}(?:changed: \[c\]|unexpected: \[extra\])\n){2}/m,
    );
    assert.deepEqual(await view.paths(), ["a-b", "a/1", "a/2", "c", "new"]);
    assert.equal(String(await view.read("a/2")), "TWO");
    assert.equal(String(await view.read("c")), "see");
  });

  // cback-amazons3-sync -O SOURCE s3://BUCKET/baseline-damaged
  for (const [how, damage] of DAMAGES)
    test(`fault 55: one that ${how} costs a listing, and nothing else`, async (t) => {
      const folder = temporaryFolder(t);
      const source = makeTree(folder, TREE);
      const view = new BucketView(t, ownPrefix("baseline-damaged"));
      assertExit(await runAgent(folder, [source, view.url]), 0);
      damage(baselineOf(folder));
      const changes = await view.changes();
      const run = await runAgent(folder, ["-O", source, view.url]);
      assertExit(run, 0);
      assert.deepEqual(requests(run).sort(), [...STATUS, "ListObjectsV2"]);
      assert.equal(await view.changes(), changes, "nothing is sent or deleted");
      if (how !== "is lost") assert.match(run.log, /\[INFO {3}\] The baseline is not used: /);
      const next = await runAgent(folder, ["-O", source, view.url]);
      assertExit(next, 0);
      assert.deepEqual(requests(next), STATUS);
    });

  // AWS_ENDPOINT_URL=ANOTHER cback-amazons3-sync -O SOURCE s3://BUCKET/baseline-elsewhere
  test("of another endpoint is not believed, for a bucket of that name there is another one", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, TREE);
    const view = new BucketView(t, ownPrefix("baseline-elsewhere"));
    assertExit(await runAgent(folder, [source, view.url]), 0);
    // As if the other endpoint led to a bucket of its own.
    for (const path of await view.paths()) await view.remove(path);
    const { environment } = await startFaultProxy(t, async () => undefined);
    const elsewhere = await runAgent(folder, ["-O", source, view.url], { environment });
    assertExit(elsewhere, 0);
    assert.ok(requests(elsewhere).includes("ListObjectsV2"));
    assert.match(elsewhere.stdout, /: 5 uploaded, 0 unchanged\./);
    assert.doesNotMatch(elsewhere.stdout, /Repaired/);
    const back = await runAgent(folder, ["-O", source, view.url]);
    assertExit(back, 0);
    assert.deepEqual(requests(back), STATUS);
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/baseline-lost
  test("that is lost, while the source goes on to change, makes nobody speak of repairs", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, TREE);
    const view = new BucketView(t, ownPrefix("baseline-lost"));
    assertExit(await runAgent(folder, [source, view.url]), 0);
    rmSync(join(folder, "state"), { recursive: true });
    rmSync(join(source, "b"), { recursive: true });
    addFiles(source, { "a/2": "TWO", "a-b": "longer than it was before", new: "new" });
    const run = await runAgent(folder, [source, view.url]);
    assertExit(run, 0);
    assert.doesNotMatch(run.stdout, /Repaired/);
    assert.deepEqual(await view.paths(), ["a-b", "a/1", "a/2", "c", "new"]);
    assert.equal(String(await view.read("a/2")), "TWO");
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/baseline-no-place
  test("fault 53: where it cannot be kept the run goes on, and says so", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, TREE);
    const view = new BucketView(t, ownPrefix("baseline-no-place"));
    writeFileSync(join(folder, "state"), "a file where the directory should be");
    const run = await runAgent(folder, [source, view.url]);
    assertExit(run, 0);
    assert.match(run.log, /\[WARNING\] What this run sent cannot be remembered, the next one compares more: /);
  });

  // cback-amazons3-sync --checksum SOURCE s3://BUCKET/baseline-checksum
  test("with --checksum a bucket filled by others is taken over where the content is the same", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, TREE);
    const view = new BucketView(t, ownPrefix("baseline-checksum"));
    for (const [path, content] of Object.entries(TREE)) await view.put(path, path === "c" ? "SEE" : content);
    const run = await runAgent(folder, ["-O", "--checksum", source, view.url]);
    assertExit(run, 0);
    assert.match(run.stdout, /: 1 uploaded, 4 unchanged\./);
    assert.equal(String(await view.read("c")), "see");
  });
});

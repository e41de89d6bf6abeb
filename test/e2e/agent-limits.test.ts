/** Limits of host and queue: few open files, little memory, more manifest than one message holds. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { MAX_BODY_BYTES } from "#shared/manifest.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { withMemory } from "./container.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { makeTree } from "./tree.ts";

/** How many descriptors a run needs, as docs/measurements.md says. */
const LEAST_DESCRIPTORS = 64;
const CONTAINER_BYTES = 256 * 1024 * 1024;
const MANY = Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`d${index % 20}/f${index}`, `${index}`]));
const LARGE = Object.fromEntries(["a", "b", "c"].map((name) => [name, Buffer.alloc(48 * 1024 * 1024, name)]));

describe("a host with little to give", { concurrency: 2 }, () => {
  // ulimit -n 96; cback-amazons3-sync SOURCE s3://BUCKET/descriptors
  test("fault 58: a run gets by with few open files", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("descriptors"));
    const source = makeTree(folder, { ...MANY, ...LARGE });
    const within = ["sh", "-c", `ulimit -n ${LEAST_DESCRIPTORS} && exec "$@"`, "sh"];
    const run = await runAgent(folder, [source, view.url], { within });
    assertExit(run, 0);
    assert.equal(run.stderr, "");
    assert.match(run.stdout, / 403 uploaded, 0 unchanged\./);
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/memory
  test("fault 58: a run of many and large files fits into a container of 256 MB", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("memory"));
    const within = withMemory(t, CONTAINER_BYTES);
    if (within === undefined) return t.skip("this machine lets no test limit memory");
    const source = makeTree(folder, { ...MANY, ...LARGE });
    const run = await runAgent(folder, [source, view.url], { within });
    assertExit(run, 0);
    assert.match(run.stdout, / 403 uploaded, 0 unchanged\./);
  });
});

describe("more manifest than a message holds", () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/manifests
  test("fault 73: becomes more shards, each with a message of its own, and one report", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("manifests"));
    // Random names, which nothing compresses: of each, three quarters of its characters stay.
    const name = () => [1, 2, 3, 4].map(() => randomBytes(165).toString("base64url")).join("/");
    const count = Math.ceil((1.3 * MAX_BODY_BYTES) / name().length);
    const source = makeTree(folder, Object.fromEntries(Array.from({ length: count }, () => [name(), "1"])));
    const proxy = await startFaultProxy(t, () => undefined);
    const run = await runAgent(folder, [source, view.url], { environment: proxy.environment });
    assertExit(run, 0);
    assert.equal(proxy.passed.filter((operation) => operation === "SendMessage").length, 2);
    const report = await view.report(run);
    assert.deepEqual([report.shards, report.totals.matched, report.verdict], [2, count, "match"]);
  });
});

/** A sync as its user sees it: what is sent, what is deleted, what is said, and with which exit code it ends. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { queueName } from "#shared/names.ts";
import reportSchema from "#shared/schemas/report.schema.json" with { type: "json" };
import { liveEngine } from "#test/live-engine.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, type Ended, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { addFiles, makeTree } from "./tree.ts";

const SMALL_TREE = { "a.txt": "first", "deep/er/b.txt": "second", empty: "", "nothing/": "" };

describe("a plain run", { concurrency: 3 }, () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/sync-plain
  test("fills the bucket, prints the verdict and leaves a report; the next one sends nothing", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, SMALL_TREE);
    const view = new BucketView(t, ownPrefix("sync-plain"));
    const first = await runAgent(folder, [source, view.url]);
    assertExit(first, 0);
    assert.equal(first.stderr, "");
    assert.deepEqual(first.stdout.split("\n").slice(0, 3), [
      `Verdict: match. The validator found all 3 files in ${view.url} as sent.`,
      "Source: 3 entries (11 bytes): 3 uploaded, 0 unchanged.",
      "Bucket: 3 matched, 0 missing, 0 different, 0 unexpected, 0 deleted.",
    ]);
    assert.deepEqual(await view.paths(), ["a.txt", "deep/er/b.txt", "empty"]);
    assert.equal(String(await view.read("deep/er/b.txt")), "second");

    const isValid = new Ajv2020().compile(reportSchema);
    assert.ok(isValid(JSON.parse(await view.reportText(first))), JSON.stringify(isValid.errors));
    const report = await view.report(first);
    const { verdict, totals, bucket, prefix, findings } = report;
    assert.deepEqual(
      { verdict, bucket, prefix, findings, matched: totals.matched },
      {
        ...{ verdict: "match", bucket: view.bucket, prefix: view.prefix, findings: [], matched: 3 },
      },
    );

    const changes = await view.changes();
    // cback-amazons3-sync -O SOURCE/ s3://BUCKET/sync-plain
    const second = await runAgent(folder, ["-O", `${source}/`, view.url.slice(0, -1)]);
    assertExit(second, 0);
    assert.match(second.stdout, /0 uploaded, 3 unchanged/);
    assert.equal(await view.changes(), changes, "no object was written or deleted");
    assert.doesNotMatch(second.log, /PutObject|UploadPart|DeleteObject/);
    assert.match(
      second.log,
      new RegExp(`S3 GetObject \\[\\.cback/reports/${view.prefix}.*\\.json\\]: 200, 1 try, \\d+ ms`),
    );
    assert.match(second.log, /SQS SendMessage \[https:.*\]: 200/);
    assert.equal((await view.report(second)).digest, report.digest);
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/my
  test("fault 40: never reaches the neighbour prefix, deletes what is gone and leaves folder markers alone", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, { "sub/a": "a", "sub/b": "b", c: "c" });
    const view = new BucketView(t, ownPrefix("sync-my"));
    const neighbours = new BucketView(t, view.prefix.slice(0, -1));
    await neighbours.put("2/data", "belongs to somebody else");
    await neighbours.put("-too", "so does this");
    await view.put("", "");
    await view.put("folder/", "");
    await view.put("old", "to be deleted");
    await view.put("no marker/", "for it has content");
    const url = view.url.slice(0, -1);
    const first = await runAgent(folder, [source, url]);
    assertExit(first, 0);
    assert.match(first.stdout, /3 uploaded, 0 unchanged\.\nBucket: 3 matched, .* 0 unexpected, 2 deleted\./);
    assert.deepEqual(await view.paths(), ["", "c", "folder/", "sub/a", "sub/b"]);

    rmSync(join(source, "sub"), { recursive: true });
    const second = await runAgent(folder, [source, url]);
    assertExit(second, 0);
    assert.match(second.stdout, /0 uploaded, 1 unchanged\.\nBucket: 1 matched, .* 2 deleted\./);
    assert.match(second.log, /Deleted \[sub\/a\]/);
    assert.doesNotMatch(second.stdout, /Repaired/, "the user deleted them, nobody else");
    assert.deepEqual(await neighbours.paths(), ["-too", "/", "/c", "/folder/", "2/data"]);
  });

  // cback-amazons3-sync -u SOURCE s3://BUCKET/sync-upload-only
  test("fault 70: with -u sends and deletes nothing, and lists in the report what is extra", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, { a: "new" });
    const view = new BucketView(t, ownPrefix("sync-upload-only"));
    await view.put("extra", "stays");
    const run = await runAgent(folder, ["-u", source, view.url]);
    assertExit(run, 0);
    assert.match(run.stdout, /1 uploaded.*\nBucket: 1 matched, .* 1 unexpected, 0 deleted\./);
    assert.deepEqual(await view.paths(), ["a", "extra"]);
    const { verdict, extras, findings } = await view.report(run);
    assert.deepEqual([verdict, extras], ["match", "listed"]);
    assert.deepEqual(
      findings.map(({ kind, path }) => [kind, path]),
      [["unexpected", "extra"]],
    );

    const verify = await runAgent(folder, ["-v", "--detailed-exit-codes", source, view.url]);
    assertExit(verify, 7);
    assert.match(verify.stderr, /^\[extra\] is in the bucket, not in the source\.$/m);

    assertExit(await runAgent(folder, [source, view.url]), 0);
    assert.deepEqual(await view.paths(), ["a"]);
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/sync-large
  test("fault 34: sends empty and large files as they are, and leaves no upload open", async (t) => {
    const folder = temporaryFolder(t);
    const large = Buffer.alloc(8 * 1024 * 1024 + 1, "0123456789abcdef!");
    const exact = Buffer.alloc(8 * 1024 * 1024, "one request");
    const source = makeTree(folder, { empty: "", large, exact });
    const view = new BucketView(t, ownPrefix("sync-large"));
    assertExit(await runAgent(folder, [source, view.url]), 0);
    assert.deepEqual(
      (await view.objects()).map(({ path, sizeBytes, etag }) => [path, sizeBytes, /-\d+"?$/.exec(etag)?.[0]]),
      [
        ["empty", 0, undefined],
        ["exact", exact.length, undefined],
        ["large", large.length, '-2"'],
      ],
    );
    assert.ok(large.equals(await view.read("large")));
    assert.ok(exact.equals(await view.read("exact")));
    assert.equal(await view.uploads(), 0);
    const second = await runAgent(folder, [source, view.url]);
    assertExit(second, 0);
    assert.match(second.stdout, /0 uploaded, 3 unchanged/);
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/sync-changes
  test("sends what changed in size, and what is newer and has other content; a file that was only touched stays", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, { grown: "1", same: "12", touched: "123" });
    const view = new BucketView(t, ownPrefix("sync-changes"));
    assertExit(await runAgent(folder, [source, view.url]), 0);
    const before = await view.changes();
    // S3 shows whole seconds: what is written within the second of its upload is not newer than that by its time.
    addFiles(source, { grown: "1 and more", same: "21", touched: "123" });
    const second = await runAgent(folder, [source, view.url]);
    assertExit(second, 0);
    assert.match(second.stdout, /2 uploaded, 1 unchanged/);
    assert.equal(await view.changes(), before + 2);
    assert.equal(String(await view.read("same")), "21");
    assert.doesNotMatch(second.stdout, /Repaired/, "what the source changed is no drift of the bucket");
  });
});

describe("the switches of the screen", { concurrency: 3 }, () => {
  // cback-amazons3-sync -q SOURCE s3://BUCKET/sync-quiet
  test("-q prints nothing, whatever happens, and the log has it all", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, SMALL_TREE);
    const view = new BucketView(t, ownPrefix("sync-quiet"));
    const well = await runAgent(folder, ["-q", source, view.url]);
    assertExit(well, 0);
    assert.deepEqual([well.stdout, well.stderr], ["", ""]);
    assert.match(well.log, /\[INFO {3}\] Verdict: match\./);
    await view.remove("a.txt");
    const badly = await runAgent(folder, ["-qv", source, view.url]);
    assertExit(badly, 6);
    assert.deepEqual([badly.stdout, badly.stderr], ["", ""]);
    assert.match(badly.log, /\[ERROR {2}\] \[a\.txt\] is missing in the bucket\./);
    assert.match(badly.log, /\[INFO {3}\] Verdict: MISMATCH\./);
  });

  // cback-amazons3-sync -b SOURCE s3://BUCKET/sync-verbose
  test("-b also prints what happens, -O logs each request, -d more than that, and none of them a secret", async (t) => {
    const folder = temporaryFolder(t);
    const source = makeTree(folder, SMALL_TREE);
    const view = new BucketView(t, ownPrefix("sync-verbose"));
    const run = await runAgent(folder, ["-b", "-d", source, view.url]);
    assertExit(run, 0);
    assert.match(run.stdout, /^Uploaded \[deep\/er\/b\.txt\], 6 bytes\.$/m);
    assert.match(run.stdout, /^Shard 0: 3 entries, 0 deletions\.$/m);
    assert.match(run.stdout, /^Run completed with status 0 \(.*\)\.\n$/m);
    assert.doesNotMatch(run.stdout, /PutObject/, "requests are for the log");
    assert.match(run.log, new RegExp(`\\[INFO {3}\\] S3 PutObject \\[${view.prefix}a\\.txt\\]: 200, 1 try`));
    assertNoSecret(run);
  });

  // cback-amazons3-sync -D SOURCE s3://BUCKET/sync-facts
  test("-D prints what the command runs on, the queue and the validator's version, and never a secret", async (t) => {
    const run = await runAgent(temporaryFolder(t), ["-D", "/nowhere", new BucketView(t, ownPrefix("sync-facts")).url]);
    assertExit(run, 0);
    assert.equal(run.stderr, "");
    const { version } = (await import("#package.json", { with: { type: "json" } })).default;
    const { environment, bucket } = liveEngine();
    for (const line of [
      /^Interpreter\.*: Node\.js 24\./m,
      /^Platform\.*: \w+ /m,
      /^Encoding\.*: /m,
      /^Locale\.*: /m,
      new RegExp(`^Region\\.*: ${environment.AWS_REGION}$`, "m"),
      new RegExp(`^S3 endpoint\\.*: ${environment.AWS_ENDPOINT_URL}$`, "m"),
      new RegExp(`^Identity\\.*: access key \\*+${environment.AWS_ACCESS_KEY_ID.slice(-4)} from env vars$`, "m"),
      new RegExp(`^Queue URL\\.*: https://.*/${queueName(bucket)}$`, "m"),
      new RegExp(`^Validator\\.*: version ${version.replaceAll(".", "\\.")}$`, "m"),
      /^Seen\.*: The event source mapping is Enabled/m,
    ]) {
      assert.match(run.stdout, line);
    }
    assertNoSecret(run);
  });
});

function assertNoSecret({ stdout, stderr, log }: Ended): void {
  const { AWS_SECRET_ACCESS_KEY, AWS_ACCESS_KEY_ID } = liveEngine().environment;
  for (const text of [stdout, stderr, log]) {
    assert.ok(!text.includes(AWS_SECRET_ACCESS_KEY), "the secret key is nowhere");
    assert.ok(!text.includes(AWS_ACCESS_KEY_ID), "neither is the whole access key");
    assert.doesNotMatch(text, /X-Amz-Signature|Authorization/i);
  }
}

/** Runs of a host whose policy reaches its own prefix alone, beside another host whose name begins like its own. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { decodeStatus, statusKey } from "#shared/status.ts";
import { liveEngine } from "#test/live-engine.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, runAgent } from "./agent-process.ts";
import { BucketView } from "./bucket-view.ts";
import { deploySecondStack, type SecondStack } from "./second-stack.ts";
import { addFiles, makeTree } from "./tree.ts";

const folder = mkdtempSync(join(tmpdir(), "cback-test-"));
/** Its hosts are web1 and web10; we are web1. */
let stack: SecondStack;
before(async () => {
  stack = await deploySecondStack(folder, ["web1", "web10"]);
});
after(async () => {
  await stack?.forget();
  rmSync(folder, { recursive: true, force: true });
});

const TREE = {
  "a/1": "one",
  "a/2": "two",
  b: "bee",
  // Sent in parts.
  large: Buffer.alloc(9 * 1024 * 1024, "large"),
};

describe("a host with a prefix of its own", () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/web1
  // cback-amazons3-sync -v SOURCE s3://BUCKET/web1
  test("syncs, deletes, checks, repairs and reads what the validator found", async (t) => {
    const own = temporaryFolder(t);
    const { environment, bucket, host } = stack;
    const view = new BucketView(t, "web1/", bucket);
    const url = `s3://${bucket}/web1`;
    const source = makeTree(own, TREE);
    await view.put("not-in-the-source", "x");
    await new BucketView(t, "web10/", bucket).put("neighbour", "of another host");

    const first = await runAgent(own, [source, url], { environment });
    assertExit(first, 0);
    assert.equal(first.stderr, "");
    assert.match(
      first.stdout,
      /^Verdict: match\..*\n.* 4 uploaded, 0 unchanged\.\nBucket: 4 matched, .* 1 deleted\.\n/,
    );
    assert.deepEqual(await view.paths(), Object.keys(TREE));

    await view.remove("a/1");
    await view.put("b", "BEE");
    await view.put("unexpected", "x");
    const check = await runAgent(own, ["-v", "--detailed-exit-codes", source, url], { environment });
    assertExit(check, 7);
    assert.deepEqual(check.stderr.trimEnd().split("\n"), [
      "[a/1] is missing in the bucket.",
      "[b] is of other content in the bucket.",
      "[unexpected] is in the bucket, not in the source.",
    ]);

    addFiles(source, { "a/3": "three" });
    const repair = await runAgent(own, [source, url], { environment });
    assertExit(repair, 0);
    assert.match(repair.stdout, /^Repaired 3 objects in the bucket:$/m);
    assert.deepEqual(await view.paths(), [...Object.keys(TREE), "a/3"].sort());
    assertExit(await runAgent(own, ["-v", source, url], { environment }), 0);

    const s3 = new S3Client({ ...liveEngine().host, credentials: host.credentials });
    t.after(() => s3.destroy());
    const [, reportKey = ""] = new RegExp(`^Report: s3://${bucket}/(.*)$`, "m").exec(repair.stdout) ?? [];
    const read = async (Key: string) =>
      (await s3.send(new GetObjectCommand({ Bucket: bucket, Key }))).Body?.transformToString() ?? "";
    const report = JSON.parse(await read(reportKey));
    assert.deepEqual([report.verdict, report.prefix], ["match", "web1/"]);
    assert.equal(decodeStatus(await read(statusKey("web1/"))).latest.verdict, "match");
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/web1/below
  test("may divide its prefix as it likes", async (t) => {
    const own = temporaryFolder(t);
    const { environment, bucket } = stack;
    const view = new BucketView(t, "web1/below/", bucket);
    const run = await runAgent(own, [makeTree(own, { a: "1" }), view.url], { environment });
    assertExit(run, 0);
    assert.equal((await view.report(run)).verdict, "match");
  });

  for (const [title, prefix, shown] of [
    ["another host's prefix, which begins like its own", "web10/", "web10/*"],
    ["a prefix of nobody", "web/", "web/*"],
    ["the whole bucket", "", undefined],
  ] as const) {
    // cback-amazons3-sync SOURCE s3://BUCKET/web10
    // cback-amazons3-sync --detailed-exit-codes -v SOURCE s3://BUCKET/web10
    test(`fault 16: cannot reach ${title}, and is told which line of which policy is about it`, async (t) => {
      const own = temporaryFolder(t);
      const { environment, bucket } = stack;
      const view = new BucketView(t, prefix, bucket);
      const source = makeTree(own, { a: "1" });
      const changes = await view.changes();
      for (const [code, switches] of [
        [6, []],
        [12, ["--detailed-exit-codes"]],
        [12, ["--detailed-exit-codes", "--uploadOnly"]],
        [12, ["--detailed-exit-codes", "--verifyOnly"]],
      ] as const) {
        const run = await runAgent(own, [...switches, source, view.url], { environment });
        assertExit(run, code);
        assert.equal(run.stdout, "");
        const condition = shown === undefined ? "" : ` (s3:prefix ${shown})`;
        // A hint is broken into the lines of a screen.
        const [what, ...hint] = run.stderr.trimEnd().split("\n");
        assert.equal(
          what,
          `Cannot list [s3://${bucket}]: access denied (s3:ListBucket): no such bucket, or no right to list it.`,
        );
        assert.equal(
          hint.join(" "),
          `Check the bucket's name, and whose it is; \`npx cdk deploy -c bucket=${bucket}\` makes it with its validator. If it is there: ` +
            `Allow s3:ListBucket on arn:aws:s3:::${bucket}${condition} for these credentials; the statement ListTheBucket of the stack's host policy does, that of a host with a prefix of its own for this prefix alone.`,
        );
      }
      assert.equal(await view.changes(), changes, "nothing was written or deleted");
    });
  }
});

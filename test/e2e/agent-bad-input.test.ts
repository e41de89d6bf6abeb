/** What the command refuses, and how: the right exit code, one line that says what is wrong, one that says what to do. */
import assert from "node:assert/strict";
import { chmodSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { liveEngine } from "#test/live-engine.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { type AgentSettings, assertExit, type Ended, failureOf, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { makeTree } from "./tree.ts";

const { bucket } = liveEngine();
const SOURCE = "SOURCE";
const URL_ = `s3://${bucket}/bad-input`;

const { accessKeyId, secretAccessKey } = liveEngine().administrator.credentials;
const ADMINISTRATOR = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };

/** One line that says what is wrong, then what to do in lines that fit a screen, nothing else. */
function assertRefused(ended: Ended, code: number, what: RegExp): void {
  assertExit(ended, code);
  assert.equal(ended.stdout, "");
  const { message, hint } = failureOf(ended);
  assert.match(message, /Cannot .*\.$/);
  assert.notEqual(hint, "");
  assert.match(`${message}\n${hint}`, what);
  for (const line of ended.stderr.split("\n").slice(1)) assert.ok(line.length <= 80 || /^\S*$/.test(line), line);
}

describe("a command line that cannot be meant", { concurrency: 4 }, () => {
  const lines: Array<[argv: string[], what: RegExp]> = [
    [[SOURCE, `http://${bucket}/x`], /it does not begin with s3:\/\/\.\nIt is written as s3:\/\/BUCKET/],
    [[SOURCE, bucket], /it does not begin with s3:\/\//],
    [[SOURCE, `${URL_}/../x`], /\[s3:.*\/\.\.\/x\]: a segment of the prefix is named \[\.\.\]/],
    [[SOURCE, `${URL_}//x`], /empty segment \(\/\/\)/],
    [[SOURCE, `s3://${bucket}//x`], /empty segment \(\/\/\)/],
    [[SOURCE, `s3://${bucket}/.cback/x`], /\.cback\/ belongs to the validator/],
    [[SOURCE, "s3://"], /it names no bucket/],
    [[SOURCE, "s3://My_Bucket/x"], /\[My_Bucket\] is no bucket name/],
    [[SOURCE, "s3://data--use1-az4--x-s3/x"], /is a directory bucket .* use a general purpose bucket/],
    [[], /the argument sourceDir is missing/],
    [[SOURCE], /the argument s3BucketUrl is missing/],
    [[SOURCE, URL_, "more"], /\[more\]: there are 3 arguments, and two are needed/],
    [[URL_, SOURCE], /that is a URL\.\nThe directory comes first/],
    [["--verfyOnly", SOURCE, URL_], /\[--verfyOnly\]: there is no such switch\.\nDid you mean --verifyOnly\?/],
    [["-x", SOURCE, URL_], /\[-x\]: there is no such switch/],
    [["-v", "-u", SOURCE, URL_], /one forbids what the other asks for/],
    [["--timeout", "soon", SOURCE, URL_], /\[soon\]: it is not a duration/],
    [["--queue", "my-queue", SOURCE, URL_], /\[my-queue\]: it is not the URL of a queue/],
    [["--owner", "0:0", SOURCE, URL_], /only names are taken/],
    [["--mode", "999", SOURCE, URL_], /not an octal number/],
  ];
  // CBACK_TEST_SHARD_ENTRIES=0 cback-amazons3-sync SOURCE s3://BUCKET/bad-input
  test("exits 2 before anything is opened or sent: a size of shards that is none", async (t) => {
    const folder = temporaryFolder(t);
    const settings = { environment: { CBACK_TEST_SHARD_ENTRIES: "0" } };
    const ended = await runAgent(folder, [makeTree(folder, { a: "a" }), URL_], settings);
    assertRefused(ended, 2, /CBACK_TEST_SHARD_ENTRIES \[0\]: it is no number from 1 to 20000\.\nUnset it/);
    assert.equal(ended.log, "");
  });

  for (const [argv, what] of lines) {
    // cback-amazons3-sync ARGV
    test(`fault 38: exits 2 before anything is opened or sent: ${argv.join(" ")}`, async (t) => {
      const folder = temporaryFolder(t);
      const source = makeTree(folder, { a: "a" });
      const ended = await runAgent(
        folder,
        argv.map((word) => (word === SOURCE ? source : word)),
      );
      assertRefused(ended, 2, what);
      assert.match(ended.stderr, /^cback-amazons3-sync: Cannot use /);
      assert.equal(ended.log, "");
    });
  }
});

interface BadRun {
  readonly title: string;
  /** The exit code with --detailed-exit-codes; without it is 6. */
  readonly detailed: number;
  readonly what: RegExp;
  /** "SOURCE" stands for a directory with a file. */
  readonly source?: (folder: string) => string;
  readonly url?: string;
  readonly settings?: AgentSettings | ((t: TestContext, folder: string) => Promise<AgentSettings>);
}

describe("a run that cannot begin", { concurrency: 4 }, () => {
  const runs: BadRun[] = [
    // The slowest first, for it waits: a server may be on its way.
    {
      title: "fault 8: nothing listens at the endpoint",
      ...{ detailed: 6, what: /nothing listens there \(ECONNREFUSED\)\.\nCheck the network, AWS_REGION and/ },
      settings: async () => ({ environment: { AWS_ENDPOINT_URL: `https://127.0.0.1:${await freePort()}` } }),
    },
    {
      title: "fault 23: the source is missing",
      ...{
        detailed: 6,
        what: /Cannot read the source directory \[.*\/missing\]: it does not exist\.\nNothing was sent/,
      },
      source: (folder) => join(folder, "missing"),
    },
    {
      title: "fault 23: the source is a file",
      ...{ detailed: 6, what: /Cannot read the source directory \[.*\/a\]: it is not a directory\./ },
      source: (folder) => join(makeTree(folder, { a: "a" }), "a"),
    },
    {
      title: "the source cannot be read",
      ...{ detailed: 6, what: /Cannot read the source directory \[.*\]: permission denied\./ },
      source(folder) {
        const source = makeTree(folder, { a: "a" });
        chmodSync(source, 0);
        return source;
      },
      settings: { withoutRights: true },
    },
    {
      title: "fault 14: the bucket does not exist, and is not made",
      ...{ detailed: 6, what: /no such bucket\.\nCheck the URL\. Nothing was created; `cdk deploy -c bucket=NAME`/ },
      url: "s3://nobody-has-this-bucket/x",
      // The host may not even ask for it.
      settings: { environment: ADMINISTRATOR },
    },
    {
      title: "fault 16: the bucket's name is wrong, which the host may not know",
      ...{
        detailed: 12,
        what: /access denied \(sqs:GetQueueUrl\): no such queue, or no right to see it\.\nCheck the bucket's name .*deploy -c bucket=another`/,
      },
      url: "s3://another/x",
    },
    {
      title: "the bucket has no queue",
      ...{
        detailed: 4,
        what: /\[cback-validator-no-queue-here\]: no such queue.*\n.*cdk deploy -c bucket=no-queue-here`/,
      },
      url: "s3://no-queue-here/x",
      settings: async () => {
        const administrator = new S3Client(liveEngine().administrator);
        await administrator.send(new CreateBucketCommand({ Bucket: "no-queue-here" }));
        administrator.destroy();
        return { environment: ADMINISTRATOR };
      },
    },
    {
      title: "fault 12: there are no credentials",
      ...{ detailed: 12, what: /no credentials: .*\nSet AWS_PROFILE, or AWS_ACCESS_KEY_ID and .*`aws sso login`/ },
      settings: { environment: { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined } },
    },
    {
      title: "fault 12: the secret is wrong",
      ...{ detailed: 12, what: /the credentials are not accepted \(\w+\)\.\nSet AWS_PROFILE/ },
      settings: { environment: { AWS_SECRET_ACCESS_KEY: "not-the-secret" } },
    },
    {
      title: "no region is set",
      ...{ detailed: 4, what: /no AWS region is set\.\nSet AWS_REGION/ },
      settings: { environment: { AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined } },
    },
    {
      title: "fault 8: the endpoint's certificate is not trusted",
      ...{ detailed: 4, what: /the server's certificate is not trusted \(\w+\)\.\n.*NODE_EXTRA_CA_CERTS/ },
      settings: { environment: { NODE_EXTRA_CA_CERTS: undefined } },
    },
  ];
  for (const { title, detailed, what, source, url = URL_, settings = {} } of runs) {
    // cback-amazons3-sync SOURCE s3://BUCKET/bad-input
    test(`exits 6, in detail ${detailed}: ${title}`, async (t) => {
      const folder = temporaryFolder(t);
      const directory = source === undefined ? makeTree(folder, { a: "a" }) : source(folder);
      const chosen = typeof settings === "function" ? await settings(t, folder) : settings;
      const argv = ["-O", directory, url];
      const [plain, inDetail] = await Promise.all([
        runAgent(folder, argv, chosen),
        // A home of its own, for the two would lock each other out.
        runAgent(temporaryFolder(t), ["--detailed-exit-codes", ...argv], chosen),
      ]);
      assertRefused(plain, 6, what);
      assertRefused(inDetail, detailed, what);
      if (title.startsWith("fault 23")) assert.doesNotMatch(plain.log, /GetQueueUrl|GetObject/, "nobody was asked");
    });
  }

  // cback-amazons3-sync -l MISSING/x.log SOURCE s3://BUCKET/bad-input-log
  test("fault 54: exits 3 before anything is sent: the log's directory is missing", async (t) => {
    const folder = temporaryFolder(t);
    const view = new BucketView(t, ownPrefix("bad-input-log"));
    const source = makeTree(folder, { a: "a" });
    const ended = await runAgent(folder, ["-l", join(folder, "missing", "x.log"), source, view.url]);
    assertRefused(ended, 3, /Cannot open the log file \[.*\/missing\/x\.log\]: its directory does not exist\.\n/);
    assert.deepEqual(await view.paths(), []);
    assert.ok(!readdirSync(folder).includes("missing"));
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<number>();
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
  });
  return promise;
}

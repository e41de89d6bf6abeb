/** What networks and services do wrong on the way: a run gets through it, or says what is wrong and loses nothing. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, failureOf, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { errorDocument, type Fault, type FaultProxy, type Passing, startFaultProxy } from "./fault-proxy.ts";
import { makeTree, type Tree } from "./tree.ts";

const SMALL_TREE = { "a/1": "one", "a/2": "two", b: "three", c: "four" };
const LARGE_FILE = { large: Buffer.alloc(17 * 1024 * 1024, "not only zeros") };

interface Bad {
  readonly view: BucketView;
  readonly proxy: FaultProxy;
  readonly folder: string;
  readonly source: string;
  run(...switches: string[]): ReturnType<typeof runAgent>;
}

/** A source, a prefix of the test's own, and an agent that reaches the engine through the faults. */
async function through(
  t: TestContext,
  name: string,
  files: Tree,
  faultOf: (passing: Passing) => Fault | undefined | Promise<Fault | undefined>,
): Promise<Bad> {
  const folder = temporaryFolder(t);
  const source = makeTree(folder, files);
  const view = new BucketView(t, ownPrefix(`network-${name}`));
  const proxy = await startFaultProxy(t, faultOf);
  const run = (...switches: string[]) =>
    runAgent(folder, ["-O", ...switches, source, view.url], { environment: proxy.environment });
  return { view, proxy, folder, source, run };
}

/** The bucket has what the source has, nothing is left behind, and the next run has nothing to do. */
async function assertConverged({ view, folder, source }: Bad, files: Tree): Promise<void> {
  assert.deepEqual(await view.paths(), Object.keys(files).sort());
  const next = await runAgent(folder, [source, view.url]);
  assertExit(next, 0);
  assert.match(next.stdout, new RegExp(` 0 uploaded, ${Object.keys(files).length} unchanged`));
}

describe("a run gets through", { concurrency: 4 }, () => {
  const first = (count: number, fault: Fault) => (passing: Passing) => (passing.count <= count ? fault : undefined);

  /** Which operations are hit, and how. */
  const passable: Array<[title: string, name: string, files: Tree, faultOf: (passing: Passing) => Fault | undefined]> =
    [
      [
        "faults 1, 61: a connection that is cut once at each kind of request",
        ...(["cut", { ...SMALL_TREE, ...LARGE_FILE }, first(1, { cut: "before" })] as const),
      ],
      [
        "faults 19, 62: the answer to each kind of request being lost once",
        ...(["lost", { ...SMALL_TREE, ...LARGE_FILE }, first(1, { cut: "after" })] as const),
      ],
      [
        "fault 2: a burst of SlowDown on writing and listing",
        ...(["slow", SMALL_TREE] as const),
        ({ operation, count }) =>
          /^(PutObject|ListObjectsV2)$/.test(operation) && count <= 4 ? { refuse: "SlowDown", status: 503 } : undefined,
      ],
      [
        "fault 3: 500, 502, 504 and 429 on writing and listing",
        ...(["failing", SMALL_TREE] as const),
        ({ operation, count }) => {
          const fault = [
            { refuse: "InternalError", status: 500 },
            { answer: { status: 502, body: "<html>Bad Gateway</html>" } },
            { answer: { status: 504, body: "" } },
            { refuse: "TooManyRequests", status: 429 },
          ][count - 1];
          return /^(PutObject|ListObjectsV2)$/.test(operation) ? fault : undefined;
        },
      ],
      [
        "fault 4: an error in the body of a 200 when a large upload is completed",
        ...(["complete", LARGE_FILE] as const),
        ({ operation, count }) =>
          operation === "CompleteMultipartUpload" && count === 1
            ? { answer: { status: 200, body: errorDocument("InternalError") } }
            : undefined,
      ],
      [
        "fault 5: torn, short and invalid pages of a listing",
        ...(["torn", SMALL_TREE] as const),
        ({ operation, count }) => {
          const fault: Fault | undefined = [
            { cut: "within" as const },
            { change: ({ body }: { body: string }) => ({ status: 200, body: body.slice(0, body.length / 2) }) },
            { answer: { status: 200, body: "" } },
          ][count - 1];
          return operation === "ListObjectsV2" ? fault : undefined;
        },
      ],
      [
        "fault 6: a server that takes a request and never answers",
        ...(["silent", SMALL_TREE] as const),
        ({ operation, count }) => (operation === "PutObject" && count === 2 ? { silent: true } : undefined),
      ],
      [
        "fault 21: a large upload that is gone before it is completed",
        ...(["gone", LARGE_FILE] as const),
        ({ operation, count }) =>
          operation === "UploadPart" && count === 2 ? { refuse: "NoSuchUpload", status: 404 } : undefined,
      ],
    ];
  for (const [title, name, files, faultOf] of passable) {
    // AWS_ENDPOINT_URL=PROXY cback-amazons3-sync -O SOURCE s3://BUCKET/network-NAME
    test(title, async (t) => {
      const bad = await through(t, name, files, faultOf);
      assertExit(await bad.run(), 0);
      await assertConverged(bad, files);
      // Of an upload whose id got lost nobody knows: the bucket's lifecycle rule removes it (fault 22).
      assert.equal(await bad.view.uploads(), name === "lost" ? 1 : 0);
    });
  }
});

describe("a run ends with a clear message", { concurrency: 4 }, () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/network-endless
  test("fault 7: when a listing is not to be trusted, and nothing is deleted", async (t) => {
    const bad = await through(t, "endless", SMALL_TREE, ({ operation }) =>
      operation === "ListObjectsV2"
        ? {
            change: ({ status, body }) => ({
              status,
              body: body.replace("<IsTruncated>false<", "<IsTruncated>true<"),
            }),
          }
        : undefined,
    );
    await bad.view.put("extra", "stays");
    const run = await bad.run();
    assertExit(run, 6);
    assert.match(run.stderr, /not trustworthy: it goes on but gives no token/);
    assert.deepEqual(await bad.view.paths(), ["extra"]);
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/network-deletions
  test("fault 4: when deletions are answered by errors in a 200, naming each", async (t) => {
    const bad: Bad = await through(t, "deletions", SMALL_TREE, ({ operation }) =>
      operation === "DeleteObjects"
        ? {
            answer: {
              status: 200,
              body: `<DeleteResult><Error><Key>${bad.view.prefix}old</Key><Code>AccessDenied</Code></Error></DeleteResult>`,
            },
          }
        : undefined,
    );
    await bad.view.put("old", "cannot be deleted");
    const run = await bad.run("--detailed-exit-codes");
    assertExit(run, 7);
    assert.match(run.stderr, /^\[old\] is in the bucket, not in the source\.$/m);
    assert.match(run.log, /\[WARNING\] Cannot delete \[.*\/old\]: access denied/);
  });

  // cback-amazons3-sync SOURCE s3://BUCKET/network-refused
  test("fault 18: when single files are refused, naming each, and the others are sent", async (t) => {
    const bad = await through(t, "refused", SMALL_TREE, ({ operation, key }) =>
      operation === "PutObject" && key.endsWith("/b") ? { refuse: "InvalidRequest", status: 400 } : undefined,
    );
    const run = await bad.run("--detailed-exit-codes");
    assertExit(run, 9);
    assert.match(run.stderr, /^Not synced: \[.*\/b\]: .*InvalidRequest/m);
    assert.deepEqual(await bad.view.paths(), ["a/1", "a/2", "c"]);
  });

  /** Operation, and the action that must be named. */
  const denials: Array<[operation: string, action: string, written: string[]]> = [
    ["ListObjectsV2", "s3:ListBucket", []],
    ["PutObject", "s3:PutObject", []],
    ["DeleteObjects", "s3:DeleteObject", ["a/1", "a/2", "b", "c", "extra"]],
    ["SendMessage", "sqs:SendMessage", ["a/1", "a/2", "b", "c", "extra"]],
    ["GetQueueUrl", "sqs:GetQueueUrl", ["extra"]],
  ];
  for (const [operation, action, written] of denials) {
    // cback-amazons3-sync --detailed-exit-codes SOURCE s3://BUCKET/network-denied
    test(`fault 16: when ${action} is denied, with the line that a policy needs`, async (t) => {
      const name = `denied-${operation.toLowerCase()}`;
      const bad = await through(t, name, SMALL_TREE, (passing) =>
        passing.operation === operation ? { refuse: "AccessDenied", status: 403 } : undefined,
      );
      await bad.view.put("extra", "not in the source");
      const run = await bad.run("--detailed-exit-codes");
      assertExit(run, 12);
      const { message, hint } = failureOf(run);
      assert.match(message, new RegExp(`^Cannot .*: access denied \\(${action}\\)`));
      assert.match(hint, new RegExp(`Allow ${action} on `));
      assert.doesNotMatch(hint, /Cannot/, "one message, and one hint");
      if (operation === "ListObjectsV2" || operation === "PutObject")
        assert.deepEqual(await bad.view.paths(), ["extra", ...written]);
    });
  }
});

describe("credentials that run out", () => {
  // cback-amazons3-sync --detailed-exit-codes SOURCE s3://BUCKET/network-expired
  test("fault 11: end the run with one message, not one for each file, and nothing is deleted", async (t) => {
    const bad = await through(t, "expired", SMALL_TREE, ({ operation, count }) =>
      operation === "PutObject" && count > 1 ? { refuse: "ExpiredToken", status: 400 } : undefined,
    );
    await bad.view.put("extra", "stays");
    const run = await bad.run("--detailed-exit-codes");
    assertExit(run, 12);
    const { message, hint } = failureOf(run);
    assert.match(message, /^Cannot write \[.*\]: the credentials have expired\.$/);
    assert.match(hint, /^Set AWS_PROFILE/);
    assert.doesNotMatch(hint, /Cannot/);
    assert.ok((await bad.view.paths()).includes("extra"));
    assert.ok(!bad.proxy.passed.includes("SendMessage"));
  });
});

describe("the validator's verdict", { concurrency: 2 }, () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/network-changed
  test("fault 69: an object that is changed between upload and check is repaired, once", async (t) => {
    const bad: Bad = await through(t, "changed", SMALL_TREE, async ({ operation, count }) => {
      if (operation !== "SendMessage" || count !== 1) return undefined;
      await bad.view.put("b", "THREE".slice(0, 5));
      await bad.view.put("c", "FOUR");
      await bad.view.remove("a/1");
      await bad.view.put("stranger", "came by");
      return undefined;
    });
    const run = await bad.run();
    assertExit(run, 0);
    assert.equal(run.stderr, "");
    assert.match(run.log, /\[WARNING\] The validator found differences; a second run repairs them, once\./);
    assert.match(run.stdout, /^Repaired 4 objects/m);
    for (const line of ["missing: [a/1]", "changed: [b]", "changed: [c]", "unexpected: [stranger]"])
      assert.ok(run.stdout.includes(`\n  ${line}\n`), line);
    assert.deepEqual(await bad.view.paths(), Object.keys(SMALL_TREE).sort());
    for (const [path, content] of Object.entries(SMALL_TREE)) assert.equal(String(await bad.view.read(path)), content);
    const report = await bad.view.report(run);
    assert.match(run.log, new RegExp(`Run \\[${report.repairs}\\]: syncing`));
    await assertConverged(bad, SMALL_TREE);
  });

  // cback-amazons3-sync --detailed-exit-codes SOURCE s3://BUCKET/network-always
  test("fault 69: an object that is changed again and again is a mismatch, with what was expected and what was seen", async (t) => {
    const bad: Bad = await through(t, "always", SMALL_TREE, async ({ operation, count }) => {
      if (operation === "SendMessage") await bad.view.put("c", `bad${count}`);
      return undefined;
    });
    const run = await bad.run("--detailed-exit-codes");
    assertExit(run, 7);
    assert.equal(run.stderr, "[c] is of other content in the bucket.\n");
    assert.match(run.stdout, /^Verdict: MISMATCH/m);
    const [finding] = (await bad.view.report(run)).findings;
    assert.equal(finding?.expected?.sizeBytes, 4);
    assert.ok(finding.actual?.modified);
    assert.notEqual(finding.expected.etag, finding.actual.etag);
    assert.equal(bad.proxy.passed.filter((operation) => operation === "SendMessage").length, 2, "repaired once");
  });

  // cback-amazons3-sync --detailed-exit-codes SOURCE s3://BUCKET/network-forged
  for (const [what, forge] of [
    ["another run", (text: string) => text.replace(/"run": "(\d{8}T\d{6}Z)-[0-9a-f]{4}/, '"run": "$1-dead')],
    ["other messages", (text: string) => text.replace(/"digest": "[0-9a-f]{4}/, '"digest": "dead')],
  ] as const) {
    test(`faults 67, 68: a report about ${what} is not believed`, async (t) => {
      const bad = await through(t, `forged-${what.replace(" ", "-")}`, SMALL_TREE, ({ operation, key }) =>
        operation === "GetObject" && key.startsWith(".cback/reports/")
          ? { change: ({ status, body }) => ({ status, body: forge(body) }) }
          : undefined,
      );
      const run = await bad.run("--detailed-exit-codes");
      assertExit(run, 8);
      assert.match(run.stderr, new RegExp(`^Cannot believe the report \\[.*\\]: it is about ${what}`));
    });
  }
});

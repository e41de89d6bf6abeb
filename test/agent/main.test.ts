/** The command as a process of its own: exit codes, what is printed, signals. */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, Socket } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { OUTCOMES } from "#agent/exit-code.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";

const ROOT = join(import.meta.dirname, "../..");
const ENTRY = join(ROOT, "agent/cback-amazons3-sync.cjs");
const WITH_RUN = join(import.meta.dirname, "main-with-run.ts");
const ARGUMENTS = ["/home/me", "s3://my-bucket/me"];

type Child = ChildProcessByStdio<null, Readable, Readable>;

function start(program: string, argv: readonly string[], environment: Record<string, string> = {}): Child {
  return spawn(process.execPath, [program, ...argv], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, HOME: "/nonexistent", AWS_EC2_METADATA_DISABLED: "true", ...environment },
  });
}

async function ended(child: Child) {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  return { code: code ?? signal, stdout, stderr };
}

/** Runs the command around one of the runs in main-with-run.ts; the log stays in a folder of the test. */
function startRun(folder: string, run: string, ...switches: string[]): Child {
  const argv = ["--logfile", join(folder, "x.log"), ...switches, ...ARGUMENTS];
  return start(WITH_RUN, argv, { CBACK_TEST_RUN: run });
}

/** The texts of the records, with their level. */
function records(folder: string): string[] {
  const lines = readFileSync(join(folder, "x.log"), "utf8").trimEnd().split("\n");
  for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d UTC --> \[[A-Z ]{7}\] /);
  return lines.map((line) => line.replace(/^.* --> \[(\w+) *\] /, "$1 "));
}

describe("without a run", { concurrency: 4 }, () => {
  test("-h prints the help on stdout and exits 0", async () => {
    const { code, stdout, stderr } = await ended(start(ENTRY, ["-h"]));
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^Usage: cback-amazons3-sync \[switches\] sourceDir s3BucketUrl\n/);
  });

  test("-V prints the version of package.json and exits 0", async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
    const expected = { code: 0, stdout: `cback-amazons3-sync ${version}\n`, stderr: "" };
    assert.deepEqual(await ended(start(ENTRY, ["-V"])), expected);
  });

  test("a wrong command line exits 2 with one line and one hint, both on stderr, and opens no log", async (t) => {
    const folder = temporaryFolder(t);
    const argv = ["-q", "-l", join(folder, "x.log"), "--verifyOny", ...ARGUMENTS];
    const { code, stdout, stderr } = await ended(start(ENTRY, argv));
    assert.deepEqual([code, stdout], [2, ""]);
    assert.equal(
      stderr,
      "cback-amazons3-sync: Cannot use the switch [--verifyOny]: there is no such switch.\n" +
        "Did you mean --verifyOnly? All switches: cback-amazons3-sync --help\n",
    );
    assert.throws(() => readFileSync(join(folder, "x.log")), /ENOENT/);
  });

  test("a command line with controls in it is shown on one line", async () => {
    const { code, stderr } = await ended(start(ENTRY, ["--ver\nOK\u001b[2J", ...ARGUMENTS]));
    assert.equal(code, 2);
    assert.match(stderr, /^.*\[--ver\\x0aOK\\x1b\[2J\].*\n.*\n$/);
  });

  test("a log file that cannot be opened exits 3 with one line and one hint on stderr, before the run", async (t) => {
    const folder = temporaryFolder(t);
    const { code, stdout, stderr } = await ended(startRun(join(folder, "missing"), "success", "-q"));
    assert.deepEqual([code, stdout], [3, ""]);
    assert.equal(
      stderr,
      `cback-amazons3-sync: Cannot open the log file [${folder}/missing/x.log]: its directory does not exist.\n` +
        "Name a file that can be written with --logfile FILE.\n",
    );
  });

  test("-D prints what is known without a network, and says why the rest is not", async () => {
    const { code, stdout, stderr } = await ended(start(ENTRY, ["-D"], { LANG: "de_DE.UTF-8" }));
    assert.deepEqual([code, stderr], [0, ""]);
    for (const line of [
      /^Version\.+: cback-amazons3-sync \d/m,
      /^Interpreter\.+: Node\.js 24\./m,
      /^Locale\.+: LANG=de_DE\.UTF-8$/m,
      /^Region\.+: not known: Region is missing$/m,
      /^Identity\.+: not known: Could not load credentials/m,
      /^Queue\.+: named after the bucket/m,
    ]) {
      assert.match(stdout, line);
    }
  });

  test("-D shows region, endpoints and queue, and of the credentials four characters and their origin", async () => {
    const argv = ["-D", ...ARGUMENTS];
    const { code, stdout } = await ended(
      start(ENTRY, argv, {
        AWS_REGION: "eu-west-1",
        AWS_ACCESS_KEY_ID: "AKIDSECRETPART1234",
        AWS_SECRET_ACCESS_KEY: "very-secret",
        AWS_SESSION_TOKEN: "token-secret",
        AWS_ENDPOINT_URL_S3: "https://127.0.0.1:4566",
      }),
    );
    assert.equal(code, 0);
    assert.match(stdout, /^Region\.+: eu-west-1$/m);
    assert.match(stdout, /^Identity\.+: temporary access key \*{14}1234 from env vars$/m);
    assert.match(stdout, /^S3 endpoint\.+: https:\/\/127\.0\.0\.1:4566$/m);
    assert.match(stdout, /^SQS endpoint\.+: https:\/\/sqs\.eu-west-1\.amazonaws\.com$/m);
    assert.match(stdout, /^Queue\.+: cback-validator-my-bucket$/m);
    assert.doesNotMatch(stdout, /secret/i);
  });

  test("-D shows the endpoints that are set also where there are no credentials", async () => {
    const { stdout } = await ended(
      start(ENTRY, ["-D"], {
        AWS_REGION: "eu-west-1",
        AWS_ENDPOINT_URL: "https://127.0.0.1:4566",
        AWS_ENDPOINT_URL_SQS: "https://127.0.0.1:4567",
      }),
    );
    assert.match(stdout, /^Identity\.+: not known: Could not load credentials/m);
    assert.match(stdout, /^S3 endpoint\.+: https:\/\/127\.0\.0\.1:4566$/m);
    assert.match(stdout, /^SQS endpoint\.+: https:\/\/127\.0\.0\.1:4567$/m);
  });

  test("-D also prints what is looked up for the bucket", async () => {
    const { stdout } = await ended(start(WITH_RUN, ["-D", ...ARGUMENTS], { CBACK_TEST_RUN: "success" }));
    assert.match(stdout, /^Looked up\.+: my-bucket$/m);
  });
});

describe("with a run", { concurrency: 4 }, () => {
  test("the log begins with the command line and the facts, and ends with the status", async (t) => {
    const folder = temporaryFolder(t);
    const { code, stdout, stderr } = await ended(startRun(folder, "success"));
    assert.deepEqual([code, stdout, stderr], [0, "all is well\n", ""]);
    const lines = records(folder);
    assert.equal(lines[0], "INFO Run of cback-amazons3-sync started.");
    assert.equal(lines[1], `INFO Command line: [--logfile=${folder}/x.log /home/me s3://my-bucket/me]`);
    assert.equal(lines[2], `INFO Log file: [${folder}/x.log]`);
    assert.match(lines[3] ?? "", /^INFO Version\.+: cback-amazons3-sync/);
    assert.equal(lines.at(-2), "INFO all is well");
    assert.equal(lines.at(-1), `INFO Run completed with status 0 (${OUTCOMES.success.meaning}).`);
  });

  const codes: Array<[run: string, plain: number, detailed: number]> = [
    ["success", 0, 0],
    ["mismatch", 6, 7],
    ["failure", 6, 12],
    ["bug", 6, 6],
    ["thrown", 6, 6],
    ["rejected", 6, 6],
    ["stuck", 6, 6],
    ["leaves a socket open", 0, 0],
  ];
  for (const [run, plain, detailed] of codes) {
    test(`a run of the kind [${run}] exits ${plain}, in detail ${detailed}`, async (t) => {
      const folder = temporaryFolder(t);
      assert.equal((await ended(startRun(folder, run))).code, plain);
      assert.match(records(folder).at(-1) ?? "", new RegExp(`^INFO Run completed with status ${plain} `));
      assert.equal((await ended(startRun(folder, run, "--detailed-exit-codes"))).code, detailed);
    });
  }

  test("a failure is printed once, as one line and its hint, on the screen and in the log", async (t) => {
    const folder = temporaryFolder(t);
    const { stdout, stderr } = await ended(startRun(folder, "failure"));
    const message = "Cannot list the bucket [my\\x0abucket]: access denied.";
    assert.deepEqual([stdout, stderr], ["", `${message}\nAsk for s3:ListBucket.\n`]);
    assert.deepEqual(records(folder).slice(-3, -1), [`ERROR ${message}`, "ERROR Ask for s3:ListBucket."]);
  });

  test("a long hint is broken into lines of a screen, a long message is not", async (t) => {
    const { stderr } = await ended(startRun(temporaryFolder(t), "long failure"));
    const [message = "", ...hint] = stderr.trimEnd().split("\n");
    assert.ok(message.length > 100, message);
    assert.deepEqual(hint, [
      "Look at what stands in the way of the first thing and of the second one, then",
      "run `npx cdk deploy -c bucket=my-bucket-with-a-name`; see",
      `[/a/path with spaces/${"that/is/long/".repeat(8)}]`,
      "for more.",
      "  A second line of it.",
    ]);
  });

  test("an unexpected error is one line and the advice to use --stack", async (t) => {
    const { stderr } = await ended(startRun(temporaryFolder(t), "bug"));
    assert.equal(
      stderr,
      "Unexpected error: TypeError: cannot read properties of undefined\nGive --stack to see where it comes from.\n",
    );
  });

  test("what is thrown where nobody waits for it is an error like any other", async (t) => {
    for (const run of ["thrown", "rejected"]) {
      const { stderr } = await ended(startRun(temporaryFolder(t), run));
      assert.equal(stderr.split("\n")[0], `Unexpected error: Error: ${run} where nobody waits`);
    }
  });

  test("--stack prints where an error comes from, with its causes", async (t) => {
    const { code, stderr } = await ended(startRun(temporaryFolder(t), "failure", "-s"));
    assert.equal(code, 6);
    assert.match(stderr, /^Failure: Cannot list the bucket \[my\\x0abucket\]: access denied\.$/m);
    assert.match(stderr, /^ {4}at .*main-with-run\.ts/m);
    assert.match(stderr, /^Caused by: Error: the first cause$/m);
    assert.match(stderr, /^Ask for s3:ListBucket\.$/m);
  });

  test("-q prints nothing at all", async (t) => {
    for (const run of ["success", "failure", "bug"]) {
      const { stdout, stderr } = await ended(startRun(temporaryFolder(t), run, "-q"));
      assert.deepEqual([stdout, stderr], ["", ""]);
    }
  });

  test("fault 59: a reader that went away does not disturb the run", async (t) => {
    const folder = temporaryFolder(t);
    const child = startRun(folder, "success", "-b");
    child.stdout.destroy();
    child.stderr.destroy();
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
    assert.match(records(folder).at(-1) ?? "", /status 0/);
  });
});

describe("fault 51: interrupted", { concurrency: 4 }, () => {
  async function running(folder: string, run: string): Promise<Child> {
    const child = startRun(folder, run);
    await once(child.stdout, "data");
    return child;
  }

  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    test(`by ${name} the run cleans up and exits 5`, async (t) => {
      const folder = temporaryFolder(t);
      const child = await running(folder, "stops when asked");
      child.kill(name);
      const { code, stderr } = await ended(child);
      assert.equal(code, 5);
      assert.equal(
        stderr,
        `Interrupted by ${name}: cleaning up. A second signal ends at once.\n` +
          "Interrupted while uploading: what was sent stays; run again to go on from there.\n",
      );
      assert.equal(records(folder).at(-1), "INFO Run completed with status 5 (interrupted).");
    });
  }

  test("a second time the process ends at once", async (t) => {
    const folder = temporaryFolder(t);
    const child = await running(folder, "does not stop");
    child.kill("SIGINT");
    await once(child.stderr, "data");
    child.kill("SIGINT");
    const [code] = await once(child, "exit");
    assert.equal(code, 5);
    assert.deepEqual(records(folder).slice(-3, -1), [
      "ERROR Interrupted while deleting: all is uploaded; run again to delete the rest.",
      "ERROR Interrupted again by SIGINT: ended without cleaning up.",
    ]);
  });

  // npm run -s agent -- SOURCE s3://my-bucket/me; kill -TERM
  test("as what npm runs, the agent ends too when only npm is told to", async (t) => {
    const folder = temporaryFolder(t);
    const { promise: connected, resolve } = Promise.withResolvers<Socket>();
    // Takes the first question, and never answers.
    const silent = createServer(resolve);
    await once(silent.listen(0, "127.0.0.1"), "listening");
    t.after(() => silent.close());
    const { port } = silent.address() as AddressInfo;
    const argv = ["run", "-s", "agent", "--", "--logfile", join(folder, "x.log"), folder, "s3://my-bucket/me"];
    const child = spawn("npm", argv, {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...{ PATH: process.env.PATH, HOME: folder, AWS_EC2_METADATA_DISABLED: "true", AWS_REGION: "eu-west-1" },
        ...{ AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`, AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" },
      },
    });
    const end = ended(child);
    const socket = await Promise.race([connected, end]);
    assert.ok(socket instanceof Socket, JSON.stringify(socket));
    const closed = once(socket.resume(), "close");
    child.kill("SIGTERM");
    const { stderr } = await end;
    await closed;
    assert.match(stderr, /^Interrupted by SIGTERM: .*\nInterrupted while preparing: nothing was sent or deleted\.\n/);
    assert.equal(records(folder).at(-1), "INFO Run completed with status 5 (interrupted).");
  });

  test("a run that was done all the same keeps its verdict", async (t) => {
    const child = await running(temporaryFolder(t), "ends well in spite of the signal");
    child.kill("SIGTERM");
    assert.equal((await ended(child)).code, 0);
  });
});

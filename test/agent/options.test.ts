import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Failure } from "#agent/errors.ts";
import { type Options, type Request, readRequest } from "#agent/options.ts";

const RUN = ["/home/me", "s3://my-bucket/me"];

function optionsOf(argv: readonly string[], environment = {}): Options {
  const request = readRequest(argv, environment);
  assert.equal(request.kind, "run");
  return (request as Request & { kind: "run" }).options;
}

function failureOf(argv: readonly string[], environment = {}): Failure {
  try {
    readRequest(argv, environment);
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: `taken without complaint: ${argv.join(" ")}` });
}

test("without any switch everything has its default", () => {
  const { shown: _, ...options } = optionsOf(RUN);
  assert.deepEqual(options, {
    sourceDir: "/home/me",
    target: { bucket: "my-bucket", keyPrefix: "me/" },
    verifyOnly: false,
    uploadOnly: false,
    ignoreWarnings: false,
    allowEmptySource: false,
    allowUnmountedSource: false,
    takeOver: false,
    requireFile: undefined,
    maxDelete: undefined,
    checksum: false,
    oneFileSystem: false,
    timeoutMs: 900_000,
    queueUrl: undefined,
    detailedExitCodes: false,
    stack: false,
    shardEntries: undefined,
    log: {
      logfile: undefined,
      owner: undefined,
      mode: 0o640,
      verbose: false,
      quiet: false,
      output: false,
      debug: false,
    },
  });
});

describe("every spelling of the predecessor's getopt", () => {
  const cases: Array<[argv: string[], expected: (options: Options) => boolean]> = [
    [["-bqd"], ({ log }) => log.verbose && log.quiet && log.debug],
    [["-b", "-q", "-d"], ({ log }) => log.verbose && log.quiet && log.debug],
    [["-l", "/x.log"], ({ log }) => log.logfile === "/x.log"],
    [["-l/x.log"], ({ log }) => log.logfile === "/x.log"],
    [["-bl/x.log"], ({ log }) => log.verbose && log.logfile === "/x.log"],
    [["-bl", "/x.log"], ({ log }) => log.verbose && log.logfile === "/x.log"],
    [["-l", "-q"], ({ log }) => log.logfile === "-q" && !log.quiet],
    [["--logfile", "/x.log"], ({ log }) => log.logfile === "/x.log"],
    [["--logfile=/x.log"], ({ log }) => log.logfile === "/x.log"],
    [["--logfile=a=b"], ({ log }) => log.logfile === "a=b"],
    [["--logfile=--no-verbose"], ({ log }) => log.logfile === "--no-verbose"],
    [["--logf=/x.log"], ({ log }) => log.logfile === "/x.log"],
    [["--verify"], ({ verifyOnly }) => verifyOnly],
    [["--veri"], ({ verifyOnly }) => verifyOnly],
    [["--u"], ({ uploadOnly }) => uploadOnly],
    [["-l", "/first", "-l", "/last"], ({ log }) => log.logfile === "/last"],
    [["-l", "/first", "--logfile", "/last"], ({ log }) => log.logfile === "/last"],
    [["--logfile", "/first", "-l", "/last"], ({ log }) => log.logfile === "/last"],
    [["-O"], ({ log }) => log.output && !log.debug],
    [["-d"], ({ log }) => log.output && log.debug],
    [["-s"], ({ stack }) => stack],
    [["-v"], ({ verifyOnly, uploadOnly }) => verifyOnly && !uploadOnly],
    [["-u"], ({ verifyOnly, uploadOnly }) => !verifyOnly && uploadOnly],
    [["-w"], ({ ignoreWarnings }) => ignoreWarnings],
    [["-o", "root:adm"], ({ log }) => log.owner?.user === "root" && log.owner.group === "adm"],
    [["-m", "600"], ({ log }) => log.mode === 0o600],
    [["--mode", "0o644"], ({ log }) => log.mode === 0o644],
    [["--mode", "0644"], ({ log }) => log.mode === 0o644],
  ];
  for (const [argv, expected] of cases) {
    test(`${argv.join(" ")} before the arguments and after them`, () => {
      for (const options of [optionsOf([...argv, ...RUN]), optionsOf([...RUN, ...argv])]) {
        assert.ok(expected(options), JSON.stringify(options));
        assert.equal(options.sourceDir, "/home/me");
      }
    });
  }
});

describe("what is new", () => {
  const cases: Array<[argv: string[], expected: (options: Options) => boolean]> = [
    [["--verify-only"], ({ verifyOnly }) => verifyOnly],
    [["--upload-only"], ({ uploadOnly }) => uploadOnly],
    [["--ignore-warnings"], ({ ignoreWarnings }) => ignoreWarnings],
    [["--allow-empty-source"], ({ allowEmptySource }) => allowEmptySource],
    [["--allowEmptySource"], ({ allowEmptySource }) => allowEmptySource],
    [["--one-file-system"], ({ oneFileSystem }) => oneFileSystem],
    [["--take-over"], ({ takeOver }) => takeOver],
    [["--allow-unmounted-source"], ({ allowUnmountedSource }) => allowUnmountedSource],
    [["--require-file", "photos/.mounted"], ({ requireFile }) => requireFile === "photos/.mounted"],
    [["--max-delete", "0"], ({ maxDelete }) => maxDelete?.most === 0 && maxDelete.unit === "objects"],
    [["--max-delete=1000"], ({ maxDelete }) => maxDelete?.most === 1_000 && maxDelete.unit === "objects"],
    [["--max-delete", "100%"], ({ maxDelete }) => maxDelete?.most === 100 && maxDelete.unit === "percent"],
    [["--detailed-exit-codes"], ({ detailedExitCodes }) => detailedExitCodes],
    [["--timeout", "90"], ({ timeoutMs }) => timeoutMs === 90_000],
    [["--timeout", "90s"], ({ timeoutMs }) => timeoutMs === 90_000],
    [["--timeout=1.5m"], ({ timeoutMs }) => timeoutMs === 90_000],
    [["--timeout=2h"], ({ timeoutMs }) => timeoutMs === 7_200_000],
    [["--timeout=336h"], ({ timeoutMs }) => timeoutMs === 1_209_600_000],
    [["--queue", "https://sqs.eu-west-1.amazonaws.com/1/q"], ({ queueUrl }) => queueUrl?.endsWith("/1/q") === true],
  ];
  for (const [argv, expected] of cases) {
    test(argv.join(" "), () => {
      assert.ok(expected(optionsOf([...argv, ...RUN])));
    });
  }

  test("the queue's URL from the environment, which a switch overrides", () => {
    const environment = { CBACK_QUEUE_URL: "https://sqs.eu-west-1.amazonaws.com/1/from-environment" };
    assert.equal(optionsOf(RUN, environment).queueUrl, environment.CBACK_QUEUE_URL);
    assert.equal(
      optionsOf([...RUN, "--queue", "http://localhost:1/1/q"], environment).queueUrl,
      "http://localhost:1/1/q",
    );
    assert.equal(optionsOf(RUN, { CBACK_QUEUE_URL: "" }).queueUrl, undefined);
  });
});

test("as many arguments, letters or characters as a system lets pass are refused like few", () => {
  const many = 150_000;
  for (const argv of [
    ["--", ...Array<string>(many).fill("file")],
    [`-${"b".repeat(many)}`, ...RUN, "surplus"],
    [`--${"verbose".repeat(many / 7)}`],
    [`-${"z".repeat(many)}`],
  ]) {
    const { user } = process.cpuUsage();
    assert.equal(failureOf(argv).outcome, "arguments");
    // Time of its own, not of the clock: the machine may be busy with other tests.
    assert.ok(process.cpuUsage().user - user < 400_000, argv[0]?.slice(0, 20));
  }
});

test("-- ends the switches", () => {
  const options = optionsOf(["-b", "--", "-dir", "s3://my-bucket"]);
  assert.equal(options.sourceDir, "-dir");
  assert.deepEqual(options.target, { bucket: "my-bucket", keyPrefix: "" });
});

test("fault 39: a slash at the end makes no difference", () => {
  for (const url of ["s3://my-bucket/me", "s3://my-bucket/me/"]) {
    assert.deepEqual(optionsOf(["/home/me/", url]).target, { bucket: "my-bucket", keyPrefix: "me/" });
  }
});

test("help, version and diagnostics need no arguments, and come before what is wrong with them", () => {
  assert.equal(readRequest(["-h"], {}).kind, "help");
  assert.equal(readRequest(["-V"], {}).kind, "version");
  assert.equal(readRequest(["-D"], {}).kind, "diagnostics");
  assert.equal(readRequest(["-vuh", "one"], {}).kind, "help");
  assert.equal(readRequest(["-hVD"], {}).kind, "help");
});

test("diagnostics take the bucket from the arguments", () => {
  for (const argv of [
    ["-D", ...RUN],
    ["-D", "s3://my-bucket/me"],
  ]) {
    const request = readRequest(argv, {});
    assert.deepEqual(request, {
      kind: "diagnostics",
      target: { bucket: "my-bucket", keyPrefix: "me/" },
      queueUrl: undefined,
    });
  }
});

describe("each wrong command line ends with outcome arguments, one line and one hint", () => {
  const cases: Array<[argv: string[], message: RegExp, hint: RegExp]> = [
    [[], /argument sourceDir is missing/, /\[switches\] sourceDir s3BucketUrl.*--help/],
    [["/home/me"], /\[cback-amazons3-sync \/home\/me\]: the argument s3BucketUrl is missing/, /--help/],
    [["/home/my", "files", "s3://my-bucket"], /\[s3:\/\/my-bucket\]: there are 3 arguments/, /quotes/],
    [["", "s3://my-bucket"], /name is empty/, /\[\.\]/],
    [["s3://my-bucket", "/home/me"], /that is a URL/, /directory comes first/],
    [["--verifyOny", ...RUN], /\[--verifyOny\]: there is no such switch/, /Did you mean --verifyOnly\?/],
    [["--VERIFYONLY", ...RUN], /no such switch/, /Did you mean --verifyOnly\?/],
    [["--upload-onyl", ...RUN], /no such switch/, /Did you mean --uploadOnly\?/],
    [["--dry-run", ...RUN], /\[--dry-run\]: there is no such switch/, /^All switches/],
    [["--no-verbose", ...RUN], /no such switch/, /--help/],
    [["--=x", ...RUN], /no such switch/, /--help/],
    [["--ver", ...RUN], /beginning of several/, /--verifyOnly.*--verbose.*--version/],
    [["--verbose=yes", ...RUN], /\[--verbose\]: it takes no value/, /--verbose alone/],
    [["-z", ...RUN], /\[-z\]: there is no such switch/, /--help/],
    [["-bz", ...RUN], /\[-z\] in \[-bz\]/, /--help/],
    [["-B", ...RUN], /\[-B\]/, /Did you mean -b\?/],
    [["-verbose", ...RUN], /\[-e\] in \[-verbose\]/, /Did you mean --verbose\?/],
    [["-x=1", ...RUN], /\[-x\] in \[-x=1\]/, /--help/],
    [[...RUN, "-l"], /\[-l\]: its value is missing/, /-l FILE/],
    [[...RUN, "--logfile"], /\[--logfile\]: its value is missing/, /--logfile FILE/],
    [["-l", "", ...RUN], /\[-l\]: its value is empty/, /-l FILE/],
    [["--logfile=", ...RUN], /\[--logfile\]: its value is empty/, /--logfile FILE/],
    [["-vu", ...RUN], /\[--verifyOnly --uploadOnly\]/, /--uploadOnly verifies as well/],
    [["-o", "root", ...RUN], /\[root\]: it is not a user and a group/, /USER:GROUP/],
    [["-o", ":adm", ...RUN], /not a user and a group/, /USER:GROUP/],
    [["-o", "root:", ...RUN], /not a user and a group/, /USER:GROUP/],
    [["-o", "a:b:c", ...RUN], /not a user and a group/, /USER:GROUP/],
    [["-o", "0:0", ...RUN], /0 is a number/, /names of both/],
    [["-o", "root:4", ...RUN], /4 is a number/, /names of both/],
    [["-o", "root:-x", ...RUN], /no user or group has the name -x/, /USER:GROUP/],
    [["-m", "999", ...RUN], /\[999\]: it is not an octal number/, /640/],
    [["-m", "rw-r-----", ...RUN], /not an octal number/, /640/],
    [["-m", "77777", ...RUN], /not an octal number/, /640/],
    [["-m", "-1", ...RUN], /not an octal number/, /640/],
    [["--require-file", "/mnt/.mounted", ...RUN], /does not lie below the source/, /\.mounted or photos/],
    [["--require-file", "photos/../../x", ...RUN], /does not lie below the source/, /\.mounted or photos/],
    [["--require-file", "", ...RUN], /its value is empty/, /--require-file NAME/],
    [["--max-delete", "101%", ...RUN], /more than all/, /1000 or 25%/],
    [["--max-delete", "many", ...RUN], /neither a number of objects nor a percentage/, /1000 or 25%/],
    [["--max-delete=-1", ...RUN], /neither a number of objects nor a percentage/, /1000 or 25%/],
    [["--max-delete", "1.5", ...RUN], /neither a number of objects nor a percentage/, /1000 or 25%/],
    [["--timeout", "0", ...RUN], /more than zero/, /90s, 15m or 2h/],
    [["--timeout", "0.0h", ...RUN], /more than zero/, /90s, 15m or 2h/],
    [["--timeout=-5", ...RUN], /not a duration/, /90s, 15m or 2h/],
    [["--timeout", "5d", ...RUN], /not a duration/, /90s, 15m or 2h/],
    [["--timeout", "Infinity", ...RUN], /not a duration/, /90s, 15m or 2h/],
    [["--timeout", "337h", ...RUN], /14 days/, /90s, 15m or 2h/],
    [["--queue", "my-queue", ...RUN], /\[my-queue\]: it is not the URL/, /https:\/\/sqs/],
    [["--queue", "https://sqs.eu-west-1.amazonaws.com", ...RUN], /not the URL/, /https:\/\/sqs/],
    [["--queue", "https://me:secret@sqs.amazonaws.com/1/q", ...RUN], /\[https:\/\/\*\*\*@sqs/, /https:\/\/sqs/],
    ...[
      "https://me:secret@more-secret@sqs.amazonaws.com/1/q",
      "https:\\\\me:secret@sqs.amazonaws.com/1/q",
      "https:me:secret@sqs.amazonaws.com/1/q",
      "https://me:secret/@sqs.amazonaws.com/1/q",
      "me:secret@sqs.amazonaws.com/1/q",
      "https://me:secret@sqs amazonaws com/1/q",
    ].map((url): [string[], RegExp, RegExp] => [["--queue", url, ...RUN], /\/\/\*\*\*@sqs/, /https:\/\/sqs/]),
    [["/home/me", "my-bucket"], /\[my-bucket\]: it does not begin with s3:/, /s3:\/\/BUCKET/],
    [["/home/me", "http://my-bucket"], /does not begin with s3:/, /s3:\/\/BUCKET/],
    [["/home/me", "s3://"], /names no bucket/, /s3:\/\/BUCKET/],
    [["/home/me", "s3://My_Bucket"], /\[My_Bucket\] is no bucket name/, /s3:\/\/BUCKET/],
    [["/home/me", "s3://my-bucket/../x"], /segment/, /s3:\/\/BUCKET/],
    [["/home/me", "s3://my-bucket//x"], /empty segment/, /s3:\/\/BUCKET/],
    [["/home/me", "s3://my-bucket/.cback/x"], /belongs to the validator/, /s3:\/\/BUCKET/],
    [["/home/me", "s3://my-bucket--x-s3"], /directory bucket/, /s3:\/\/BUCKET/],
    [["-D", "/home/me", "http://my-bucket"], /does not begin with s3:/, /s3:\/\/BUCKET/],
  ];
  for (const [argv, message, hint] of cases) {
    test(argv.join(" ") || "nothing at all", () => {
      const failure = failureOf(argv);
      assert.equal(failure.outcome, "arguments");
      assert.match(failure.message, message);
      assert.match(failure.hint, hint);
      assert.doesNotMatch(failure.message + failure.hint, /\n|secret/);
    });
  }

  test("a size of shards that is none is named by its variable", () => {
    for (const text of ["0", "-1", "1.5", "1e3", "many", " 2", "20001", "0x10"]) {
      const failure = failureOf(RUN, { CBACK_TEST_SHARD_ENTRIES: text });
      assert.equal(failure.outcome, "arguments");
      assert.match(failure.message, /environment variable CBACK_TEST_SHARD_ENTRIES \[.*\]: it is no number from 1 to/);
      assert.match(failure.hint, /^Unset it/);
    }
    for (const [text, entries] of [
      ["1", 1],
      ["20000", 20_000],
      ["", undefined],
    ] as const) {
      const request = readRequest(RUN, { CBACK_TEST_SHARD_ENTRIES: text });
      assert.equal(request.kind === "run" && request.options.shardEntries, entries);
    }
  });

  test("a wrong URL in the environment is named by its variable", () => {
    const failure = failureOf(RUN, { CBACK_QUEUE_URL: "my-queue" });
    assert.match(failure.message, /environment variable CBACK_QUEUE_URL \[my-queue\]/);
  });
});

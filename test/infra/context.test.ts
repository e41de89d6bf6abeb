/**
 * The app behind `cdk deploy`, run as the CDK runs it: a process of its own with the context in its environment. What
 * cannot be is refused in one line that names the key, never with a stack trace.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BUNDLING_STACKS } from "aws-cdk-lib/cx-api";
import { CONTEXT_KEYS, type ContextKey } from "#infra/context-keys.ts";
import { stackName } from "#shared/names.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { ACCOUNT, KEY_ARN, REGION } from "./construct.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** So that the CDK is not compiled again for each process. */
const COMPILED = temporaryFolder({ after });
const PROCESSES_AT_ONCE = 2;

type Context = Readonly<Record<string, unknown>>;

interface Synthesized {
  readonly exitCode: number;
  readonly stderr: string;
  /** By the stack's name. */
  readonly templates: ReadonlyMap<string, string>;
}

async function synthesize(context: Context): Promise<Synthesized> {
  const outdir = temporaryFolder({ after });
  const { promise, resolve } = Promise.withResolvers<Synthesized>();
  execFile(
    process.execPath,
    ["infra/app.ts"],
    {
      cwd: ROOT,
      env: {
        ...process.env,
        NODE_COMPILE_CACHE: COMPILED,
        CDK_OUTDIR: outdir,
        CDK_DEFAULT_ACCOUNT: ACCOUNT,
        CDK_DEFAULT_REGION: REGION,
        CDK_CONTEXT_JSON: JSON.stringify({ [BUNDLING_STACKS]: [], ...context }),
      },
    },
    (error, _stdout, stderr) => {
      const files = readdirSync(outdir).filter((name) => name.endsWith(".template.json"));
      const templates = files.map(
        (name) => [name.slice(0, -".template.json".length), readFileSync(join(outdir, name), "utf8")] as const,
      );
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? -1), stderr, templates: new Map(templates) });
    },
  );
  return promise;
}

/** What each key does to the template, and nothing else does. */
const WORKS: Readonly<Record<ContextKey, [unknown, ...RegExp[]]>> = {
  bucket: ["my-backups", /"BucketName": "my-backups"/],
  existingBucket: ["old-backups", /"BucketPolicyStatementsToAdd"/],
  hosts: ["web1, db1=databases/db1", /"HostPolicyArnWeb1"/, /"HostPolicyArnDb1"/, /"\/databases\/db1\/\*"/],
  alarmEmail: ["ops@example.com", /"Endpoint": "ops@example\.com"/],
  encryptionKey: [KEY_ARN, new RegExp(`"KMSMasterKeyID": "${KEY_ARN}"`)],
  reportRetention: ["30", /"ExpirationInDays": 30,/],
  oldVersionRetention: ["90", /"NoncurrentDays": 90\n/],
  // As a number, as cdk.json may have it.
  maxSilence: [50, /\\"maxSilenceHours\\":50/],
  unwatched: ["web1,db1/,/", /\\"unwatched\\":\[\\"web1\/\\",\\"db1\/\\",\\"\\"\]/],
};

/** What the CDK itself may have in its context. */
const OF_THE_CDK = {
  "@aws-cdk/core:newStyleStackSynthesis": true,
  "aws:cdk:enable-path-metadata": true,
  "availability-zones:account=111122223333:region=eu-central-1": ["eu-central-1a"],
  "acknowledged-issue-numbers": [12345],
  "cli-telemetry": false,
};

describe("the context key", async () => {
  const { bucket, existingBucket, ...settings } = WORKS;
  const values = Object.fromEntries(Object.entries(settings).map(([key, [value]]) => [key, value]));
  const [plain, all, old] = await Promise.all([
    synthesize({ bucket: bucket[0] }),
    synthesize({ ...values, bucket: bucket[0], ...OF_THE_CDK }),
    synthesize({ existingBucket: existingBucket[0] }),
  ]);

  test("alone or with all others makes the stack of its bucket", () => {
    for (const { exitCode, stderr } of [plain, all, old]) assert.equal(exitCode, 0, stderr);
    for (const { templates } of [plain, all]) assert.deepEqual([...templates.keys()], [stackName("my-backups")]);
    assert.deepEqual([...old.templates.keys()], [stackName("old-backups")]);
  });

  for (const [key, [value, ...patterns]] of Object.entries(WORKS))
    test(`${key} works`, () => {
      const [withKey, without] =
        key === "bucket" ? [plain, old] : key === "existingBucket" ? [old, plain] : [all, plain];
      for (const pattern of patterns) {
        assert.match([...withKey.templates.values()].join(), pattern, `${key}=${value}`);
        assert.doesNotMatch([...without.templates.values()].join(), pattern);
      }
    });
});

test("several buckets have a stack each, and settings in common", async () => {
  const { exitCode, templates } = await synthesize({ bucket: "a.b,a-b", existingBucket: "c-d", hosts: "web1" });
  assert.equal(exitCode, 0);
  assert.deepEqual([...templates.keys()].sort(), ["a.b", "a-b", "c-d"].map(stackName).sort());
  for (const template of templates.values()) assert.match(template, /"HostPolicyArnWeb1"/);
});

describe("what cannot be is refused in one line that names the key", { concurrency: PROCESSES_AT_ONCE }, () => {
  const good = { bucket: "my-backups" };
  const BAD_NAMES = ["My_Bucket", "a..b", "ab", "192.168.0.1", "xn--bucket", "x--use1-az4--x-s3", "a.-b", "a/b"];
  const farKey = KEY_ARN.replace(REGION, "us-east-1");

  const REFUSED: [Context, RegExp][] = [
    [{}, /^Name the bucket: add -c bucket=NAME, as in /],
    ...BAD_NAMES.map((name, position): [Context, RegExp] => {
      // Both keys come to the same check; what the CDK itself would throw differs.
      const key = position % 2 === 0 ? "bucket" : "existingBucket";
      return [{ [key]: name }, new RegExp(`^-c ${key}: .*\\[${name.replaceAll(".", "\\.")}\\]`)];
    }),
    [{ bucket: "192.168.0.1" }, /^-c bucket: \[192\.168\.0\.1\] .*an IP address/],
    [{ existingBucket: "My_Bucket" }, /^-c existingBucket: \[My_Bucket\]/],
    [{ bucket: "good-bucket,a..b" }, /^-c bucket: \[a\.\.b\]/],
    [{ bucket: "my-backups," }, /^-c bucket: it names no bucket/],
    [{ bucket: " " }, /^-c bucket: it has no value, as in -c bucket=my-backups/],
    [{ bucket: ["my-backups"] }, /^-c bucket: it is not text/],
    [{ bucket: "a-b,c-d,a-b" }, /^-c bucket: \[a-b\] is named twice/],
    [{ bucket: "a-b", existingBucket: "a-b" }, /^-c existingBucket: \[a-b\] is named twice/],
    [{ ...good, bukcet: "x" }, /^-c bukcet: there is no such key; did you mean bucket\?$/],
    [{ ...good, "alarm-email": "x" }, /^-c alarm-email: there is no such key; did you mean alarmEmail\?$/],
    [{ ...good, region: "x" }, /^-c region: there is no such key; known are bucket, existingBucket, hosts, /],
    [{ ...good, toString: "1" }, /^-c toString: there is no such key/],
    [{ ...good, constructor: "1" }, /^-c constructor: there is no such key/],
    [{ ...good, hosts: "web 1" }, /^-c hosts: \[web 1\] is no host name/],
    [{ ...good, hosts: "web1," }, /^-c hosts: \[\] is no host name/],
    [{ ...good, hosts: "" }, /^-c hosts: it has no value, as in -c hosts=web1,db1/],
    [{ ...good, hosts: "web,main=web/main" }, /^-c hosts: \[web\] and \[main\] overlap: one of web\/ and web\/main\//],
    [{ ...good, hosts: "web1,web1" }, /^-c hosts: \[web1\] and \[web1\]/],
    [{ ...good, hosts: "web1=.cback" }, /^-c hosts: the prefix \[\.cback\] of \[web1\] cannot be/],
    [{ ...good, alarmEmail: "ops" }, /^-c alarmEmail: \[ops\] is no e-mail address, as in /],
    [{ ...good, alarmEmail: "a@example.com,b@example.com" }, /^-c alarmEmail: \[a@example\.com,b@example\.com\]/],
    [{ ...good, encryptionKey: "alias/backup" }, /^-c encryptionKey: \[alias\/backup\] is not the ARN of a KMS key/],
    [
      { ...good, encryptionKey: farKey },
      /^-c encryptionKey: the key is in us-east-1, the bucket will be in eu-central-1/,
    ],
    [{ ...good, reportRetention: "0" }, /^-c reportRetention: \[0\] is not a whole number from 1 on/],
    [{ ...good, reportRetention: "1.5" }, /^-c reportRetention: \[1\.5\] is not/],
    [{ ...good, oldVersionRetention: "-3" }, /^-c oldVersionRetention: \[-3\] is not/],
    [{ ...good, maxSilence: "26h" }, /^-c maxSilence: \[26h\] is not/],
    [{ existingBucket: "c-d", reportRetention: "30" }, /^-c reportRetention: .*its owner's to set; leave it out/],
    [{ ...good, unwatched: "a//b" }, /^-c unwatched: \[a\/\/b\/\] cannot be/],
  ];

  for (const [context, line] of REFUSED)
    test(JSON.stringify(context), async () => {
      const { exitCode, stderr, templates } = await synthesize(context);
      assert.equal(exitCode, 1);
      assert.match(stderr, /^[^\n]+\n$/, "one line");
      assert.match(stderr.trimEnd(), line);
      assert.deepEqual([...templates.keys()], [], "nothing to deploy");
    });

  test("and each key that can be wrong is in this table", () => {
    const named = new Set(
      REFUSED.flatMap(([, line]) => Object.keys(CONTEXT_KEYS).filter((key) => line.source.startsWith(`^-c ${key}:`))),
    );
    assert.deepEqual([...named].sort(), Object.keys(CONTEXT_KEYS).sort());
  });
});

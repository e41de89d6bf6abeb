/** What the construct refuses at synthesis, before it has made anything. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { type App, CfnResource, Duration, Lazy, Stack } from "aws-cdk-lib";
import { Key } from "aws-cdk-lib/aws-kms";
import type { RetentionDays } from "aws-cdk-lib/aws-logs";
import { Bucket, type IBucket } from "aws-cdk-lib/aws-s3";
import { Topic } from "aws-cdk-lib/aws-sns";
import fc from "fast-check";
import { BackupValidator, type BackupValidatorProps, PropError } from "#infra/backup-validator.ts";
import { servedBucketFault } from "#infra/bucket-name.ts";
import { MAX_HOSTS, MAX_PREFIX_LENGTH } from "#infra/hosts.ts";
import { VALIDATOR_TAG } from "#shared/names.ts";
import { ACCOUNT, type Asked, BUCKET, construct, newApp, newStack, REGION, TOPIC_ARN } from "./construct.ts";

describe("what cannot be is refused by property, value and reason, before anything is made:", () => {
  const other = `arn:aws:kms:us-east-1:${ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;
  const named = (props: BackupValidatorProps) => ({ bucketName: BUCKET, ...props });
  const late = () => Duration.seconds(Lazy.number({ produce: () => 60 }));
  const imported = (props: BackupValidatorProps) => (stack: Stack) => ({
    bucket: Bucket.fromBucketName(stack, "Existing", BUCKET),
    ...props,
  });
  const host = (prefix: string) => named({ hosts: [{ name: "web1", prefix }] });
  const badNames: [string, RegExp][] = [
    ["My_Bucket", /3 to 63 lower-case/],
    ["a..b", /two dots/],
    ["ab", /3 to 63/],
    ["b".repeat(64), /3 to 63/],
    ["192.168.0.1", /an IP address/],
    ["xn--bucket", /AWS keeps/],
    ["bucket-s3alias", /AWS keeps/],
    ["x--use1-az4--x-s3", /directory bucket/],
    ["a.-b", /a dot next to a hyphen/],
    ["bucket/web1", /3 to 63/],
    ["s3://bucket", /3 to 63/],
    ["", /names no bucket/],
  ];
  const REFUSED: [string, Asked, keyof BackupValidatorProps, RegExp][] = [
    ...badNames.map(([name, reason]): [string, Asked, keyof BackupValidatorProps, RegExp] => [
      `bucket name [${name.slice(0, 20)}]`,
      { bucketName: name },
      "bucketName",
      reason,
    ]),
    ["no bucket", {}, "bucketName", /name the bucket/],
    [
      "a bucket that CloudFormation names",
      (stack) => ({ bucket: new Bucket(stack, "Files") as IBucket }),
      "bucketName",
      /not known before the deployment/,
    ],
    [
      "another name than the bucket's",
      imported({ bucketName: "other" }),
      "bucketName",
      /\[other\] is not.*\[backup\.example\.com\]/,
    ],
    [
      "a second validator of a bucket",
      (stack) => {
        new BackupValidator(stack, "First", { bucketName: BUCKET });
        return { bucketName: BUCKET };
      },
      "bucketName",
      /\[backup\.example\.com\] has a validator already, \[stack\/First\]/,
    ],
    [
      "a bucket that another stack makes",
      (stack) => {
        const its = new Stack(stack.node.root as App, "theirs", { env: { region: REGION, account: ACCOUNT } });
        return { bucketName: BUCKET, bucket: new Bucket(its, "Files", { bucketName: BUCKET }) as IBucket };
      },
      "bucket",
      /\[theirs\/Files\] is made in another stack/,
    ],
    [
      "a bucket in another region",
      (stack) => ({ bucket: Bucket.fromBucketAttributes(stack, "Far", { bucketName: BUCKET, region: "us-east-1" }) }),
      "bucket",
      /region us-east-1.*eu-central-1/,
    ],
    [
      "a bucket of another account",
      (stack) => ({
        bucket: Bucket.fromBucketAttributes(stack, "Far", { bucketName: BUCKET, account: "999999999999" }),
      }),
      "bucket",
      /account 999999999999.*111122223333/,
    ],
    [
      "a key in another region",
      (stack) => named({ encryptionKey: Key.fromKeyArn(stack, "Key", other) }),
      "encryptionKey",
      /us-east-1.*eu-central-1/,
    ],
    [
      "a topic in another region",
      (stack) => named({ alarmTopic: Topic.fromTopicArn(stack, "Ops", TOPIC_ARN.replace(REGION, "us-east-1")) }),
      "alarmTopic",
      /us-east-1.*eu-central-1/,
    ],
    ["no host", named({ hosts: [] }), "hosts", /^\[\] names nobody/],
    ["a host name with a space", named({ hosts: [{ name: "web 1" }] }), "hosts", /\[web 1\] is no host name/],
    ["a host name with a dash first", named({ hosts: [{ name: "-web" }] }), "hosts", /\[-web\] is no host name/],
    ["a host without a name", named({ hosts: [{ name: "" }] }), "hosts", /\[\] is no host name/],
    ["a host name of 65 letters", named({ hosts: [{ name: "h".repeat(65) }] }), "hosts", /\[h{65}\] is no host name/],
    ["a host's prefix for all", host("/"), "hosts", /\[\/\] of \[web1\].*whole bucket/],
    ["a host's prefix below the reserved one", host(".cback/x"), "hosts", /\[\.cback\/x\].*belongs to the validator/],
    ["a host's prefix with a wildcard", host("web*"), "hosts", /\[web\*\]/],
    ["a host's prefix with a variable", host(`\${aws:username}`), "hosts", /\[\$\{aws:username\}\]/],
    ["a host's prefix that climbs", host("a/../b"), "hosts", /\[a\/\.\.\/b\].*segment/],
    ["a host's prefix too long for a policy", host("p".repeat(MAX_PREFIX_LENGTH + 1)), "hosts", /longer than 256/],
    [
      "two hosts of a name",
      named({ hosts: [{ name: "web-1" }, { name: "web_1" }] }),
      "hosts",
      /\[web-1\] and \[web_1\]/,
    ],
    [
      "a host within another",
      named({ hosts: [{ name: "main", prefix: "web/main" }, { name: "web" }] }),
      "hosts",
      /\[main\] and \[web\] overlap: one of web\/main\/ and web\//,
    ],
    [
      "more hosts than a stack holds",
      named({ hosts: Array.from({ length: MAX_HOSTS + 1 }, (_, number) => ({ name: `h${number}` })) }),
      "hosts",
      /191 hosts.*190/,
    ],
    ["reports kept for hours", named({ reportRetention: Duration.hours(36) }), "reportRetention", /1\.5 days/],
    ["reports kept for no time", named({ reportRetention: Duration.days(0) }), "reportRetention", /^0 days/],
    ["a retention known late", named({ reportRetention: late() }), "reportRetention", /at synthesis/],
    ["reports of another's bucket", imported({ reportRetention: Duration.days(1) }), "reportRetention", /its owner's/],
    ["old versions kept for hours", named({ oldVersionRetention: Duration.hours(1) }), "oldVersionRetention", /days/],
    [
      "versions of another's bucket",
      imported({ oldVersionRetention: Duration.days(1) }),
      "oldVersionRetention",
      /owner's/,
    ],
    ["one function at once", named({ maxConcurrency: 1 }), "maxConcurrency", /^1 is not.*functions from 2 to 1000/],
    ["1,001 functions at once", named({ maxConcurrency: 1_001 }), "maxConcurrency", /^1001 /],
    ["half a function", named({ maxConcurrency: 2.5 }), "maxConcurrency", /^2\.5 /],
    ["too little memory", named({ memorySize: 128 }), "memorySize", /^128 is not.*MiB from 256 to 10240/],
    ["too much memory", named({ memorySize: 20_000 }), "memorySize", /^20000 /],
    ["too short a time-out", named({ timeout: Duration.seconds(29) }), "timeout", /^29 is not.*seconds from 30 to 900/],
    ["a time-out in milliseconds", named({ timeout: Duration.millis(30_500) }), "timeout", /^30\.5 /],
    ["too long a time-out", named({ timeout: Duration.minutes(16) }), "timeout", /^960 /],
    ["a time-out known late", named({ timeout: late() }), "timeout", /at synthesis/],
    ["a log kept for 42 days", named({ logRetention: 42 as RetentionDays }), "logRetention", /^42 days/],
    ["half an hour of silence", named({ maxSilence: Duration.minutes(30) }), "maxSilence", /^0\.5 hours/],
    ["a silence known late", named({ maxSilence: late() }), "maxSilence", /at synthesis/],
    ["a retired prefix without /", named({ unwatched: ["old"] }), "unwatched", /\[old\] cannot be/],
    ["a tag of AWS's", named({ tags: { "aws:team": "x" } }), "tags", /\[aws:team\]/],
    ["a tag without a name", named({ tags: { "": "x" } }), "tags", /\[\].*1 to 128/],
    [
      "a tag that hosts read",
      named({ tags: { [VALIDATOR_TAG.packageVersion]: "9" } }),
      "tags",
      /\[cback:package-version\]/,
    ],
    ["a tag with a long value", named({ tags: { team: "x".repeat(257) } }), "tags", /\[team\].*\[x{257}\]/],
  ];

  for (const [title, asked, property, reason] of REFUSED)
    test(title, () => {
      const stack = newStack();
      const made = () => stack.node.findAll().filter(CfnResource.isCfnResource).length;
      const props = typeof asked === "function" ? asked(stack) : asked;
      const before = made();
      assert.throws(
        () => construct(props, stack),
        (error) => {
          assert.ok(error instanceof PropError, String(error));
          assert.equal(error.property, property);
          assert.match(error.reason, reason);
          assert.equal(error.message, `${property}: ${error.reason}`);
          assert.doesNotMatch(error.message, /\n/);
          return true;
        },
      );
      assert.equal(made(), before);
    });

  test("and each property that can be wrong is in this table", () => {
    const refused = new Set(REFUSED.map(([, , property]) => property));
    const source = readFileSync(new URL("../../infra/backup-validator-props.ts", import.meta.url), "utf8");
    const all = [...source.matchAll(/readonly (\w+)\?: /g)].map(([, property]) => property);
    assert.deepEqual([...refused].sort(), all.sort());
  });

  test("never by the CDK, for a bucket's name", () => {
    const name = fc.string({ unit: fc.constantFrom(..."aZ0.-_"), maxLength: 70 });
    fc.assert(
      fc.property(name, (bucketName) => {
        if (servedBucketFault(bucketName) === undefined) Bucket.validateBucketName(bucketName);
      }),
    );
  });

  test("but not where only the deployment knows", () => {
    const stack = new Stack(newApp(), "anywhere");
    construct({ bucketName: BUCKET, encryptionKey: Key.fromKeyArn(stack, "Key", other) }, stack);
  });

  test("nor two validators of a bucket in two regions, where its copies may be", () => {
    const app = newApp();
    for (const region of ["eu-central-1", "us-east-1"])
      construct({ bucketName: BUCKET }, new Stack(app, region, { env: { region, account: ACCOUNT } }));
  });
});

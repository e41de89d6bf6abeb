/** The stack in the ways that it can be asked for, for what must hold in each of them. */
import { type App, Duration, Stack } from "aws-cdk-lib";
import { Key } from "aws-cdk-lib/aws-kms";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { Bucket, type IBucket } from "aws-cdk-lib/aws-s3";
import { Topic } from "aws-cdk-lib/aws-sns";
import { Construct } from "constructs";
import { BackupValidator, type BackupValidatorProps } from "#infra/backup-validator.ts";
import { SyncStack, type SyncStackProps } from "#infra/stack.ts";
import { BUCKET, KEY_ARN } from "./construct.ts";

/** Where a variant has its user's own resources, which are not this project's to judge. */
export const OWNER = "Owner";

const deployed = (props: Omit<SyncStackProps, "bucketName"> = {}) => {
  return (app: App) => new SyncStack(app, "stack", { bucketName: BUCKET, ...props });
};

const stackOf = (app: App, props: BackupValidatorProps) => {
  const stack = new Stack(app, "stack");
  new BackupValidator(stack, "Backup", { bucketName: BUCKET, ...props });
  return stack;
};

const hosts = [{ name: "web1" }, { name: "db-2.example.com", prefix: "databases/db2" }];

export const VARIANTS: Readonly<Record<string, (app: App) => Stack>> = {
  "a bucket that is made": deployed(),
  "an existing bucket": deployed({ existing: true }),
  "a policy for each host": deployed({ hosts }),
  "a KMS key": deployed({ encryptionKeyArn: KEY_ARN }),
  "alarms by e-mail": deployed({ alarmEmail: "ops@example.com" }),
  "all that cdk deploy has keys for, with a bucket that is made": deployed({
    hosts,
    encryptionKeyArn: KEY_ARN,
    alarmEmail: "ops@example.com",
    reportRetention: Duration.days(30),
    oldVersionRetention: Duration.days(90),
    maxSilence: Duration.hours(50),
    unwatched: ["old/"],
  }),
  "an existing bucket, hosts, a KMS key and alarms": deployed({
    existing: true,
    hosts,
    encryptionKeyArn: KEY_ARN,
    alarmEmail: "ops@example.com",
  }),
  "other limits": (app) =>
    stackOf(app, {
      maxConcurrency: 2,
      memorySize: 10_240,
      timeout: Duration.minutes(15),
      logRetention: RetentionDays.ONE_MONTH,
      tags: { team: "infra" },
    }),
  "bucket, key and topic of the same stack": (app) => {
    const stack = new Stack(app, "stack");
    const owner = new Construct(stack, OWNER);
    const encryptionKey = new Key(owner, "Key");
    // The library's own classes leave undefined what its interfaces leave out.
    const bucket = new Bucket(owner, "Bucket", { bucketName: BUCKET, encryptionKey }) as IBucket;
    const alarmTopic = new Topic(owner, "Topic");
    new BackupValidator(stack, "Backup", { bucket, bucketName: BUCKET, alarmTopic, hosts });
    return stack;
  },
  "several in one stack": (app) => {
    const stack = new Stack(app, "stack");
    new BackupValidator(stack, "One", { bucketName: "one-bucket" });
    new BackupValidator(stack, "Two", { bucketName: "two-bucket", hosts });
    const bucket = Bucket.fromBucketName(stack, "Existing", "three-bucket");
    new BackupValidator(stack, "Three", { bucket });
    return stack;
  },
};

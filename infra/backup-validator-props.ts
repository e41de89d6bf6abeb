/** What can be asked of the construct, with units and defaults. `check-props.ts` holds it against what can be. */
import type { Duration } from "aws-cdk-lib";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { RetentionDays } from "aws-cdk-lib/aws-logs";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import type { Host } from "./hosts.ts";

export interface BackupValidatorProps {
  /**
   * Name of the bucket: the name itself, since the queue's name is made from it and agents find the queue by it.
   *
   * @default the name of `bucket`, which must then be known at synthesis
   */
  readonly bucketName?: string;

  /**
   * A bucket that is there already, in the same account and region, or that the same stack makes. Versioning,
   * encryption, TLS and lifecycle are its owner's; docs/deploy.md says what to set. Where its policy cannot be changed
   * from here (`Bucket.fromBucketName`), the statement that keeps the reports safe is in the construct's
   * `bucketPolicyStatements`, to be added by hand.
   *
   * @default a bucket is made: versioned, private, TLS only, encrypted, retained when the stack goes
   */
  readonly bucket?: IBucket;

  /**
   * KMS key of the bucket, in the bucket's region. Hosts and validator get the right to use it through S3.
   *
   * @default keys that S3 manages; for `bucket` its own `encryptionKey`
   */
  readonly encryptionKey?: IKey;

  /**
   * Hosts, at most 190, each with a prefix and a policy of its own: a host can reach nothing of another one.
   *
   * @default one policy for the whole bucket
   */
  readonly hosts?: readonly Host[];

  /**
   * How long reports and parts are kept, in whole days. Only for a bucket that is made here.
   *
   * @default 400 days
   */
  readonly reportRetention?: Duration;

  /**
   * How long replaced and deleted versions of files are kept, in whole days. Only for a bucket that is made here.
   *
   * @default for ever
   */
  readonly oldVersionRetention?: Duration;

  /**
   * How many shards are checked at once, 2 to 1,000.
   *
   * @default 50
   */
  readonly maxConcurrency?: number;

  /**
   * Memory of the validator function in MiB, 256 to 10,240. More memory is also more CPU.
   *
   * @default 512
   */
  readonly memorySize?: number;

  /**
   * How long one shard may take, 30 to 900 seconds.
   *
   * @default 60 seconds; a shard of 20,000 files takes a few
   */
  readonly timeout?: Duration;

  /**
   * How long the logs of both functions are kept.
   *
   * @default one year
   */
  readonly logRetention?: RetentionDays;

  /**
   * How long a host may have no run, with whatever verdict, before the silence alarm goes off; 1 hour or more.
   *
   * @default 26 hours: a day, and time for a run that began late
   */
  readonly maxSilence?: Duration;

  /**
   * Prefixes that were backed up to and are not any more, each with its last "/": they and what lies below them raise
   * no alarm. "" is only the status of the whole bucket.
   *
   * @default none: without `hosts` each prefix that ever had a run is watched, otherwise those of the hosts
   */
  readonly unwatched?: readonly string[];

  /**
   * Where alarms go when they go off and when they are over, in the same region. The topic must let
   * `cloudwatch.amazonaws.com` publish.
   *
   * @default nowhere: they only show in CloudWatch
   */
  readonly alarmTopic?: ITopic;

  /**
   * Tags for everything that is made here; names of 1 to 128 characters, values of up to 256.
   *
   * @default none
   */
  readonly tags?: Readonly<Record<string, string>>;
}

/**
 * The construct for anyone's CDK app: a bucket to back up to (made here, or one that is there), the validator that
 * checks it, what hosts may do, and the alarms. It wires the parts and checks what was asked for; names that agent and
 * validator rely on come from the contract.
 */
import { Duration, Tags, Token } from "aws-cdk-lib";
import type { IManagedPolicy, IRole, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { parseTarget, TargetError } from "#shared/target.ts";
import { Alarms } from "./alarms.ts";
import { bucketKeyOf, useKeyStatement } from "./bucket-key.ts";
import { Dashboard } from "./dashboard.ts";
import { HostPolicy } from "./host-policy.ts";
import { type CheckedHost, checkHosts, type Host } from "./hosts.ts";
import { PropError } from "./prop-error.ts";
import { guardReservedPrefix } from "./reserved-prefix.ts";
import { SilenceWatch } from "./silence-watch.ts";
import { TargetBucket } from "./target-bucket.ts";
import { Validator } from "./validator.ts";

export type { Host } from "./hosts.ts";
export { PropError } from "./prop-error.ts";

export interface BackupValidatorProps {
  /**
   * Name of the bucket: the name itself, since the queue's name is made from it and agents find the queue by it.
   *
   * @default the name of `bucket`, which must then be known at synthesis
   */
  readonly bucketName?: string;

  /**
   * A bucket that is there already, or that the app makes itself. Versioning, encryption, TLS and lifecycle are its
   * owner's; docs/deploy.md says what to set. Where its policy cannot be changed from here (`Bucket.fromBucketName`),
   * the statement that keeps the reports safe is in {@link BackupValidator.bucketPolicyStatements}, to be added by hand.
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
   * Hosts, each with a prefix and a policy of its own: a host can reach nothing of another one.
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
   * How long the logs are kept.
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
   * Where alarms go when they go off and when they are over. The topic must let `cloudwatch.amazonaws.com` publish.
   *
   * @default nowhere: they only show in CloudWatch
   */
  readonly alarmTopic?: ITopic;

  /**
   * Tags for everything that is made here.
   *
   * @default none
   */
  readonly tags?: Readonly<Record<string, string>>;
}

/** Checks what hosts back up to one bucket. Several may stand in one stack or app. */
export class BackupValidator extends Construct {
  readonly bucket: IBucket;
  readonly bucketName: string;
  /** Where hosts send their manifests. */
  readonly queue: IQueue;
  /** Messages that were given up. */
  readonly deadLetterQueue: IQueue;
  /** The validator. */
  readonly handler: IFunction;
  /** The hourly check for hosts that stopped backing up. */
  readonly silenceHandler: IFunction;
  /** The page in CloudWatch that shows all of it. */
  readonly dashboardName: string;
  /** The validator's role, the only one who may write reports. */
  readonly role: IRole;
  /** The policies to attach to hosts, by the host's name; the only one is named "" where `hosts` was left out. */
  readonly hostPolicies: Readonly<Record<string, IManagedPolicy>>;
  /** What the owner of the bucket must add to its policy, because it could not be added from here; mostly nothing. */
  readonly bucketPolicyStatements: readonly PolicyStatement[];

  /** @throws {PropError} when a property cannot be, by its name */
  constructor(scope: Construct, id: string, props: BackupValidatorProps) {
    super(scope, id);
    this.bucketName = bucketNameOf(props);
    const hosts = props.hosts && checkHosts(props.hosts);
    const key = props.encryptionKey ?? props.bucket?.encryptionKey;
    const bucketKey = key && bucketKeyOf(this, key);

    const own = () =>
      new TargetBucket(this, "Bucket", {
        bucketName: this.bucketName,
        encryptionKey: key,
        reportRetention: retention("reportRetention", props.reportRetention) ?? Duration.days(400),
        oldVersionRetention: retention("oldVersionRetention", props.oldVersionRetention),
      });
    // The library's own classes leave undefined what its interfaces leave out.
    this.bucket = props.bucket ?? (own() as IBucket);
    const validator = new Validator(this, "Validator", {
      bucket: this.bucket,
      bucketName: this.bucketName,
      bucketKey,
      timeout: Duration.seconds(within("timeout", props.timeout?.toSeconds() ?? 60, 30, 900, "seconds")),
      memorySize: within("memorySize", props.memorySize ?? 512, 256, 10_240, "MiB"),
      maxConcurrency: within("maxConcurrency", props.maxConcurrency ?? 50, 2, 1_000, "functions"),
      logRetention: props.logRetention ?? RetentionDays.ONE_YEAR,
    });
    this.queue = validator.queue;
    this.deadLetterQueue = validator.deadLetterQueue;
    this.handler = validator.handler;
    this.role = validator.role;

    const unattached = guardReservedPrefix({ bucket: this.bucket, writer: validator.role });
    this.bucketPolicyStatements = unattached === undefined ? [] : [unattached];

    const policyFor = (policyId: string, keyPrefix: string, description: string) =>
      new HostPolicy(this, policyId, { bucket: this.bucket, bucketKey, validator, keyPrefix, description }).policy;
    this.hostPolicies =
      hosts === undefined
        ? { "": policyFor("HostPolicy", "", `Sync a host to ${this.bucketName} and read what the validator found`) }
        : Object.fromEntries(
            hosts.map(({ name, id: hostId, keyPrefix }: CheckedHost) => [
              name,
              policyFor(
                `HostPolicy${hostId}`,
                keyPrefix,
                `Sync ${name} to ${this.bucketName}/${keyPrefix} and read what the validator found`,
              ),
            ]),
          );

    const watched = {
      bucketName: this.bucketName,
      queue: this.queue,
      deadLetterQueue: this.deadLetterQueue,
      handler: this.handler,
      maxSilence: props.maxSilence ?? Duration.hours(26),
    };
    const silenceWatch = new SilenceWatch(this, "SilenceWatch", {
      ...watched,
      bucket: this.bucket,
      hostPrefixes: hosts?.map(({ keyPrefix }) => keyPrefix),
      unwatched: props.unwatched ?? [],
      logRetention: props.logRetention ?? RetentionDays.ONE_YEAR,
    });
    if (bucketKey !== undefined) silenceWatch.role.addToPolicy(useKeyStatement(bucketKey));
    this.silenceHandler = silenceWatch.handler;
    new Alarms(this, "Alarms", { ...watched, alarmTopic: props.alarmTopic });
    const dashboard = new Dashboard(this, "Dashboard", { ...watched, silenceHandler: this.silenceHandler });
    this.dashboardName = dashboard.dashboardName;

    for (const [name, value] of Object.entries(props.tags ?? {})) Tags.of(this).add(name, value);
  }
}

function bucketNameOf({ bucket, bucketName = bucket?.bucketName, ...props }: BackupValidatorProps): string {
  if (bucketName === undefined) throw new PropError("bucketName", "name the bucket to make, or give one as bucket");
  if (Token.isUnresolved(bucketName))
    throw new PropError(
      "bucketName",
      "the bucket's name is not known before the deployment, and the queue's name is made from it; give the bucket a name of its own and repeat it here",
    );
  try {
    parseTarget(`s3://${bucketName}`);
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    throw new PropError("bucketName", error.message);
  }
  for (const property of ["reportRetention", "oldVersionRetention"] as const)
    if (bucket !== undefined && props[property] !== undefined)
      throw new PropError(property, "a lifecycle rule of an existing bucket is its owner's to set; leave it out");
  if (bucket !== undefined && !Token.isUnresolved(bucket.bucketName) && bucket.bucketName !== bucketName)
    throw new PropError("bucketName", `[${bucketName}] is not the name of the bucket given, [${bucket.bucketName}]`);
  return bucketName;
}

function retention(property: string, duration: Duration | undefined): Duration | undefined {
  if (duration === undefined) return undefined;
  const days = duration.toDays({ integral: false });
  if (!Number.isInteger(days) || days < 1)
    throw new PropError(property, `${days} days is not a whole number of days from 1 on`);
  return duration;
}

function within(property: string, value: number, least: number, most: number, unit: string): number {
  if (!Token.isUnresolved(value) && !(Number.isInteger(value) && value >= least && value <= most))
    throw new PropError(property, `${value} is not a whole number of ${unit} from ${least} to ${most}`);
  return value;
}

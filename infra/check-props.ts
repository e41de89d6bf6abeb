/**
 * Holds what was asked of the construct against what can be, before the first resource is made, and fills in the
 * defaults. What cannot be is refused by the property's name: a deployment would refuse it later, or never.
 */
import { Duration, Resource, Stack, Token } from "aws-cdk-lib";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import { VALIDATOR_TAG } from "#shared/names.ts";
import { checkWatch, type Watch, WatchError } from "#shared/watch.ts";
import type { BackupValidatorProps } from "./backup-validator-props.ts";
import { type BucketKey, bucketKeyOf } from "./bucket-key.ts";
import { servedBucketFault } from "./bucket-name.ts";
import { type CheckedHost, checkHosts } from "./hosts.ts";
import { PropError } from "./prop-error.ts";

/** What can be, and is complete. */
export interface CheckedProps {
  /** The name itself, not a reference to it. */
  readonly bucketName: string;
  readonly encryptionKey: IKey | undefined;
  readonly bucketKey: BucketKey | undefined;
  readonly hosts: readonly CheckedHost[] | undefined;
  readonly reportRetention: Duration;
  /** Undefined: for ever. */
  readonly oldVersionRetention: Duration | undefined;
  readonly maxConcurrency: number;
  /** MiB. */
  readonly memorySize: number;
  readonly timeout: Duration;
  readonly logRetention: RetentionDays;
  readonly maxSilence: Duration;
  readonly watch: Watch;
  readonly tags: Readonly<Record<string, string>>;
}

/** @throws {PropError} that names the property and its value, and says what would do */
export function checkProps(scope: Construct, props: BackupValidatorProps): CheckedProps {
  const bucketName = checkBucketName(props);
  if (props.bucket !== undefined) checkBucket(scope, props.bucket, props);
  if (props.alarmTopic !== undefined) checkPlace(scope, "alarmTopic", "region", props.alarmTopic.env.region);
  const encryptionKey = props.encryptionKey ?? props.bucket?.encryptionKey;
  const hosts = props.hosts && checkHosts(props.hosts);
  const maxSilence = known("maxSilence", props.maxSilence ?? Duration.hours(26));
  return {
    bucketName,
    encryptionKey,
    bucketKey: encryptionKey && bucketKeyOf(scope, encryptionKey),
    hosts,
    reportRetention: wholeDays("reportRetention", props.reportRetention ?? Duration.days(400)),
    oldVersionRetention: props.oldVersionRetention && wholeDays("oldVersionRetention", props.oldVersionRetention),
    maxConcurrency: within("maxConcurrency", props.maxConcurrency ?? 50, 2, 1_000, "functions"),
    memorySize: within("memorySize", props.memorySize ?? 512, 256, 10_240, "MiB"),
    timeout: checkTimeout(props.timeout ?? Duration.seconds(60)),
    logRetention: checkLogRetention(props.logRetention ?? RetentionDays.ONE_YEAR),
    maxSilence,
    watch: watchOf(hosts, props.unwatched ?? [], maxSilence),
    tags: checkTags(props.tags ?? {}),
  };
}

function checkBucketName({ bucket, bucketName = bucket?.bucketName }: BackupValidatorProps): string {
  if (bucketName === undefined) throw new PropError("bucketName", "name the bucket to make, or give one as bucket");
  if (Token.isUnresolved(bucketName))
    throw new PropError(
      "bucketName",
      "the bucket's name is not known before the deployment, and the queue's name is made from it; give the bucket a name of its own and repeat it here",
    );
  const fault = servedBucketFault(bucketName);
  if (fault !== undefined) throw new PropError("bucketName", fault);
  if (bucket !== undefined && !Token.isUnresolved(bucket.bucketName) && bucket.bucketName !== bucketName)
    throw new PropError("bucketName", `[${bucketName}] is not the name of the bucket given, [${bucket.bucketName}]`);
  return bucketName;
}

/** Of a bucket that is there already, or that the app makes itself. */
function checkBucket(scope: Construct, bucket: IBucket, props: BackupValidatorProps): void {
  for (const property of ["reportRetention", "oldVersionRetention"] as const)
    if (props[property] !== undefined)
      throw new PropError(property, "a lifecycle rule of an existing bucket is its owner's to set; leave it out");
  // Its policy names the validator's role, whose policy names the bucket: two stacks would each wait for the other.
  if (Resource.isOwnedResource(bucket) && Stack.of(bucket) !== Stack.of(scope))
    throw new PropError(
      "bucket",
      `[${bucket.node.path}] is made in another stack; put the validator into that one, or name the bucket by Bucket.fromBucketName`,
    );
  checkPlace(scope, "bucket", "region", bucket.env.region);
  checkPlace(scope, "bucket", "account", bucket.env.account);
}

/** Where something must be as the stack is. What only the deployment knows is not judged. */
function checkPlace(scope: Construct, property: string, place: "region" | "account", its: string): void {
  const ours = Stack.of(scope)[place];
  if (!Token.isUnresolved(its) && !Token.isUnresolved(ours) && its !== ours)
    throw new PropError(property, `it is in ${place} ${its}, the validator will be in ${ours}; they must share it`);
}

/** What is made from it must be known when the template is written. */
function known(property: string, duration: Duration): Duration {
  if (duration.isUnresolved())
    throw new PropError(property, "it must be known at synthesis, not only when the stack is deployed");
  return duration;
}

function wholeDays(property: string, duration: Duration): Duration {
  const days = known(property, duration).toDays({ integral: false });
  if (!Number.isInteger(days) || days < 1)
    throw new PropError(property, `${days} days is not a whole number of days from 1 on`);
  return duration;
}

function checkTimeout(timeout: Duration): Duration {
  const seconds = known("timeout", timeout).toSeconds({ integral: false });
  return Duration.seconds(within("timeout", seconds, 30, 900, "seconds"));
}

function within(property: string, value: number, least: number, most: number, unit: string): number {
  if (!Token.isUnresolved(value) && !(Number.isInteger(value) && value >= least && value <= most))
    throw new PropError(property, `${value} is not a whole number of ${unit} from ${least} to ${most}`);
  return value;
}

function checkLogRetention(days: RetentionDays): RetentionDays {
  if (!(days in RetentionDays))
    throw new PropError("logRetention", `${days} days is none of the times that CloudWatch offers, see RetentionDays`);
  return days;
}

/** The construct's property behind each of the watch's. */
const WATCH_PROPERTY: Readonly<Record<keyof Watch, keyof BackupValidatorProps>> = {
  prefixes: "hosts",
  unwatched: "unwatched",
  maxSilenceHours: "maxSilence",
};

function watchOf(hosts: readonly CheckedHost[] | undefined, unwatched: readonly string[], maxSilence: Duration): Watch {
  try {
    return checkWatch({
      prefixes: hosts?.map(({ keyPrefix }) => keyPrefix) ?? null,
      unwatched: [...unwatched],
      maxSilenceHours: maxSilence.toHours({ integral: false }),
    });
  } catch (error) {
    if (!(error instanceof WatchError)) throw error;
    throw new PropError(WATCH_PROPERTY[error.property], error.reason);
  }
}

const OWN_TAGS: readonly string[] = Object.values(VALIDATOR_TAG);

/** Limits: AWS General Reference, "Tagging your AWS resources". */
function checkTags(tags: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(tags)) {
    const fault =
      name === "" || name.length > 128
        ? "a name has 1 to 128 characters"
        : /^aws:/i.test(name)
          ? "names that begin with aws: are AWS's"
          : OWN_TAGS.includes(name)
            ? "hosts read the validator's version there"
            : value.length > 256
              ? `its value [${value}] is longer than 256 characters`
              : undefined;
    if (fault !== undefined) throw new PropError("tags", `[${name}] cannot be: ${fault}`);
  }
  return tags;
}

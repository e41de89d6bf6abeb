/**
 * The bucket that hosts sync to. It knows nothing of who may use it: that is the host policy's and the reserved
 * prefix's business.
 */
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { BlockPublicAccess, Bucket, BucketEncryption, type LifecycleRule, ObjectOwnership } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import { REPORTS_PREFIX, RUNS_PREFIX, STATUS_PREFIX } from "#shared/names.ts";
import { acknowledge } from "./acknowledge.ts";

/** Longer than any upload takes, short enough not to pay for leftovers. */
const STALE_UPLOAD_AGE = Duration.days(7);
/** What was given up may be brought back for a day. */
const EXPIRED_VERSION_AGE = Duration.days(1);

export interface TargetBucketProps {
  readonly bucketName: string;
  readonly encryptionKey: IKey | undefined;
  readonly reportRetention: Duration;
  /** Undefined: for ever. */
  readonly oldVersionRetention: Duration | undefined;
}

export class TargetBucket extends Bucket {
  constructor(scope: Construct, id: string, props: TargetBucketProps) {
    const { bucketName, encryptionKey } = props;
    super(scope, id, {
      bucketName,
      versioned: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      ...(encryptionKey === undefined
        ? { encryption: BucketEncryption.S3_MANAGED }
        : // One request to KMS serves many objects.
          { encryption: BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true }),
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: lifecycleRules(props),
      // The stack may go, the backup stays; but a first deployment that failed leaves no bucket in the way of the next.
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    acknowledge(this, {
      "AwsSolutions-S1":
        "Access logs need a bucket and a retention of the account's own choice; CloudTrail's data events log each access where that is wanted.",
    });
  }
}

/** No rule expires a file's current version: only the agent removes what the source no longer holds. */
function lifecycleRules({ reportRetention, oldVersionRetention }: TargetBucketProps): LifecycleRule[] {
  const answers = [REPORTS_PREFIX, RUNS_PREFIX].map((prefix) => ({
    prefix,
    expiration: reportRetention,
    noncurrentVersionExpiration: EXPIRED_VERSION_AGE,
  }));
  return [
    { id: "stale-uploads", abortIncompleteMultipartUploadAfter: STALE_UPLOAD_AGE },
    ...answers.map((rule) => ({ id: `expire-${rule.prefix}`, ...rule })),
    { id: "old-statuses", prefix: STATUS_PREFIX, noncurrentVersionExpiration: reportRetention },
    ...(oldVersionRetention === undefined
      ? []
      : [{ id: "old-versions", noncurrentVersionExpiration: oldVersionRetention, expiredObjectDeleteMarker: true }]),
  ];
}

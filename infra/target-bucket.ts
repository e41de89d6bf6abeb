/**
 * The bucket that hosts sync to. It knows nothing of who may use it: that is the host policy's and the reserved
 * prefix's business.
 */
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";

/** Longer than any upload takes, short enough not to pay for leftovers. */
const STALE_UPLOAD_AGE = Duration.days(7);

export interface TargetBucketProps {
  readonly bucketName: string;
}

export class TargetBucket extends Bucket {
  constructor(scope: Construct, id: string, { bucketName }: TargetBucketProps) {
    super(scope, id, {
      bucketName,
      versioned: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      encryption: BucketEncryption.S3_MANAGED,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      // Old versions are never expired here: how long a backup lives is its owner's decision.
      lifecycleRules: [{ abortIncompleteMultipartUploadAfter: STALE_UPLOAD_AGE }],
      // The stack may go, the backup stays; but a first deployment that failed leaves no bucket in the way of the next.
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
  }
}

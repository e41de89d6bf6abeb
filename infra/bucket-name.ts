/** Which buckets a stack can be made for. */
import { bucketNameFault } from "#shared/target.ts";

/** Why a bucket of this name cannot be served, or undefined. */
export function servedBucketFault(name: string): string | undefined {
  // The CDK is narrower than S3 here, and would answer with a stack trace.
  const narrower = /\.-|-\./.test(name)
    ? `[${name}] has a dot next to a hyphen, which the CDK takes in no bucket name`
    : undefined;
  return bucketNameFault(name) ?? narrower;
}

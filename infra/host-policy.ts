/**
 * What a host may do, as a managed policy to attach to its user or role: write and list what is its own, send
 * manifests, read what the validator found there. It may not read data back, nor write what the validator writes.
 *
 * Own is the whole bucket, or one prefix. For a prefix, whether an object exists is asked by listing it: S3 answers a
 * read of what is not there with 404 only to those who may list the whole bucket.
 */
import { Effect, ManagedPolicy, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import { HOST_STATEMENT, REPORTS_PREFIX, RESERVED_PREFIX, RUNS_PREFIX, STATUS_PREFIX } from "#shared/names.ts";
import { statusKey } from "#shared/status.ts";
import { acknowledgePatterns } from "./acknowledge.ts";
import { type BucketKey, useKeyStatement } from "./bucket-key.ts";
import { OBJECT_WRITES } from "./reserved-prefix.ts";
import type { Validator } from "./validator.ts";

export interface HostPolicyProps {
  readonly bucket: IBucket;
  readonly bucketName: string;
  readonly bucketKey: BucketKey | undefined;
  readonly validator: Validator;
  /** "" for the whole bucket, otherwise it ends in "/". */
  readonly keyPrefix: string;
  /** Whose policy it is, for people. */
  readonly who: string;
}

export class HostPolicy extends Construct {
  readonly policy: ManagedPolicy;

  constructor(scope: Construct, id: string, props: HostPolicyProps) {
    super(scope, id);
    const { bucket, bucketName, bucketKey, keyPrefix, who } = props;
    const { queue, deadLetterQueue, handler } = props.validator;
    const found = whatIsFound(keyPrefix);

    this.policy = new ManagedPolicy(this, "Policy", {
      // IAM cannot change it: with another text a new policy would take the place of the one that hosts have. So it says
      // nothing that may change, such as the prefix.
      description: `Sync ${who} to ${bucketName} and read what the validator found`,
      statements: [
        new PolicyStatement({
          sid: HOST_STATEMENT["s3:ListBucket"],
          actions: ["s3:ListBucket"],
          resources: [bucket.bucketArn],
          ...(keyPrefix === "" ? {} : { conditions: { StringLike: { "s3:prefix": [`${keyPrefix}*`, ...found] } } }),
        }),
        new PolicyStatement({
          sid: HOST_STATEMENT["s3:PutObject"],
          actions: ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
          resources: [bucket.arnForObjects(`${keyPrefix}*`)],
        }),
        // The bucket's policy denies it too; this one still holds where the bucket's was changed.
        new PolicyStatement({
          sid: "NeverWriteReports",
          effect: Effect.DENY,
          actions: OBJECT_WRITES,
          resources: [bucket.arnForObjects(`${RESERVED_PREFIX}*`)],
        }),
        new PolicyStatement({
          sid: HOST_STATEMENT["s3:GetObject"],
          actions: ["s3:GetObject"],
          resources: found.map((pattern) => bucket.arnForObjects(pattern)),
        }),
        new PolicyStatement({
          sid: HOST_STATEMENT["sqs:SendMessage"],
          actions: ["sqs:SendMessage"],
          resources: [queue.queueArn],
        }),
        new PolicyStatement({
          sid: HOST_STATEMENT["sqs:GetQueueUrl"],
          actions: ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"],
          resources: [queue.queueArn, deadLetterQueue.queueArn],
        }),
        // Its version, which the stack writes there; not its code or environment.
        new PolicyStatement({
          sid: "SeeTheValidatorsTags",
          actions: ["lambda:ListTags"],
          resources: [handler.functionArn],
        }),
        // Lambda takes no resource for the list.
        new PolicyStatement({
          sid: "SeeWhetherTheValidatorListens",
          actions: ["lambda:ListEventSourceMappings"],
          resources: ["*"],
        }),
        ...(bucketKey === undefined ? [] : [useKeyStatement(bucketKey)]),
      ],
    });
    acknowledgePatterns(
      this.policy,
      [`${keyPrefix}*`, ...found].filter((key) => key.includes("*")).map((pattern) => bucket.arnForObjects(pattern)),
      "Objects are named by prefix: which files a host has is not known here.",
    );
    acknowledgePatterns(this.policy, ["*"], "ListEventSourceMappings takes no resource.");
  }
}

/** Patterns of the keys that hold what the validator found below a key prefix. */
function whatIsFound(keyPrefix: string): string[] {
  const status = keyPrefix === "" ? `${STATUS_PREFIX}*` : statusKey(keyPrefix);
  const below = keyPrefix === "" ? [] : [`${STATUS_PREFIX}/${keyPrefix}*`];
  return [`${REPORTS_PREFIX}${keyPrefix}*`, `${RUNS_PREFIX}${keyPrefix}*`, status, ...below];
}

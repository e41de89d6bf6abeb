/**
 * What a host may do, as a managed policy to attach to its user or role: write and list the bucket, send manifests,
 * read the validator's findings and its health. It may not read data back, nor write what the validator writes.
 */
import { Effect, ManagedPolicy, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import { REPORTS_PREFIX, RESERVED_PREFIX, RUNS_PREFIX, STATUS_PREFIX } from "#shared/names.ts";
import { OBJECT_WRITES } from "./reserved-prefix.ts";
import type { Validator } from "./validator.ts";

export interface HostPolicyProps {
  readonly bucket: Bucket;
  readonly validator: Validator;
}

export class HostPolicy extends Construct {
  readonly managedPolicyArn: string;

  constructor(scope: Construct, id: string, { bucket, validator }: HostPolicyProps) {
    super(scope, id);
    const { queue, deadLetterQueue, handler } = validator;

    const policy = new ManagedPolicy(this, "Policy", {
      description: "Sync a host to the bucket and read what the validator found",
      statements: [
        new PolicyStatement({
          sid: "ListTheBucket",
          actions: ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"],
          resources: [bucket.bucketArn],
        }),
        new PolicyStatement({
          sid: "WriteData",
          actions: ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
          resources: [bucket.arnForObjects("*")],
        }),
        // The bucket's policy denies it too; this one still holds where the bucket's was changed.
        new PolicyStatement({
          sid: "NeverWriteReports",
          effect: Effect.DENY,
          actions: OBJECT_WRITES,
          resources: [bucket.arnForObjects(`${RESERVED_PREFIX}*`)],
        }),
        new PolicyStatement({
          sid: "ReadFindings",
          actions: ["s3:GetObject"],
          resources: [REPORTS_PREFIX, RUNS_PREFIX, STATUS_PREFIX].map((prefix) => bucket.arnForObjects(`${prefix}*`)),
        }),
        new PolicyStatement({
          sid: "SendManifests",
          actions: ["sqs:SendMessage"],
          resources: [queue.queueArn],
        }),
        new PolicyStatement({
          sid: "SeeTheQueues",
          actions: ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"],
          resources: [queue.queueArn, deadLetterQueue.queueArn],
        }),
        new PolicyStatement({
          sid: "SeeTheValidator",
          actions: ["lambda:GetFunctionConfiguration"],
          resources: [handler.functionArn],
        }),
        // Lambda takes no resource for the list, and the id of a mapping is not known before it is made.
        new PolicyStatement({
          sid: "SeeWhetherTheValidatorListens",
          actions: ["lambda:ListEventSourceMappings", "lambda:GetEventSourceMapping"],
          resources: ["*"],
        }),
      ],
    });
    this.managedPolicyArn = policy.managedPolicyArn;
  }
}

/**
 * The stack of one bucket: the bucket, the validator that checks it, and what a host may do. It only wires the parts;
 * the names that agent and validator rely on come from the contract.
 */
import { CfnOutput, Stack, type StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { STACK_OUTPUT } from "#shared/names.ts";
import { HostPolicy } from "./host-policy.ts";
import { guardReservedPrefix } from "./reserved-prefix.ts";
import { TargetBucket } from "./target-bucket.ts";
import { Validator } from "./validator.ts";

export interface SyncStackProps extends StackProps {
  /** The name itself, not a reference to it: other names are made from it. */
  readonly bucketName: string;
}

export class SyncStack extends Stack {
  constructor(scope: Construct, id: string, props: SyncStackProps) {
    super(scope, id, { description: `cback-amazons3-sync to ${props.bucketName}`, ...props });

    const bucket = new TargetBucket(this, "Bucket", { bucketName: props.bucketName });
    const validator = new Validator(this, "Validator", { bucket, bucketName: props.bucketName });
    guardReservedPrefix({ bucket, writer: validator.role });
    const hostPolicy = new HostPolicy(this, "HostPolicy", { bucket, validator });

    new CfnOutput(this, STACK_OUTPUT.bucket, { value: bucket.bucketName });
    new CfnOutput(this, STACK_OUTPUT.bucketUrl, { value: `s3://${bucket.bucketName}` });
    new CfnOutput(this, STACK_OUTPUT.queueUrl, { value: validator.queue.queueUrl });
    new CfnOutput(this, STACK_OUTPUT.deadLetterQueueUrl, { value: validator.deadLetterQueue.queueUrl });
    new CfnOutput(this, STACK_OUTPUT.hostPolicyArn, { value: hostPolicy.managedPolicyArn });
    new CfnOutput(this, STACK_OUTPUT.validatorFunction, { value: validator.handler.functionName });
  }
}

/** The stack of one bucket, as `cdk deploy` makes it: the construct, and as outputs what hosts and operators need. */
import { CfnOutput, Stack, type StackProps } from "aws-cdk-lib";
import { Key } from "aws-cdk-lib/aws-kms";
import { Bucket } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import { STACK_OUTPUT } from "#shared/names.ts";
import { alarmTopic } from "./alarm-topic.ts";
import { BackupValidator, type BackupValidatorProps } from "./backup-validator.ts";
import { hostId } from "./hosts.ts";

type Passed = Omit<BackupValidatorProps, "bucket" | "bucketName" | "tags" | "encryptionKey" | "alarmTopic">;

export interface SyncStackProps extends StackProps, Passed {
  readonly bucketName: string;
  /** Whether the bucket is there already. */
  readonly existing?: boolean;
  readonly encryptionKeyArn?: string;
  /** Who is told when an alarm goes off. */
  readonly alarmEmail?: string;
}

export class SyncStack extends Stack {
  constructor(scope: Construct, id: string, props: SyncStackProps) {
    const { bucketName, existing = false, encryptionKeyArn, alarmEmail, ...passed } = props;
    super(scope, id, { description: `cback-amazons3-sync to ${bucketName}`, ...props });

    const backup = new BackupValidator(this, "Backup", {
      ...passed,
      bucketName,
      ...(encryptionKeyArn === undefined ? {} : { encryptionKey: Key.fromKeyArn(this, "Key", encryptionKeyArn) }),
      ...(alarmEmail === undefined ? {} : { alarmTopic: alarmTopic(this, "AlarmTopic", alarmEmail) }),
      ...(existing ? { bucket: Bucket.fromBucketName(this, "ExistingBucket", bucketName) } : {}),
    });

    const output = (name: string, value: string, description: string) =>
      new CfnOutput(this, name, { value, description });
    output(STACK_OUTPUT.bucket, backup.bucket.bucketName, "The bucket");
    output(
      STACK_OUTPUT.bucketUrl,
      `s3://${backup.bucket.bucketName}`,
      "The bucket as s3BucketUrl; a host with a prefix of its own adds that",
    );
    output(
      STACK_OUTPUT.queueUrl,
      backup.queue.queueUrl,
      "Where hosts send manifests; they find it by the bucket's name",
    );
    output(STACK_OUTPUT.deadLetterQueueUrl, backup.deadLetterQueue.queueUrl, "Messages that were given up");
    output(STACK_OUTPUT.validatorFunction, backup.handler.functionName, "The validator");
    output(STACK_OUTPUT.silenceFunction, backup.silenceHandler.functionName, "The hourly check for silent hosts");
    output(STACK_OUTPUT.dashboard, backup.dashboardName, "Verdicts, queues and silence at a glance, in CloudWatch");
    for (const [host, { managedPolicyArn }] of Object.entries(backup.hostPolicies))
      output(
        STACK_OUTPUT.hostPolicyArn + hostId(host),
        managedPolicyArn,
        `Attach to the user or role of ${host === "" ? "each host" : host}`,
      );
    if (backup.bucketPolicyStatements.length > 0)
      output(
        STACK_OUTPUT.bucketPolicyStatements,
        this.toJsonString(backup.bucketPolicyStatements.map((statement) => statement.toStatementJson())),
        "Add to the bucket's policy; without it a host could forge reports",
      );
  }
}

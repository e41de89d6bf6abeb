/**
 * The construct for anyone's CDK app: a bucket to back up to (made here, or one that is there), the validator that
 * checks it, what hosts may do, and the alarms. It wires the parts; names that agent and validator rely on come from
 * the contract.
 */
import { Stack, Stage, Tags } from "aws-cdk-lib";
import type { IManagedPolicy, IRole, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { Alarms } from "./alarms.ts";
import type { BackupValidatorProps } from "./backup-validator-props.ts";
import { readWithKeyStatement } from "./bucket-key.ts";
import { checkProps } from "./check-props.ts";
import { Dashboard } from "./dashboard.ts";
import { HostPolicy } from "./host-policy.ts";
import { PropError } from "./prop-error.ts";
import { guardReservedPrefix } from "./reserved-prefix.ts";
import { SilenceWatch } from "./silence-watch.ts";
import { TargetBucket } from "./target-bucket.ts";
import { Validator } from "./validator.ts";

export type { BackupValidatorProps } from "./backup-validator-props.ts";
export type { Host } from "./hosts.ts";
export { PropError } from "./prop-error.ts";

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
    const checked = checkProps(this, props);
    const { bucketName, bucketKey, hosts } = checked;
    this.bucketName = bucketName;
    this.#refuseSecond();

    // The library's own classes leave undefined what its interfaces leave out.
    this.bucket = props.bucket ?? (new TargetBucket(this, "Bucket", checked) as IBucket);
    const validator = new Validator(this, "Validator", { ...checked, bucket: this.bucket });
    this.queue = validator.queue;
    this.deadLetterQueue = validator.deadLetterQueue;
    this.handler = validator.handler;
    this.role = validator.role;

    const unattached = guardReservedPrefix({ bucket: this.bucket, writer: validator.role });
    this.bucketPolicyStatements = unattached === undefined ? [] : [unattached];

    const policyFor = (policyId: string, who: string, keyPrefix: string) =>
      new HostPolicy(this, policyId, { bucket: this.bucket, bucketName, bucketKey, validator, who, keyPrefix }).policy;
    this.hostPolicies =
      hosts === undefined
        ? { "": policyFor("HostPolicy", "a host", "") }
        : Object.fromEntries(
            hosts.map(({ name, id: hostId, keyPrefix }) => [name, policyFor(`HostPolicy${hostId}`, name, keyPrefix)]),
          );

    const silenceWatch = new SilenceWatch(this, "SilenceWatch", { ...checked, bucket: this.bucket });
    if (bucketKey !== undefined) silenceWatch.role.addToPolicy(readWithKeyStatement(bucketKey));
    this.silenceHandler = silenceWatch.handler;
    const { queue, deadLetterQueue, handler, silenceHandler } = this;
    const parts = { bucketName, queue, deadLetterQueue, handler };
    new Alarms(this, "Alarms", { ...parts, maxSilence: checked.maxSilence, alarmTopic: props.alarmTopic });
    this.dashboardName = new Dashboard(this, "Dashboard", { ...parts, silenceHandler }).dashboardName;

    for (const [name, value] of Object.entries(checked.tags)) Tags.of(this).add(name, value);
  }

  /** A bucket's queue has the name that agents look for, so that two validators of a bucket cannot be deployed. */
  #refuseSecond(): void {
    const place = ({ account, region }: Stack) => `${account} ${region}`;
    const first = Stage.of(this)
      ?.node.findAll()
      .find(
        (other) =>
          other instanceof BackupValidator &&
          other !== this &&
          other.bucketName === this.bucketName &&
          place(Stack.of(other)) === place(Stack.of(this)),
      );
    if (first !== undefined)
      throw new PropError("bucketName", `[${this.bucketName}] has a validator already, [${first.node.path}]`);
  }
}

/**
 * The second principal: a queue for manifests, the function that checks each against the bucket, and the role that
 * lets it see the bucket's listing and write under the reserved prefix, and nothing else.
 */
import { Duration, RemovalPolicy, Tags } from "aws-cdk-lib";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Architecture, CfnFunction, Function as LambdaFunction, LoggingFormat, Runtime } from "aws-cdk-lib/aws-lambda";
import { SqsEventSource } from "aws-cdk-lib/aws-lambda-event-sources";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import packageJson from "#package.json" with { type: "json" };
import { MAX_MESSAGE_BYTES } from "#shared/message.ts";
import { queueName, RESERVED_PREFIX, VALIDATOR_ENV, VALIDATOR_TAG } from "#shared/names.ts";
import { CONTRACT_VERSION } from "#shared/version.ts";
import { acknowledge, acknowledgePatterns } from "./acknowledge.ts";
import { type BucketKey, useKeyStatement } from "./bucket-key.ts";
import { HANDLER, handlerCode } from "./bundle.ts";

/** A message that fails this often goes to the dead letters: with the validator's delays, after more than 5 minutes. */
const MAX_RECEIVE_COUNT = 8;
/** AWS asks for six times the function's time-out, so that a throttled message is not given up early. */
const VISIBILITY_TIMEOUTS = 6;

export interface ValidatorProps {
  readonly bucket: IBucket;
  /** The name itself, not a reference to it: the queue's name is made from it. */
  readonly bucketName: string;
  readonly bucketKey: BucketKey | undefined;
  readonly timeout: Duration;
  /** MiB. */
  readonly memorySize: number;
  readonly maxConcurrency: number;
  readonly logRetention: RetentionDays;
}

export class Validator extends Construct {
  readonly queue: Queue;
  readonly deadLetterQueue: Queue;
  readonly role: Role;
  readonly handler: LambdaFunction;

  constructor(scope: Construct, id: string, props: ValidatorProps) {
    super(scope, id);
    const { bucket, bucketName, bucketKey, timeout } = props;

    // Without a name of its own: the queue's name already takes the 80 characters that SQS allows.
    this.deadLetterQueue = new Queue(this, "DeadLetters", {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    this.queue = new Queue(this, "Queue", {
      queueName: queueName(bucketName),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(4),
      maxMessageSizeBytes: MAX_MESSAGE_BYTES,
      visibilityTimeout: Duration.seconds(VISIBILITY_TIMEOUTS * timeout.toSeconds()),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: MAX_RECEIVE_COUNT },
    });

    const logGroup = new LogGroup(this, "Log", {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });

    // A role of our own: the one that CDK makes may write any log group of the account.
    this.role = new Role(this, "Role", {
      assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
      description: `Checks ${bucketName}: sees its listing, writes reports, never touches data`,
    });
    this.role.addToPolicy(
      new PolicyStatement({ sid: "ListTheBucket", actions: ["s3:ListBucket"], resources: [bucket.bucketArn] }),
    );
    this.role.addToPolicy(
      new PolicyStatement({
        sid: "ReadAndWriteReports",
        actions: ["s3:GetObject", "s3:PutObject"],
        resources: [bucket.arnForObjects(`${RESERVED_PREFIX}*`)],
      }),
    );
    if (bucketKey !== undefined) this.role.addToPolicy(useKeyStatement(bucketKey));
    logGroup.grantWrite(this.role);

    this.handler = new LambdaFunction(this, "Function", {
      description: `cback-amazons3-sync ${packageJson.version}: checks ${bucketName} against manifests`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: handlerCode(),
      handler: HANDLER,
      role: this.role,
      timeout,
      memorySize: props.memorySize,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      environment: {
        [VALIDATOR_ENV.bucket]: bucket.bucketName,
        [VALIDATOR_ENV.queueUrl]: this.queue.queueUrl,
        [VALIDATOR_ENV.maxReceiveCount]: String(MAX_RECEIVE_COUNT),
        [VALIDATOR_ENV.packageVersion]: packageJson.version,
      },
    });
    // Where hosts, who may not see the environment, read them.
    const onFunction = { includeResourceTypes: [CfnFunction.CFN_RESOURCE_TYPE_NAME] };
    Tags.of(this.handler).add(VALIDATOR_TAG.packageVersion, packageJson.version, onFunction);
    Tags.of(this.handler).add(VALIDATOR_TAG.contractVersion, CONTRACT_VERSION, onFunction);
    // One message is one shard is one invocation: fifty messages run on fifty functions at once.
    this.handler.addEventSource(
      new SqsEventSource(this.queue, {
        batchSize: 1,
        reportBatchItemFailures: true,
        maxConcurrency: props.maxConcurrency,
      }),
    );
    this.#acknowledgeRules(bucket);
  }

  #acknowledgeRules(bucket: IBucket): void {
    acknowledgePatterns(
      this.role,
      [bucket.arnForObjects(`${RESERVED_PREFIX}*`)],
      "All objects below the reserved prefix are the validator's, and only those; data it lists, and never reads.",
    );
    acknowledge(this.deadLetterQueue, { "Serverless-SQSRedrivePolicy": "It holds the dead letters itself." });
    acknowledge(this.handler, {
      "Serverless-LambdaDLQ": "Only SQS invokes it, and the queue has dead letters.",
      "Serverless-LambdaEventSourceMappingDestination": "For a queue, its dead letters are the destination.",
      "Serverless-LambdaTracing":
        "A trace of one function and S3 says less than its log line; tracing takes a permission on all resources.",
    });
  }
}

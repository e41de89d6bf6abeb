/**
 * The silence check: a function that reads all statuses each hour and counts the prefixes without a run. Its role sees
 * the statuses and nothing else of the bucket.
 */
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { Rule, RuleTargetInput, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction as LambdaTarget } from "aws-cdk-lib/aws-events-targets";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Architecture, Function as LambdaFunction, LoggingFormat, Runtime } from "aws-cdk-lib/aws-lambda";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import packageJson from "#package.json" with { type: "json" };
import { SILENCE_ENV, STATUS_PREFIX } from "#shared/names.ts";
import type { Watch } from "#shared/watch.ts";
import { acknowledge, acknowledgePatterns } from "./acknowledge.ts";
import { handlerCode, SILENCE_HANDLER } from "./bundle.ts";

/** Ten thousand statuses take well under a minute; S3 may be slow. */
const TIMEOUT = Duration.minutes(5);
const MEMORY_MIB = 512;

export interface SilenceWatchProps {
  readonly bucketName: string;
  readonly bucket: IBucket;
  readonly watch: Watch;
  readonly logRetention: RetentionDays;
}

export class SilenceWatch extends Construct {
  readonly role: Role;
  readonly handler: LambdaFunction;

  constructor(scope: Construct, id: string, props: SilenceWatchProps) {
    super(scope, id);
    const { bucket, bucketName, watch } = props;

    const logGroup = new LogGroup(this, "Log", {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, "Role", {
      assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
      description: `Reads the statuses of ${bucketName}, nothing else of it`,
    });
    this.role.addToPolicy(
      new PolicyStatement({
        sid: "ListStatuses",
        actions: ["s3:ListBucket"],
        resources: [bucket.bucketArn],
        conditions: { StringLike: { "s3:prefix": `${STATUS_PREFIX}*` } },
      }),
    );
    const statuses = bucket.arnForObjects(`${STATUS_PREFIX}*`);
    this.role.addToPolicy(
      new PolicyStatement({ sid: "ReadStatuses", actions: ["s3:GetObject"], resources: [statuses] }),
    );
    logGroup.grantWrite(this.role);

    this.handler = new LambdaFunction(this, "Function", {
      description: `cback-amazons3-sync ${packageJson.version}: finds hosts that stopped backing up to ${bucketName}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: handlerCode(),
      handler: SILENCE_HANDLER,
      role: this.role,
      timeout: TIMEOUT,
      memorySize: MEMORY_MIB,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      environment: { [SILENCE_ENV.bucket]: bucket.bucketName },
    });
    new Rule(this, "EachHour", {
      description: `Looks for hosts that stopped backing up to ${bucketName}`,
      schedule: Schedule.rate(Duration.hours(1)),
      targets: [
        new LambdaTarget(this.handler, {
          event: RuleTargetInput.fromObject(watch),
          // The next hour asks anew.
          maxEventAge: Duration.minutes(30),
          retryAttempts: 2,
        }),
      ],
    });
    this.#acknowledgeRules(statuses);
  }

  #acknowledgeRules(statuses: string): void {
    acknowledgePatterns(this.role, [statuses], "All statuses are read, whatever prefixes they are about.");
    const missed =
      "A check that was lost is made again within the hour; the silence alarm takes missing ones for silence.";
    acknowledge(this, {
      "Serverless-LambdaDLQ": missed,
      "Serverless-EventBusDLQ": missed,
      "Serverless-LambdaTracing":
        "A trace of one function and S3 says less than its log line; tracing takes a permission on all resources.",
    });
  }
}

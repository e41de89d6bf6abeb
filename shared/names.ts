/**
 * Every name that two programs must agree on, once: agent, validator and stack read them here.
 * Imports nothing, so that the stack can read it while it is being synthesized.
 */

/** Object keys under this prefix belong to the validator: reports, parts, status. Always at the root of the bucket. */
export const RESERVED_PREFIX = ".cback/";
/** `.cback/reports/<prefix><run>.json`: one report for each run. */
export const REPORTS_PREFIX = `${RESERVED_PREFIX}reports/`;
/** `.cback/runs/<prefix><run>/part-00000.json`: one part for each shard of a run. */
export const RUNS_PREFIX = `${RESERVED_PREFIX}runs/`;
/** `.cback/status/<prefix>.json`, for a whole bucket `.cback/status.json`: the last verdicts for a prefix. */
export const STATUS_PREFIX = `${RESERVED_PREFIX}status`;

const QUEUE_NAME_PREFIX = "cback-validator-";

/**
 * The name of the queue that serves a bucket. Queue names take no dot, bucket names no underscore, so two buckets
 * never share a queue. At most 79 characters, SQS allows 80.
 */
export function queueName(bucket: string): string {
  return QUEUE_NAME_PREFIX + bucket.replaceAll(".", "_");
}

/** Whether a queue is, by its name, the one of another bucket's validator. */
export function servesAnotherBucket(queue: string, bucket: string): boolean {
  return queue.startsWith(QUEUE_NAME_PREFIX) && queue !== queueName(bucket);
}

/**
 * The name of the stack that serves a bucket. CloudFormation takes neither dots nor underscores; bucket names have no
 * capitals, so an upper-case D for a dot keeps `a.b` and `a-b` apart: deploying one must never replace the other.
 */
export function stackName(bucket: string): string {
  return `cback-${bucket.replaceAll(".", "D")}`;
}

/** Environment of the validator function, set by the stack. */
export const VALIDATOR_ENV = {
  /** The only bucket that the validator serves. */
  bucket: "CBACK_BUCKET",
  /** The queue that the messages come from, to have a failed one delivered again soon. */
  queueUrl: "CBACK_QUEUE_URL",
  /** How often SQS delivers a message before it goes to the dead letters (an integer ≥ 2). */
  maxReceiveCount: "CBACK_MAX_RECEIVE_COUNT",
  /** Version of the package that the function was deployed from. */
  packageVersion: "CBACK_PACKAGE_VERSION",
} as const;

/** Tags of the validator function, set by the stack, for the diagnostics of agents: these may not see its environment. */
export const VALIDATOR_TAG = {
  /** Version of the package that the function was deployed from. */
  packageVersion: "cback:package-version",
  /** Contract version `major.minor` that the function serves. */
  contractVersion: "cback:contract-version",
} as const;

/** Statements of the host policy, by the action that a host needs them for: its messages name the one to look at. */
export const HOST_STATEMENT = {
  "s3:ListBucket": "ListTheBucket",
  "s3:PutObject": "WriteData",
  "s3:DeleteObject": "WriteData",
  "s3:GetObject": "ReadFindings",
  "sqs:SendMessage": "SendManifests",
  "sqs:GetQueueUrl": "SeeTheQueues",
} as const;

/** Environment of the silence check, set by the stack. */
export const SILENCE_ENV = {
  /** The bucket whose statuses are read. */
  bucket: "CBACK_BUCKET",
} as const;

/** CloudWatch namespace of all metrics. */
export const METRIC_NAMESPACE = "CbackAmazonS3Sync";
/** Their only dimension: each further one, of a run or a file, would be a metric of its own to pay for. */
export const METRIC_DIMENSION = "bucket";

/** What the functions count, and alarms and dashboard show. What did not happen is not sent, but for the last two. */
export const METRIC = {
  /** Shards that were compared with the bucket. */
  shardsChecked: "ShardsChecked",
  /** How long each took, from its delivery to its part, in milliseconds. */
  validationTime: "ValidationTime",
  missing: "FindingsMissing",
  sizeDiffers: "FindingsSizeDiffers",
  etagDiffers: "FindingsEtagDiffers",
  unexpected: "FindingsUnexpected",
  /** Verdicts, each counted once, by the delivery that published the report. */
  match: "VerdictsMatch",
  mismatch: "VerdictsMismatch",
  error: "VerdictsError",
  /** Messages that could not be served, now and for ever, whoever sends them again. */
  messagesRefused: "MessagesRefused",
  /** Messages for another bucket. */
  messagesForeign: "MessagesForeign",
  /** Prefixes that no run was verified for within the time allowed: sent by each silence check, also when 0. */
  silentPrefixes: "SilentPrefixes",
  /** Statuses that cannot be read as such: sent by each silence check, also when 0. */
  damagedStatuses: "DamagedStatuses",
} as const;

/** Environment of the agent, all optional. */
export const AGENT_ENV = {
  /** URL of the queue to send manifests to, where the naming rule does not hold. */
  queueUrl: "CBACK_QUEUE_URL",
  /** For tests only: most entries in a shard, so that a few files cross many shards. */
  shardEntries: "CBACK_TEST_SHARD_ENTRIES",
} as const;

/** Outputs of the stack, as `cdk deploy` prints them. */
export const STACK_OUTPUT = {
  bucket: "BucketName",
  bucketUrl: "BucketUrl",
  queueUrl: "QueueUrl",
  deadLetterQueueUrl: "DeadLetterQueueUrl",
  /** Where each host has a policy of its own, the host's name follows. */
  hostPolicyArn: "HostPolicyArn",
  validatorFunction: "ValidatorFunctionName",
  silenceFunction: "SilenceFunctionName",
  dashboard: "DashboardName",
  /** For a bucket whose policy is not the stack's: the statements to add to it, as JSON. */
  bucketPolicyStatements: "BucketPolicyStatementsToAdd",
} as const;

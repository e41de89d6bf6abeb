/** The requests of the permission table about queues, functions, roles, rules and alarms. */
import { randomUUID } from "node:crypto";
import {
  DeleteAlarmsCommand,
  DescribeAlarmsCommand,
  DisableAlarmActionsCommand,
  PutMetricDataCommand,
  SetAlarmStateCommand,
} from "@aws-sdk/client-cloudwatch";
import { DisableRuleCommand, ListRuleNamesByTargetCommand } from "@aws-sdk/client-eventbridge";
import {
  AttachUserPolicyCommand,
  CreatePolicyVersionCommand,
  GetRoleCommand,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  AddPermissionCommand as AddFunctionPermissionCommand,
  CreateEventSourceMappingCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  ListEventSourceMappingsCommand,
  ListFunctionsCommand,
  ListTagsCommand,
  PutFunctionConcurrencyCommand,
  TagResourceCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import {
  AddPermissionCommand as AddQueuePermissionCommand,
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
} from "@aws-sdk/client-sqs";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { METRIC, METRIC_DIMENSION, METRIC_NAMESPACE, stackName } from "#shared/names.ts";
import type { Action, Clients, Place, RequestKind, Send } from "./permission-request-kind.ts";

/** Somebody else's. */
const ACCOUNT = "111122223333";
/** Grants nothing that there is. */
const NO_POLICY = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::nowhere/nothing" }],
});
/** An archive without files: the end record alone. */
const EMPTY_ZIP = Buffer.from(`504b0506${"00".repeat(18)}`, "hex");

export const SERVICE_REQUESTS = {
  SendMessage: queue("sqs:SendMessage", (at) => (as) => {
    return as.sqs.send(new SendMessageCommand({ ...at, MessageBody: "x" }));
  }),
  GetQueueUrl: queue("sqs:GetQueueUrl", ({ QueueUrl }) => (as) => {
    return as.sqs.send(new GetQueueUrlCommand({ QueueName: QueueUrl.slice(QueueUrl.lastIndexOf("/") + 1) }));
  }),
  GetQueueAttributes: queue("sqs:GetQueueAttributes", (at) => (as) => {
    return as.sqs.send(new GetQueueAttributesCommand({ ...at, AttributeNames: ["All"] }));
  }),
  ReceiveMessage: queue("sqs:ReceiveMessage", (at) => (as) => as.sqs.send(new ReceiveMessageCommand(at))),
  DeleteMessage: withMessage("sqs:DeleteMessage", (at) => (as) => as.sqs.send(new DeleteMessageCommand(at))),
  ChangeMessageVisibility: withMessage("sqs:ChangeMessageVisibility", (at) => (as) => {
    return as.sqs.send(new ChangeMessageVisibilityCommand({ ...at, VisibilityTimeout: 1 }));
  }),
  PurgeQueue: queue("sqs:PurgeQueue", (at) => (as) => as.sqs.send(new PurgeQueueCommand(at))),
  SetQueueAttributes: queue("sqs:SetQueueAttributes", (at) => (as) => {
    return as.sqs.send(new SetQueueAttributesCommand({ ...at, Attributes: { DelaySeconds: "0" } }));
  }),
  "AddPermission to a queue": queue("sqs:AddPermission", (at) => (as) => {
    const grant = { Label: randomUUID(), AWSAccountIds: [ACCOUNT], Actions: ["GetQueueUrl"] };
    return as.sqs.send(new AddQueuePermissionCommand({ ...at, ...grant }));
  }),
  DeleteQueue: {
    ...queue("sqs:DeleteQueue", (at) => (as) => as.sqs.send(new DeleteQueueCommand(at))),
    ruins: true,
  },

  ListTags: {
    action: "lambda:ListTags",
    async prepare(place, root) {
      const Resource = await functionArn(place, root);
      return (as) => as.lambda.send(new ListTagsCommand({ Resource }));
    },
  },
  ListEventSourceMappings: anywhere("lambda:ListEventSourceMappings", () => (as) => {
    return as.lambda.send(new ListEventSourceMappingsCommand({}));
  }),
  ListFunctions: anywhere("lambda:ListFunctions", () => (as) => as.lambda.send(new ListFunctionsCommand({}))),
  GetFunction: lambda("lambda:GetFunction", (at) => (as) => as.lambda.send(new GetFunctionCommand(at))),
  GetFunctionConfiguration: lambda("lambda:GetFunctionConfiguration", (at) => (as) => {
    return as.lambda.send(new GetFunctionConfigurationCommand(at));
  }),
  Invoke: lambda("lambda:InvokeFunction", (at) => (as) => {
    return as.lambda.send(new InvokeCommand({ ...at, Payload: JSON.stringify({ Records: [] }) }));
  }),
  UpdateFunctionConfiguration: lambda("lambda:UpdateFunctionConfiguration", (at) => (as) => {
    return as.lambda.send(new UpdateFunctionConfigurationCommand({ ...at, Description: "x" }));
  }),
  PutFunctionConcurrency: lambda("lambda:PutFunctionConcurrency", (at) => (as) => {
    return as.lambda.send(new PutFunctionConcurrencyCommand({ ...at, ReservedConcurrentExecutions: 5 }));
  }),
  "AddPermission to a function": lambda("lambda:AddPermission", (at) => (as) => {
    const grant = { StatementId: randomUUID(), Action: "lambda:GetFunction", Principal: ACCOUNT };
    return as.lambda.send(new AddFunctionPermissionCommand({ ...at, ...grant }));
  }),
  TagResource: {
    action: "lambda:TagResource",
    async prepare(place, root) {
      const Resource = await functionArn(place, root);
      return (as) => as.lambda.send(new TagResourceCommand({ Resource, Tags: { x: "x" } }));
    },
  },
  CreateEventSourceMapping: {
    action: "lambda:CreateEventSourceMapping",
    async prepare(place, root) {
      const { Attributes } = await root.sqs.send(
        new GetQueueAttributesCommand({
          QueueUrl: place.stack.outputs.DeadLetterQueueUrl,
          AttributeNames: ["QueueArn"],
        }),
      );
      const mapping = { EventSourceArn: Attributes?.QueueArn, FunctionName: functionName(place), Enabled: false };
      return (as) => as.lambda.send(new CreateEventSourceMappingCommand(mapping));
    },
  },
  UpdateFunctionCode: {
    ...lambda("lambda:UpdateFunctionCode", (at) => (as) => {
      return as.lambda.send(new UpdateFunctionCodeCommand({ ...at, ZipFile: EMPTY_ZIP }));
    }),
    ruins: true,
  },
  DeleteFunction: {
    ...lambda("lambda:DeleteFunction", (at) => (as) => as.lambda.send(new DeleteFunctionCommand(at))),
    ruins: true,
  },

  GetRole: role("iam:GetRole", (at) => (as) => as.iam.send(new GetRoleCommand(at))),
  AssumeRole: {
    action: "sts:AssumeRole",
    async prepare(place, root) {
      const at = { FunctionName: functionName(place) };
      const { Role: RoleArn } = await root.lambda.send(new GetFunctionConfigurationCommand(at));
      return (as) => as.sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "permissions" }));
    },
  },
  PutRolePolicy: role("iam:PutRolePolicy", (at) => (as) => {
    return as.iam.send(new PutRolePolicyCommand({ ...at, PolicyName: "x", PolicyDocument: NO_POLICY }));
  }),
  UpdateAssumeRolePolicy: {
    action: "iam:UpdateAssumeRolePolicy",
    async prepare(place, root) {
      const at = { RoleName: await roleName(place, root) };
      const { Role } = await root.iam.send(new GetRoleCommand(at));
      const PolicyDocument = decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "");
      return (as) => as.iam.send(new UpdateAssumeRolePolicyCommand({ ...at, PolicyDocument }));
    },
  },
  PutUserPolicy: user("iam:PutUserPolicy", (at) => (as) => {
    return as.iam.send(new PutUserPolicyCommand({ ...at, PolicyName: "x", PolicyDocument: NO_POLICY }));
  }),
  AttachUserPolicy: user("iam:AttachUserPolicy", (at, PolicyArn) => (as) => {
    return as.iam.send(new AttachUserPolicyCommand({ ...at, PolicyArn }));
  }),
  CreatePolicyVersion: user("iam:CreatePolicyVersion", (_, PolicyArn) => (as) => {
    return as.iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: NO_POLICY }));
  }),

  DisableRule: {
    action: "events:DisableRule",
    async prepare(place, root) {
      const TargetArn = await functionArn(place, root);
      const { RuleNames } = await root.events.send(new ListRuleNamesByTargetCommand({ TargetArn }));
      return (as) => as.events.send(new DisableRuleCommand({ Name: RuleNames?.[0] }));
    },
  },
  DisableAlarmActions: alarm("cloudwatch:DisableAlarmActions", (AlarmName) => (as) => {
    return as.cloudwatch.send(new DisableAlarmActionsCommand({ AlarmNames: [AlarmName] }));
  }),
  SetAlarmState: alarm("cloudwatch:SetAlarmState", (AlarmName) => (as) => {
    return as.cloudwatch.send(new SetAlarmStateCommand({ AlarmName, StateValue: "OK", StateReason: "x" }));
  }),
  DeleteAlarms: {
    ...alarm("cloudwatch:DeleteAlarms", (AlarmName) => (as) => {
      return as.cloudwatch.send(new DeleteAlarmsCommand({ AlarmNames: [AlarmName] }));
    }),
    ruins: true,
  },
  PutMetricData: {
    action: "cloudwatch:PutMetricData",
    async prepare({ stack }) {
      const Dimensions = [{ Name: METRIC_DIMENSION, Value: stack.bucket }];
      const MetricData = [{ MetricName: METRIC.match, Dimensions, Value: 1 }];
      return (as) => as.cloudwatch.send(new PutMetricDataCommand({ Namespace: METRIC_NAMESPACE, MetricData }));
    },
  },
} satisfies Record<string, RequestKind>;

function anywhere(action: Action, request: () => Send): RequestKind {
  return { action, prepare: async () => request() };
}

function queueUrl({ stack: { outputs }, name }: Place): string {
  return name === "dead letters" ? outputs.DeadLetterQueueUrl : outputs.QueueUrl;
}

function queue(action: Action, request: (at: { QueueUrl: string }) => Send): RequestKind {
  return { action, prepare: async (place) => request({ QueueUrl: queueUrl(place) }) };
}

/** Of a message that was received. */
function withMessage(
  action: Action,
  request: (at: { QueueUrl: string; ReceiptHandle: string | undefined }) => Send,
): RequestKind {
  return {
    action,
    async prepare(place, root) {
      const QueueUrl = queueUrl(place);
      await root.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "x" }));
      const { Messages = [] } = await root.sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 10 }));
      return request({ QueueUrl, ReceiptHandle: Messages[0]?.ReceiptHandle });
    },
  };
}

function functionName({ stack: { outputs }, name }: Place): string {
  return name === "silence check" ? outputs.SilenceFunctionName : outputs.ValidatorFunctionName;
}

async function functionArn(place: Place, root: Clients): Promise<string> {
  const at = { FunctionName: functionName(place) };
  const { FunctionArn = "" } = await root.lambda.send(new GetFunctionConfigurationCommand(at));
  return FunctionArn;
}

function lambda(action: Action, request: (at: { FunctionName: string }) => Send): RequestKind {
  return { action, prepare: async (place) => request({ FunctionName: functionName(place) }) };
}

async function roleName(place: Place, root: Clients): Promise<string> {
  const at = { FunctionName: functionName(place) };
  const { Role = "" } = await root.lambda.send(new GetFunctionConfigurationCommand(at));
  return Role.slice(Role.lastIndexOf("/") + 1);
}

function role(action: Action, request: (at: { RoleName: string }) => Send): RequestKind {
  return { action, prepare: async (place, root) => request({ RoleName: await roleName(place, root) }) };
}

/** The host's user, and its policy. */
function user(action: Action, request: (at: { UserName: string }, policyArn: string) => Send): RequestKind {
  return { action, prepare: async ({ stack }) => request({ UserName: stack.host.name }, stack.hostPolicyArn) };
}

function alarm(action: Action, request: (alarmName: string) => Send): RequestKind {
  return {
    action,
    async prepare({ stack }, root) {
      const named = { AlarmNamePrefix: stackName(stack.bucket) };
      const { MetricAlarms = [] } = await root.cloudwatch.send(new DescribeAlarmsCommand(named));
      return request(MetricAlarms[0]?.AlarmName ?? "");
    },
  };
}

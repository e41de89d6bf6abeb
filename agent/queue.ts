/** The queue, through the SDK: finds it by the bucket's name and sends messages to it. */
import { GetQueueUrlCommand, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { queueName } from "#shared/names.ts";
import { explain, nameOf } from "./aws-errors.ts";
import { Failure } from "./errors.ts";
import type { Queue } from "./ports.ts";

/**
 * The URL of the queue whose validator serves a bucket.
 *
 * @throws {Failure} when there is none: the bucket has no validator yet
 */
export async function findQueue(client: SQSClient, bucket: string, signal: AbortSignal): Promise<string> {
  const name = queueName(bucket);
  try {
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: name }), { abortSignal: signal });
    if (QueueUrl !== undefined) return QueueUrl;
  } catch (error) {
    if (!isMissing(error)) {
      const failure = explain(error, requestAbout("find the queue", name, "sqs:GetQueueUrl"));
      if (!failure.reason.startsWith("access denied")) throw failure;
      // Only those who may see a queue are told whether it is there.
      throw new Failure({
        outcome: failure.outcome,
        operation: failure.operation,
        subject: failure.subject,
        reason: failure.reason,
        hint: `Check the bucket's name and AWS_REGION. If both are right: Allow sqs:GetQueueUrl on the queue for these credentials, as the host policy of the bucket's stack does (\`npx cdk deploy -c bucket=${bucket}\` makes both).`,
        cause: error,
      });
    }
  }
  throw new Failure({
    outcome: "configuration",
    operation: "find the validator's queue",
    subject: name,
    reason: "no such queue in this account and region",
    hint: `Deploy the validator: \`npx cdk deploy -c bucket=${bucket}\`; or name its queue with --queue URL.`,
  });
}

export function openQueue(client: SQSClient, queueUrl: string, signal: AbortSignal): Queue {
  return {
    async send(body) {
      try {
        await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }), { abortSignal: signal });
      } catch (error) {
        if (signal.aborted) throw explain(error, requestAbout("send to the queue", queueUrl, "sqs:SendMessage"));
        const failure = explain(error, requestAbout("send to the queue", queueUrl, "sqs:SendMessage"));
        throw new Failure({
          outcome: failure.outcome === "denied" ? "denied" : "no-verdict",
          operation: failure.operation,
          subject: failure.subject,
          reason: isMissing(error) ? "no such queue" : failure.reason,
          hint: `${failure.hint} What was uploaded is in the bucket; --verifyOnly repeats the check alone.`,
          cause: error,
        });
      }
    },
  };
}

function requestAbout(operation: string, subject: string, action: string) {
  return { operation, subject, action, resource: "the validator's queue" };
}

function isMissing(error: unknown): boolean {
  return /QueueDoesNotExist|NonExistentQueue/.test(nameOf(error));
}

/** The queue, through the SDK: finds it by the bucket's name and sends messages to it. */
import { GetQueueUrlCommand, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { AGENT_ENV, queueName } from "#shared/names.ts";
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
    if (!isMissing(error))
      throw explain(error, {
        operation: "find the validator's queue",
        subject: name,
        action: "sqs:GetQueueUrl",
        resource: `arn:aws:sqs:*:*:${name}`,
        hidden: {
          reason: "no such queue, or no right to see it",
          hint: `Check the bucket's name and AWS_REGION; ${deployment(bucket)} makes the queue.`,
        },
      });
  }
  throw new Failure({
    outcome: "configuration",
    operation: "find the validator's queue",
    subject: name,
    reason: "no such queue in this account and region",
    hint: `Deploy the validator: ${deployment(bucket)}; or name its queue with --queue URL.`,
  });
}

/** @param bucket whose validator reads the queue */
export function openQueue(client: SQSClient, queueUrl: string, bucket: string, signal: AbortSignal): Queue {
  const check = `Check --queue and ${AGENT_ENV.queueUrl}, where one is given; ${deployment(bucket)} makes the queue.`;
  return {
    async send(body) {
      try {
        await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }), { abortSignal: signal });
      } catch (error) {
        const failure = explain(error, {
          operation: "send to the queue",
          subject: queueUrl,
          action: "sqs:SendMessage",
          resource: "the validator's queue",
          hidden: { reason: "no such queue, or no right to send to it", hint: check },
        });
        if (signal.aborted) throw failure;
        throw new Failure({
          outcome: failure.outcome === "denied" ? "denied" : "no-verdict",
          operation: failure.operation,
          subject: failure.subject,
          reason: isMissing(error) ? "no such queue" : failure.reason,
          hint: `${isMissing(error) ? check : failure.hint} What was uploaded is in the bucket; --verifyOnly repeats the check alone.`,
          cause: error,
        });
      }
    },
  };
}

function deployment(bucket: string): string {
  return `\`npx cdk deploy -c bucket=${bucket}\``;
}

function isMissing(error: unknown): boolean {
  return /QueueDoesNotExist|NonExistentQueue/.test(nameOf(error));
}

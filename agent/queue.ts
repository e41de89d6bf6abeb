/** The queue, through the SDK: finds it by the bucket's name, or looks at the one that was named, and sends messages to it. */
import { GetQueueAttributesCommand, GetQueueUrlCommand, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { AGENT_ENV, queueName, servesAnotherBucket } from "#shared/names.ts";
import { explain, isUnknownHost, nameOf, statusOf } from "./aws-errors.ts";
import { Failure } from "./errors.ts";
import type { Outcome } from "./exit-code.ts";
import type { Log } from "./log.ts";
import type { Queue } from "./ports.ts";

/** How long is waited for what is not needed. */
const QUESTION_TIMEOUT_MS = 3_000;

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

/**
 * Looks at a queue that was named before anything is sent: a wrong one would else be noticed after the last upload. What
 * does not tell that it is wrong stops nobody: the first message will.
 *
 * @param client tries nothing again
 * @throws {Failure} when there is no such queue, or it is another one than the bucket's
 */
export async function checkQueue(
  client: SQSClient,
  queueUrl: string,
  bucket: string,
  signal: AbortSignal,
  log: Pick<Log, "debug">,
): Promise<void> {
  const wrong = (outcome: Outcome, reason: string, hint: string, cause?: unknown) =>
    new Failure({
      outcome,
      operation: "send to the queue",
      subject: queueUrl,
      reason,
      hint: `Nothing was sent or deleted. ${hint}`,
      cause,
    });
  const leaveOut = `Leave --queue and ${AGENT_ENV.queueUrl} out: the queue of the bucket is found by its name.`;
  if (servesAnotherBucket(nameOfQueue(queueUrl), bucket))
    throw wrong("no-verdict", "it is the queue of another bucket's validator", leaveOut);
  const asked = AbortSignal.any([signal, AbortSignal.timeout(QUESTION_TIMEOUT_MS)]);
  try {
    const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ["QueueArn"] });
    await client.send(command, { abortSignal: asked });
  } catch (error) {
    const failure = explain(error, {
      operation: "see the queue",
      subject: queueUrl,
      action: "sqs:GetQueueAttributes",
      resource: "the validator's queue",
    });
    if (signal.aborted) throw failure;
    if (isMissing(error) || statusOf(error) === 404)
      throw wrong("no-verdict", "no such queue", checkWhatNames(bucket), error);
    if (isUnknownHost(error)) throw wrong("no-verdict", failure.reason, checkWhatNames(bucket), error);
    // Where the bucket's own queue may be seen and is another one, or another region's, these credentials are for that one.
    const own =
      failure.outcome === "denied" ? await findQueue(client, bucket, asked).catch(() => undefined) : undefined;
    const isElsewhere = !failure.reason.startsWith("access denied");
    if (own !== undefined && (isElsewhere || pathOf(own) !== pathOf(queueUrl)))
      throw wrong("denied", `${failure.reason}, and the bucket's queue is ${own}`, leaveOut, error);
    log.debug(`Whether the queue is there is not known: ${asked.aborted ? "no answer" : failure.reason}.`);
  }
}

/** @param bucket whose validator reads the queue */
export function openQueue(client: SQSClient, queueUrl: string, bucket: string, signal: AbortSignal): Queue {
  const check = checkWhatNames(bucket);
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

function checkWhatNames(bucket: string): string {
  return `Check --queue and ${AGENT_ENV.queueUrl}, where one is given; ${deployment(bucket)} makes the queue.`;
}

/** Account and name: the same queue has several hosts. */
function pathOf(queueUrl: string): string {
  return URL.canParse(queueUrl) ? new URL(queueUrl).pathname : "";
}

function nameOfQueue(queueUrl: string): string {
  return pathOf(queueUrl).split("/").at(-1) ?? "";
}

function deployment(bucket: string): string {
  return `\`npx cdk deploy -c bucket=${bucket}\``;
}

function isMissing(error: unknown): boolean {
  return /QueueDoesNotExist|NonExistentQueue|InvalidAddress/.test(nameOf(error));
}

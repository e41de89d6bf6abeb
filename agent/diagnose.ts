/**
 * What queue, dead letters and event source mapping show, for a run whose report does not come and for --diagnostics.
 * Never throws: what cannot be learned is said.
 */
import { type LambdaClient, ListEventSourceMappingsCommand, ListTagsCommand } from "@aws-sdk/client-lambda";
import { GetQueueAttributesCommand, GetQueueUrlCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { VALIDATOR_TAG } from "#shared/names.ts";
import { counted } from "./amounts.ts";
import { messageOf, nameOf } from "./aws-errors.ts";

/** How long one question may take: nobody waits long for an explanation. */
const QUESTION_TIMEOUT_MS = 3_000;

export interface Findings {
  /** Sentences for a user. */
  readonly lines: string[];
  readonly validatorVersion: string | undefined;
}

export interface DiagnoseRequest {
  readonly sqs: SQSClient;
  readonly lambda: LambdaClient;
  readonly queueUrl: string;
}

export async function diagnose({ sqs, lambda, queueUrl }: DiagnoseRequest): Promise<Findings> {
  const lines: string[] = [];
  let validatorVersion: string | undefined;
  const ask = async <T>(what: string, question: (abortSignal: AbortSignal) => Promise<T>): Promise<T | undefined> => {
    try {
      return await question(AbortSignal.timeout(QUESTION_TIMEOUT_MS));
    } catch (error) {
      const why = nameOf(error) === "AbortError" || nameOf(error) === "TimeoutError" ? "no answer" : messageOf(error);
      lines.push(`${what}: not known (${why}).`);
      return undefined;
    }
  };

  const queue = await ask("The queue", (abortSignal) =>
    sqs.send(new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ["All"] }), { abortSignal }),
  );
  const { ApproximateNumberOfMessages: waiting, ApproximateNumberOfMessagesNotVisible: inFlight } =
    queue?.Attributes ?? {};
  if (queue !== undefined)
    lines.push(
      `The queue holds ${toldCount(waiting, "waiting message")}, and ${inFlight ?? "?"} ${inFlight === "1" ? "is" : "are"} being worked on.`,
    );

  const deadLetters = deadLetterQueueName(queue?.Attributes?.RedrivePolicy);
  if (deadLetters !== undefined) {
    const dead = await ask("The dead letters", async (abortSignal) => {
      const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: deadLetters }), { abortSignal });
      return sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["ApproximateNumberOfMessages"] }), {
        abortSignal,
      });
    });
    if (dead !== undefined)
      lines.push(
        `The dead letters (${deadLetters}) hold ${toldCount(dead.Attributes?.ApproximateNumberOfMessages, "message")}.`,
      );
  }

  const queueArn = queue?.Attributes?.QueueArn;
  if (queueArn !== undefined) {
    const mappings = await ask("The event source mapping", (abortSignal) =>
      lambda.send(new ListEventSourceMappingsCommand({ EventSourceArn: queueArn }), { abortSignal }),
    );
    const [mapping] = mappings?.EventSourceMappings ?? [];
    if (mappings !== undefined && mapping === undefined)
      lines.push("No function reads the queue: deploy the stack again.");
    if (mapping?.FunctionArn !== undefined) {
      const { State, LastProcessingResult, FunctionArn } = mapping;
      lines.push(
        `The event source mapping is ${State ?? "?"}${LastProcessingResult ? `; last result: ${LastProcessingResult}` : ""}.${
          State === "Disabled" ? " Enable it: until then nobody reads the queue." : ""
        }`,
      );
      const tagged = await ask("The validator's version", (abortSignal) =>
        lambda.send(new ListTagsCommand({ Resource: FunctionArn }), { abortSignal }),
      );
      validatorVersion = tagged?.Tags?.[VALIDATOR_TAG.packageVersion];
      if (tagged !== undefined)
        lines.push(
          `The validator is ${FunctionArn.split(":").at(-1)}, version ${validatorVersion ?? "?"}, contract ${tagged.Tags?.[VALIDATOR_TAG.contractVersion] ?? "?"}.`,
        );
    }
  }
  return { lines, validatorVersion };
}

/** A number as SQS tells it, which it may not. */
function toldCount(count: string | undefined, what: string): string {
  return count === undefined ? `? ${what}s` : counted(Number(count), what);
}

function deadLetterQueueName(redrivePolicy: string | undefined): string | undefined {
  if (redrivePolicy === undefined) return undefined;
  let policy: unknown;
  try {
    policy = JSON.parse(redrivePolicy);
  } catch {
    return undefined;
  }
  if (typeof policy !== "object" || policy === null || !("deadLetterTargetArn" in policy)) return undefined;
  return String(policy.deadLetterTargetArn).split(":").at(-1);
}

/**
 * The SDK's clients with their limits, each request of theirs told. Everything about region, endpoint, credentials and
 * certificates comes from the standard AWS settings.
 */
import type { LambdaClient } from "@aws-sdk/client-lambda";
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import { readContentsFirst } from "#shared/contents.ts";
import { counted } from "./amounts.ts";
import { AdaptiveLimit, FILES_IN_FLIGHT } from "./concurrency.ts";
import { DirectPuts } from "./direct-puts.ts";
import type { Log } from "./log.ts";
import { filesInFlight, mostOpenFiles } from "./open-files.ts";
import { Retries, type RetryLimits } from "./retry.ts";
import { findHomeDirectory } from "./state-directory.ts";

/** How long each thing may take; how often and how long a request is tried. */
export interface ConnectionLimits extends RetryLimits {
  readonly connectTimeoutMs: number;
  /** How long a connection may stay silent. */
  readonly idleTimeoutMs: number;
  /** How long one try of a request may take that carries no content. */
  readonly requestTimeoutMs: number;
}

const LIMITS: ConnectionLimits = {
  connectTimeoutMs: 5_000,
  idleTimeoutMs: 30_000,
  requestTimeoutMs: 120_000,
  attempts: Number.POSITIVE_INFINITY,
  budgetMs: 300_000,
  firstAnswerBudgetMs: 20_000,
  longestDelayMs: 20_000,
};

/** For files, their parts, and listings. */
const MOST_SOCKETS = 2 * FILES_IN_FLIGHT.most;
/** The name of no directory. */
const NO_HOME = "/nonexistent";

export interface Connections {
  readonly s3: S3Client;
  readonly puts: DirectPuts;
  /** Is told by S3's client when it is asked too often. */
  readonly files: AdaptiveLimit;
  readonly sqs: SQSClient;
  /** Tries nothing again, for questions that the run does not hang on. */
  readonly sqsOnce: SQSClient;
  /** Loaded when it is asked for: few runs need it, and it takes some megabytes. */
  lambda(): Promise<LambdaClient>;
  close(): void;
}

/**
 * @param log is told of each request, for --output
 * @param limits narrower ones, for questions that nobody should wait for
 */
export function connect(log: Pick<Log, "request" | "warn">, limits: Partial<ConnectionLimits> = {}): Connections {
  // Without a home the SDK fails with an error of its own; with one that is not there it looks elsewhere.
  if (findHomeDirectory() === undefined) process.env.HOME = NO_HOME;
  const { connectTimeoutMs, idleTimeoutMs, requestTimeoutMs, ...retryLimits } = { ...LIMITS, ...limits };
  const shared = () => ({
    // What the SDK has to say goes where everything else goes, not straight to the screen.
    logger: { debug() {}, info() {}, error() {}, warn: (text: unknown) => log.warn(oneLine(String(text))) },
    retryStrategy: new Retries(retryLimits),
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      socketTimeout: idleTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: { maxSockets: MOST_SOCKETS },
      httpsAgent: { maxSockets: MOST_SOCKETS },
    },
  });
  const files = new AdaptiveLimit(filesInFlight(mostOpenFiles()));
  const s3 = new S3Client({
    ...shared(),
    retryStrategy: new Retries(retryLimits, () => files.slowDown()),
    followRegionRedirects: true,
    // Checksums are computed and given here, for each request.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  readContentsFirst(s3);
  // An endpoint that was set by hand is meant for the queue too, whatever host the queue's URL names.
  const endpointSet = Boolean(process.env.AWS_ENDPOINT_URL_SQS ?? process.env.AWS_ENDPOINT_URL);
  const sqs = new SQSClient({ ...shared(), useQueueUrlAsEndpoint: !endpointSet });
  const sqsOnce = new SQSClient({
    ...shared(),
    retryStrategy: new Retries({ ...retryLimits, attempts: 1 }),
    useQueueUrlAsEndpoint: !endpointSet,
  });
  const clients: { destroy(): void }[] = [];
  const keep = (client: { destroy(): void }) => {
    clients.push(client);
    // Their middleware stacks differ only in the types of what passes through.
    tellRequests(client as S3Client, log);
  };
  for (const client of [s3, sqs, sqsOnce]) keep(client);
  let lambda: LambdaClient | undefined;
  return {
    s3,
    puts: new DirectPuts(s3, (key, send) => told(`S3 PutObject [${key}]`, send, (output) => output, log)),
    files,
    sqs,
    sqsOnce,
    async lambda() {
      const { LambdaClient } = await import("@aws-sdk/client-lambda");
      if (lambda === undefined) {
        lambda = new LambdaClient(shared());
        keep(lambda);
      }
      return lambda;
    },
    close() {
      for (const client of clients) client.destroy();
    },
  };
}

/** The SDK frames its warnings with lines of stars. */
function oneLine(text: string): string {
  return text.replace(/[\s*]+/g, " ").trim();
}

function tellRequests(client: S3Client, log: Pick<Log, "request">): void {
  client.middlewareStack.add(
    (next, { clientName, commandName }) =>
      async (args) => {
        // Told by who sends them, for the client knows only of some.
        if (commandName === "PutObjectCommand") return next(args);
        const input = args.input as { Key?: string; Prefix?: string; QueueName?: string; QueueUrl?: string };
        const subject = input.Key ?? input.Prefix ?? input.QueueName ?? input.QueueUrl ?? "";
        const call = `${String(clientName).replace("Client", "")} ${String(commandName).replace("Command", "")} [${subject}]`;
        return told(
          call,
          () => next(args),
          ({ output }) => output as Told,
          log,
        );
      },
    { step: "initialize", name: "tellRequests" },
  );
}

/** What the SDK notes of a request, in its output or its error. */
interface Told {
  readonly $metadata?: { readonly httpStatusCode?: number | undefined; readonly attempts?: number | undefined };
}

/** Writes one line for a request: service, call, subject, outcome, tries, time. */
async function told<T>(
  call: string,
  send: () => Promise<T>,
  outputOf: (result: T) => Told,
  log: Pick<Log, "request">,
): Promise<T> {
  const started = performance.now();
  const tell = (outcome: string, attempts: number | undefined) =>
    log.request(
      `${call}: ${outcome}, ${counted(attempts ?? 1, "try", "tries")}, ${Math.round(performance.now() - started)} ms`,
    );
  try {
    const result = await send();
    const { $metadata } = outputOf(result);
    tell(String($metadata?.httpStatusCode ?? "done"), $metadata?.attempts);
    return result;
  } catch (error) {
    const { $metadata } = error as Told;
    tell(`${$metadata?.httpStatusCode ?? ""} ${(error as Error).name}`.trim(), $metadata?.attempts);
    throw error;
  }
}

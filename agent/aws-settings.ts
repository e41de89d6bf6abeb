/**
 * What the AWS SDK would use if it were asked now: region, credentials, endpoints, from wherever the standard settings
 * take them (environment, profiles, roles). Sends nothing to S3 or SQS; finding credentials may ask the instance's own
 * metadata. Never shows a secret.
 */
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { ListQueuesCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { Fact } from "./diagnostics.ts";

const SHOWN_OF_KEY_ID = 4;

/** Each setting with its name, looked up when it is called. */
export function awsSettings(): Fact[] {
  return [
    ["Region", region],
    ["Identity", identity],
    ["S3 endpoint", s3Endpoint],
    ["SQS endpoint", sqsEndpoint],
  ];
}

async function region(): Promise<string> {
  return new SQSClient({}).config.region();
}

async function identity(): Promise<string> {
  const credentials = await new SQSClient({}).config.credentials();
  const shown = credentials.accessKeyId.slice(-SHOWN_OF_KEY_ID).padStart(credentials.accessKeyId.length, "*");
  // The SDK notes the way that the credentials took as names like CREDENTIALS_ENV_VARS.
  const sources = "$source" in credentials ? Object.keys(credentials.$source ?? {}) : [];
  const from = sources
    .map((name) =>
      name
        .replace(/^CREDENTIALS_/, "")
        .replaceAll("_", " ")
        .toLowerCase(),
    )
    .join(", ");
  const kind = credentials.sessionToken === undefined ? "access key" : "temporary access key";
  return `${kind} ${shown}${from === "" ? "" : ` from ${from}`}`;
}

async function sqsEndpoint(): Promise<string> {
  const client = new SQSClient({ credentials: NOBODY });
  return unsent((stopBeforeSending) => {
    client.middlewareStack.add((_, __) => (sent) => stopBeforeSending(sent.request), { step: "build" });
    return client.send(new ListQueuesCommand({}));
  });
}

/** Where S3 is, as far as the settings say; a bucket may have a host name of its own there. */
export async function s3Endpoint(): Promise<string> {
  const client = new S3Client({ credentials: NOBODY });
  return unsent((stopBeforeSending) => {
    client.middlewareStack.add((_, __) => (sent) => stopBeforeSending(sent.request), { step: "build" });
    return client.send(new ListBucketsCommand({}));
  });
}

/** Where requests go does not hang on who sends them; the SDK wants to know it first all the same. */
const NOBODY = { accessKeyId: "none", secretAccessKey: "none" };

class Unsent extends Error {}

/** Has a request built, which is when the SDK settles on its endpoint, and stops it before it is signed and sent. */
async function unsent(build: (stopBeforeSending: (request: unknown) => never) => Promise<unknown>): Promise<string> {
  let endpoint = "";
  try {
    await build((request) => {
      const { protocol, hostname, port } = request as { protocol: string; hostname: string; port?: number };
      endpoint = `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`;
      throw new Unsent();
    });
  } catch (error) {
    if (!(error instanceof Unsent)) throw error;
  }
  return endpoint;
}

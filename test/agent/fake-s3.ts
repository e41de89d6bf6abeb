/**
 * A server that answers as a test tells it, over real HTTP, and the agent's real clients in front of it. Shares no code
 * with what it tests; the pages are those of the validator's tests.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { openBucket } from "#agent/bucket.ts";
import { type ConnectionLimits, type Connections, connect } from "#agent/connect.ts";
import type { Bucket } from "#agent/ports.ts";

export interface Asked {
  readonly method: string;
  /** As it was sent. */
  readonly url: string;
  /** With the bucket, decoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** How the server treats a request: an answer, a cut or a stop within its body, no answer at all, or a cut connection. */
export type Answer =
  | {
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
      readonly cut?: true;
      readonly stall?: true;
      readonly delayMs?: number;
    }
  | "silence"
  | "hang-up";

export interface FakeS3 {
  readonly bucket: Bucket;
  readonly connections: Connections;
  readonly asked: Asked[];
  readonly endpoint: string;
  /** Interrupts what goes through `bucket`. */
  readonly interrupt: AbortController;
  /** Gives these answers one after another, the last one for ever. */
  answer(...answers: readonly (Answer | ((asked: Asked) => Answer))[]): void;
}

/** Retries that end soon. Time limits stay long but where a test is about them. */
const SHORT: Partial<ConnectionLimits> = { attempts: 3, longestDelayMs: 20 };

export async function startFakeS3(
  test: { after(hook: () => void): void },
  limits: Partial<ConnectionLimits> = {},
): Promise<FakeS3> {
  const asked: Asked[] = [];
  let script: readonly (Answer | ((asked: Asked) => Answer))[] = [];
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url ?? "/", "http://localhost");
    const one: Asked = {
      method: request.method ?? "",
      url: request.url ?? "",
      path: decodeURIComponent(url.pathname),
      query: url.searchParams,
      headers: request.headers,
      body: Buffer.concat(chunks).toString("utf8"),
    };
    asked.push(one);
    const next = script.length > 1 ? script[0] : script.at(-1);
    if (script.length > 1) script = script.slice(1);
    const answer = typeof next === "function" ? next(one) : (next ?? { status: 500 });
    if (answer === "silence") return;
    if (answer === "hang-up") {
      request.socket.destroy();
      return;
    }
    if (answer.delayMs !== undefined) await setTimeout(answer.delayMs);
    const body = Buffer.from(answer.body ?? "");
    response.writeHead(answer.status, {
      "content-type": "application/xml",
      ...answer.headers,
      "content-length": body.length + (answer.cut || answer.stall ? 100 : 0),
    });
    if (answer.cut === true) response.write(body, () => request.socket.destroy());
    else if (answer.stall === true) response.write(body);
    else response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connections = connectTo(endpoint, { ...SHORT, ...limits });
  const interrupt = new AbortController();
  test.after(() => {
    connections.close();
    server.closeAllConnections();
    server.close();
  });
  return {
    bucket: openBucket(connections, "data", interrupt.signal),
    connections,
    asked,
    endpoint,
    interrupt,
    answer(...answers) {
      script = answers;
    },
  };
}

/** The agent's own clients, set up by the standard settings alone. */
export function connectTo(
  endpoint: string,
  limits: Partial<ConnectionLimits>,
  log: Parameters<typeof connect>[0] = { request: () => {}, warn: () => {} },
): Connections {
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "example",
    AWS_EC2_METADATA_DISABLED: "true",
  });
  delete process.env.AWS_SESSION_TOKEN;
  delete process.env.AWS_PROFILE;
  return connect(log, limits);
}

/** An error as S3 answers it. */
export function refusal(
  status: number,
  code: string,
  message = `${code} for a test.`,
  headers: Record<string, string> = {},
): Answer {
  return {
    status,
    headers,
    body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  };
}

export function xml(root: string, content: string): Answer {
  return {
    status: 200,
    body: `<?xml version="1.0" encoding="UTF-8"?><${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`,
  };
}

/** An object in a page; the key as it stands in the XML. */
export function contents(encodedKey: string, sizeBytes = 1): string {
  return `<Contents><Key>${encodedKey}</Key><LastModified>2026-11-20T10:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>${sizeBytes}</Size></Contents>`;
}

/** A page of a listing with these keys, as they stand in the XML. */
export function page(keys: readonly string[], { token, count = keys.length }: { token?: string; count?: number } = {}) {
  return xml(
    "ListBucketResult",
    `<EncodingType>url</EncodingType><KeyCount>${count}</KeyCount><IsTruncated>${token !== undefined}</IsTruncated>${
      token === undefined ? "" : `<NextContinuationToken>${token}</NextContinuationToken>`
    }${keys.map((key) => contents(key)).join("")}`,
  );
}

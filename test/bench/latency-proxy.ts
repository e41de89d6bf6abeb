/**
 * A proxy that makes a service on this machine as far away as AWS is, and counts what passes. It holds an answer back for
 * as long as a round trip takes; contents stream through in both directions, so that bandwidth is not capped. Requests
 * go on as they are, signatures included.
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request as newRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { whatIsAsked } from "#test/what-is-asked.ts";

export interface Latency {
  readonly listingPageMs: number;
  readonly otherMs: number;
}

/** As S3 answers within a region. */
export const AS_S3: Latency = { listingPageMs: 100, otherMs: 30 };
export const NONE: Latency = { listingPageMs: 0, otherMs: 0 };

/** What the proxy is made of, in PEM: it serves with the certificate, and believes the authority. */
export interface TlsMaterial {
  readonly authority: Buffer;
  readonly certificate: Buffer;
  readonly key: Buffer;
}

export type RequestCounts = Readonly<Record<string, number>>;

export interface LatencyProxy {
  readonly endpoint: string;
  /** From now on; what was counted before is forgotten. */
  begin(latency: Latency): void;
  /** How many requests of each operation have passed. */
  counts(): RequestCounts;
  /** When the last answer to an upload of content went out, in milliseconds since 1970. */
  lastUploadMs(): number | undefined;
  close(): void;
}

const LISTINGS = new Set(["ListObjectsV2", "ListObjects"]);
const UPLOADS = new Set(["PutObject", "UploadPart", "CompleteMultipartUpload"]);

/** @param upstream the service's own endpoint, over TLS */
export async function startLatencyProxy(upstream: string, tls: TlsMaterial): Promise<LatencyProxy> {
  const agent = new Agent({ ca: tls.authority, keepAlive: true });
  let latency = NONE;
  let counts: Record<string, number> = {};
  let lastUploadMs: number | undefined;

  const server = createServer({ cert: tls.certificate, key: tls.key }, (incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  // Whoever keeps a connection keeps it: this is not about how servers close idle ones.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { operation } = whatIsAsked(incoming);
    counts[operation] = (counts[operation] ?? 0) + 1;
    // The proxy itself has answered whoever asked whether to go on.
    const { expect: _, ...headers } = incoming.headers;
    const onward = newRequest(`${upstream}${incoming.url}`, {
      agent,
      method: incoming.method ?? "GET",
      // The host's name is signed, so it stays the proxy's.
      headers,
      setDefaultHeaders: false,
    });
    const answered = once(onward, "response");
    await Promise.all([answered, pipeline(incoming, onward)]);
    const [answer] = (await answered) as [IncomingMessage];
    const delayMs = LISTINGS.has(operation) ? latency.listingPageMs : latency.otherMs;
    if (delayMs > 0) await sleep(delayMs);
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    await pipeline(answer, outgoing);
    if (UPLOADS.has(operation)) lastUploadMs = Date.now();
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    begin(chosen) {
      latency = chosen;
      counts = {};
      lastUploadMs = undefined;
    },
    counts: () => ({ ...counts }),
    lastUploadMs: () => lastUploadMs,
    close() {
      server.closeAllConnections();
      server.close();
      agent.destroy();
    },
  };
}

/**
 * A proxy in front of the engine that makes what networks and services do wrong. The agent reaches it by
 * AWS_ENDPOINT_URL, over TLS with the engine's own certificate; requests go on as they are, signatures included.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request as newRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { liveEngine } from "#test/live-engine.ts";
import { whatIsAsked } from "#test/what-is-asked.ts";

interface Scope {
  after(hook: () => void): void;
}

/** A request as it passes. */
export interface Passing {
  /** As AWS calls it: "PutObject", "ListObjectsV2", "SendMessage". */
  readonly operation: string;
  /** The how many-th with this operation, from 1 on. */
  readonly count: number;
  /** The key of an object, "" for a bucket or a queue. */
  readonly key: string;
  readonly body: Buffer;
}

/** What the engine answered. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

export type Fault =
  /** The engine is not asked. */
  | { readonly answer: Answer }
  /** Likewise, and the answer is an error as the service would tell it. */
  | { readonly refuse: string; readonly status: number }
  /** The engine's answer is replaced by one made of it. */
  | { readonly change: (answer: Answer) => Answer }
  /** The connection is cut: before the engine is asked, after it has answered, or in the middle of its answer. */
  | { readonly cut: "before" | "after" | "within" }
  /** Neither is the engine asked nor does an answer come. */
  | { readonly silent: true };

export interface FaultProxy {
  /** For the agent's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Which operations passed, in their order. */
  readonly passed: readonly string[];
  /** Resolves when nothing is on its way to the engine, so that no late request changes what is looked at then. */
  settled(): Promise<void>;
}

/** @param faultOf decides about each request; what it does before it resolves happens before the request goes on */
export async function startFaultProxy(
  scope: Scope,
  faultOf: (passing: Passing) => Fault | undefined | Promise<Fault | undefined>,
): Promise<FaultProxy> {
  const { environment } = liveEngine();
  const tls = dirname(environment.NODE_EXTRA_CA_CERTS);
  const agent = new Agent({ ca: readFileSync(environment.NODE_EXTRA_CA_CERTS), keepAlive: true });
  const passed: string[] = [];
  const counts = new Map<string, number>();
  const serving = new Set<Promise<void>>();

  const server = createServer(
    { cert: readFileSync(join(tls, "server.pem")), key: readFileSync(join(tls, "server.key")) },
    (incoming, outgoing) => {
      const { operation, key } = whatIsAsked(incoming);
      passed.push(operation);
      const count = (counts.get(operation) ?? 0) + 1;
      counts.set(operation, count);
      const served = serve(incoming, outgoing, { operation, key, count })
        .catch(() => void incoming.socket.destroy())
        .finally(() => serving.delete(served));
      serving.add(served);
    },
  );

  async function serve(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    head: Omit<Passing, "body">,
  ): Promise<void> {
    const body = await buffer(incoming);
    const fault = await faultOf({ ...head, body });
    if (fault !== undefined && "silent" in fault) return;
    if (fault !== undefined && "cut" in fault && fault.cut === "before") return void incoming.socket.destroy();
    if (fault !== undefined && "answer" in fault) return void tell(outgoing, fault.answer);
    if (fault !== undefined && "refuse" in fault) {
      const isQueue = incoming.headers["x-amz-target"] !== undefined;
      const body = isQueue ? JSON.stringify({ __type: fault.refuse }) : errorDocument(fault.refuse);
      return void tell(outgoing, { status: fault.status, body });
    }

    const onward = newRequest(`${environment.AWS_ENDPOINT_URL}${incoming.url}`, {
      agent,
      method: incoming.method ?? "GET",
      // The host's name is signed, so it stays the proxy's.
      headers: incoming.headers,
      setDefaultHeaders: false,
    });
    onward.end(body);
    const [answer] = (await once(onward, "response")) as [IncomingMessage];
    const answered = await buffer(answer);
    if (fault !== undefined && "cut" in fault) {
      if (fault.cut === "within") {
        outgoing.writeHead(answer.statusCode ?? 200, { ...answer.headers, "content-length": answered.length });
        await new Promise((written) => outgoing.write(answered.subarray(0, answered.length / 2), written));
      }
      return void incoming.socket.destroy();
    }
    if (fault !== undefined && "change" in fault) {
      return void tell(outgoing, fault.change({ status: answer.statusCode ?? 200, body: answered.toString() }));
    }
    outgoing.writeHead(answer.statusCode ?? 200, answer.headers);
    outgoing.end(answered);
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  scope.after(() => {
    server.closeAllConnections();
    server.close();
    agent.destroy();
  });
  return {
    environment: { AWS_ENDPOINT_URL: `https://127.0.0.1:${(server.address() as AddressInfo).port}` },
    passed,
    async settled() {
      while (serving.size > 0) await Promise.all(serving);
    },
  };
}

export function errorDocument(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>as the test wants</Message></Error>`;
}

function tell(outgoing: ServerResponse, { status, body }: Answer): void {
  outgoing.writeHead(status, { "content-type": "application/xml", "content-length": Buffer.byteLength(body) });
  outgoing.end(body);
}

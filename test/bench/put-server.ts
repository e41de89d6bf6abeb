/** A server in a process of its own that takes every put, reads it and answers at once. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CERTIFICATE_VARIABLE, KEY_VARIABLE, startServerProcess } from "./server-process.ts";

/** @param tls whether it speaks TLS */
export function startPutServer(tls = false): Promise<{ stop(): void }> {
  return startServerProcess(`(${serve})("${KEY_VARIABLE}", "${CERTIFICATE_VARIABLE}")`, tls);
}

/** Runs there, and so may use nothing of this module. */
function serve(keyVariable: string, certificateVariable: string): void {
  const { [keyVariable]: key, [certificateVariable]: cert } = process.env;
  const take = (request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    request.on("end", () => {
      response.writeHead(200, { etag: '"d41d8cd98f00b204e9800998ecf8427e"', "content-length": 0 }).end();
    });
  };
  const server =
    key === undefined || cert === undefined
      ? process.getBuiltinModule("node:http").createServer(take)
      : process.getBuiltinModule("node:https").createServer({ key, cert }, take);
  process.on("disconnect", () => process.exit());
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
}

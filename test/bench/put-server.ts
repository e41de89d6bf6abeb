/** A server in a process of its own that takes every put, reads it and answers at once. */
import type { AddressInfo } from "node:net";
import { startServerProcess } from "./server-process.ts";

export function startPutServer(): Promise<{ stop(): void }> {
  return startServerProcess(`(${serve})()`);
}

/** Runs there, and so may use nothing of this module. */
function serve(): void {
  const server = process.getBuiltinModule("node:http").createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      response.writeHead(200, { etag: '"d41d8cd98f00b204e9800998ecf8427e"', "content-length": 0 }).end();
    });
  });
  process.on("disconnect", () => process.exit());
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
}

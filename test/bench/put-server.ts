/** A server in a process of its own that takes every put, reads it and answers at once. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

/** Starts it, and points the standard AWS settings of this process to it. */
export async function startPutServer(): Promise<{ stop(): void }> {
  // As text, for this module may be part of a bundle.
  const child = spawn(process.execPath, ["--eval", `(${serve})()`], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const [port] = await once(child, "message");
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "example",
  });
  return { stop: () => void child.kill() };
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

/** An HTTP server in a process of its own, so that what it takes is not counted as its client's. */
import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Starts it, and points the standard AWS settings of this process to it.
 *
 * @param program as text, for the caller may be part of a bundle; it sends its port to its parent once it listens
 */
export async function startServerProcess(program: string): Promise<{ stop(): void }> {
  const child = spawn(process.execPath, ["--eval", program], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const [port] = await once(child, "message");
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "example",
  });
  return { stop: () => void child.kill() };
}

/** Starts a run on the real ports, once no other run is there and its source is seen to be, and closes them after it. */
import { realpath } from "node:fs/promises";
import { hostname } from "node:os";
import { resolve } from "node:path";
import type { Target } from "#shared/target.ts";
import { explain } from "./aws-errors.ts";
import { s3Endpoint } from "./aws-settings.ts";
import { checkSource } from "./check-source.ts";
import { connect } from "./connect.ts";
import { disk } from "./disk.ts";
import type { Outcome } from "./exit-code.ts";
import type { Log } from "./log.ts";
import { collectEarly } from "./memory.ts";
import { openPorts, throwIfInterrupted } from "./open-ports.ts";
import type { Options } from "./options.ts";
import { PACKAGE_VERSION } from "./package-version.ts";
import type { Phase } from "./phase.ts";
import { run } from "./run.ts";
import { findHomeDirectory, stateDirectory } from "./state-directory.ts";
import { lockTarget } from "./target-lock.ts";

export async function start(
  options: Options,
  log: Log,
  signal: AbortSignal,
  enter: (phase: Phase) => void,
): Promise<Outcome> {
  collectEarly();
  const state = stateDirectory({ environment: process.env, homeDirectory: findHomeDirectory() });
  const holder = { processId: process.pid, started: new Date().toISOString(), directory: resolve(options.sourceDir) };
  // Before the source is looked at: on a file server that does not answer, each night's run would wait beside the others.
  // A check may run at any time: it neither sends nor deletes, and must not keep a backup from its work.
  using _lock = options.verifyOnly
    ? undefined
    : lockTarget({ target: options.target, stateDirectory: state, holder }, log);
  // The run looks again, but by then the queue has been asked for.
  await checkSource(options, disk);
  const directory = await realpath(options.sourceDir);
  const connections = connect(log);
  try {
    const ports = await openPorts({
      target: options.target,
      queueUrl: options.queueUrl,
      stateDirectory: state,
      connections,
      signal,
      log,
    });
    return await run(options, ports, log, {
      endpoint: await findEndpoint(options.target),
      host: hostname(),
      directory,
      agentVersion: PACKAGE_VERSION,
      check: () => throwIfInterrupted(signal),
      enter,
    });
  } finally {
    connections.close();
  }
}

async function findEndpoint({ bucket }: Target): Promise<string> {
  try {
    return await s3Endpoint();
  } catch (error) {
    const resource = `arn:aws:s3:::${bucket}`;
    throw explain(error, {
      operation: "find the endpoint of",
      subject: `s3://${bucket}`,
      action: "s3:ListBucket",
      resource,
    });
  }
}

/** The run, top to bottom. */
import { Failure } from "./errors.ts";
import type { Outcome } from "./exit-code.ts";
import type { Log } from "./log.ts";
import type { Options } from "./options.ts";

export async function run(options: Options, _log: Log, _signal: AbortSignal): Promise<Outcome> {
  throw new Failure({
    outcome: "failed",
    operation: "sync",
    subject: options.sourceDir,
    reason: "not there yet",
    hint: "Wait for the next version.",
  });
}

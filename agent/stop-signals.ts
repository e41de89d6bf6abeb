/**
 * From the signals that end a process to an AbortSignal: the first one asks the run to stop and clean up, a second one
 * or too long a clean-up ends the process at once. Knows nothing of the run.
 */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
// The limit on every clean-up (aborting multipart uploads): whoever sends SIGTERM sends SIGKILL soon after.
const CLEAN_UP_LIMIT_MS = 10_000;

export interface StopSignals extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * @param onStop told of the first signal, by name
 * @param endNow ends the process; told why, as a sentence
 */
export function listenForStop(
  onStop: (name: string) => void,
  endNow: (why: string) => void,
  cleanUpLimitMs = CLEAN_UP_LIMIT_MS,
): StopSignals {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const listener = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      endNow(`Interrupted again by ${name}: ended without cleaning up.`);
      return;
    }
    onStop(name);
    timer = setTimeout(
      () => endNow(`Still cleaning up after ${cleanUpLimitMs / 1_000} seconds: ended.`),
      cleanUpLimitMs,
    );
    controller.abort(new Error(`interrupted by ${name}`));
  };
  for (const name of SIGNALS) process.on(name, listener);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const name of SIGNALS) process.off(name, listener);
    },
  };
}

/**
 * Whether a run's exit code, with `--detailed-exit-codes`, is the truth, given what was done to the run and what tree and
 * bucket hold after it. Nothing else changes either of them meanwhile. Pure.
 *
 *   code      is true
 *   0         when the bucket holds exactly what the tree holds
 *   5         when it was told to stop
 *   7         when the bucket holds something else, or did when another one ran at the same time
 *   10        when another one ran at the same time
 *   4 6 8 12  when something was done to it that no trying again gets over
 *   9         the same, and something is missing in the bucket, or was then
 *   SIGKILL   when it was killed
 *   SIGTERM   when it was told to stop before it listened
 *   others    never here
 */
export interface Ran {
  /** Or the name of the signal that ended it. */
  readonly code: number | string;
  /** What was sent to it, if anything. */
  readonly signal: "SIGTERM" | "SIGKILL" | undefined;
  readonly alone: boolean;
  /** Whether there were faults that no trying again gets over. */
  readonly lasting: boolean;
  /** How tree and bucket differ, one line each. */
  readonly differences: readonly string[];
}

/** What is wrong with it, or undefined. */
export function untruth({ code, signal, alone, lasting, differences }: Ran): string | undefined {
  const differs = differences.length > 0;
  switch (code) {
    case 0:
      return differs ? "exit 0, but the bucket does not hold what the tree holds" : undefined;
    case 5:
      return signal === "SIGTERM" ? undefined : "exit 5, but nobody interrupted it";
    case 7:
      return differs || !alone ? undefined : "exit 7, but the bucket holds what the tree holds";
    case 10:
      return alone ? "exit 10, but no other run was there" : undefined;
    case 4:
    case 6:
    case 8:
    case 12:
      return lasting ? undefined : `exit ${code}, but all that went wrong would have passed`;
    case 9:
      return lasting && (differs || !alone) ? undefined : "exit 9, but nothing that it should have sent is missing";
    case "SIGKILL":
      return signal === "SIGKILL" ? undefined : "ended by SIGKILL, which was not sent: it hung, or had no memory";
    case "SIGTERM":
      return signal === "SIGTERM" ? undefined : "ended by SIGTERM, which was not sent";
    default:
      return `exit ${code}, for which nothing was done`;
  }
}

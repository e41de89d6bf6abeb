/** How a run ended, from its report and its tally. Pure: the one place that decides it. */
import type { Report } from "#shared/report.ts";
import type { Outcome } from "./exit-code.ts";
import type { Tally } from "./tally.ts";

/**
 *   verdict    source                               outcome
 *   match      every entry read and sent            success
 *   match      some vanished or skipped by rule     success
 *   match      some without a possible key, -w      success
 *   match      some not read or not sent            incomplete
 *   mismatch   any                                  mismatch
 *   error      any                                  no-verdict
 */
export function outcomeOf(report: Report, tally: Tally, ignoreWarnings: boolean): Outcome {
  if (report.verdict === "error") return "no-verdict";
  if (report.verdict === "mismatch") return "mismatch";
  const { unstable, unreadable, unrepresentable, failed } = tally.counts;
  const left = unstable + unreadable + failed + (ignoreWarnings ? 0 : unrepresentable);
  return left > 0 ? "incomplete" : "success";
}

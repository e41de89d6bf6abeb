/** How a run ended, from its report and its tally. Pure: the one place that decides it. */
import type { Report } from "#shared/report.ts";
import type { Outcome } from "./exit-code.ts";
import type { State, Tally } from "./tally.ts";

/** More than these, and than this share of all, are no ordinary coming and going: a file system may have been removed. */
const FEW_VANISHED = 10;
const ORDINARY_VANISHED_SHARE = 0.1;

/**
 *   verdict    source                               outcome
 *   match      every entry read and sent            success
 *   match      a few vanished, or skipped by rule   success
 *   match      some without a possible key, -w      success
 *   match      some not read or not sent            incomplete
 *   match      over 10, and over 10 %, vanished     incomplete
 *   mismatch   any                                  mismatch
 *   error      any, the validator is too old        configuration
 *   error      any, or the agent is                 configuration
 *   error      any, for another reason              no-verdict
 */
export function outcomeOf(report: Report, tally: Tally, ignoreWarnings: boolean): Outcome {
  if (report.verdict === "error") return report.skew ? "configuration" : "no-verdict";
  if (report.verdict === "mismatch") return "mismatch";
  return incompleteStates(tally, ignoreWarnings).length > 0 ? "incomplete" : "success";
}

/** The states whose entries make a run incomplete. */
export function incompleteStates({ counts, entries }: Tally, ignoreWarnings: boolean): State[] {
  const states: State[] = ["unstable", "unreadable", "failed"];
  if (!ignoreWarnings) states.push("unrepresentable");
  if (counts.vanished > FEW_VANISHED && counts.vanished > entries * ORDINARY_VANISHED_SHARE) states.push("vanished");
  return states.filter((state) => counts[state] > 0);
}

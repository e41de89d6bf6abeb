/**
 * What a run is at, and what holds of it when it is interrupted there: the line that the user reads then. Pure.
 *
 * Nothing is deleted before all is uploaded, and what was uploaded is remembered, so the same command goes on each time.
 */

/** In the order of a run; the last three may come again, in the pass that repairs. */
const PHASES = {
  preparing: { at: "preparing", holds: "nothing was sent or deleted." },
  uploading: { at: "uploading", holds: "what was sent stays; run again to go on from there." },
  deleting: { at: "deleting", holds: "all is uploaded; run again to delete the rest." },
  awaiting: { at: "waiting for the report", holds: "what was sent stays; -v checks it." },
  repairing: { at: "repairing", holds: "what was sent stays; run again to mend the rest." },
} as const;

export type Phase = keyof typeof PHASES;

export function interruptionLine(phase: Phase, verifyOnly: boolean): string {
  const { at, holds } = PHASES[phase];
  if (!verifyOnly) return `Interrupted while ${at}: ${holds}`;
  return `Interrupted while ${phase === "uploading" ? "comparing" : at}: nothing was sent or deleted.`;
}

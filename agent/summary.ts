/** The last lines of a run, for people: verdict first, then what was done, what was not, and where the report lies. */
import { type Finding, type Report, reportKey } from "#shared/report.ts";
import { type Target, targetUrl } from "#shared/target.ts";
import { bytesText, counted } from "./amounts.ts";
import type { Outcome } from "./exit-code.ts";
import { sourceText } from "./last-run.ts";
import { incompleteStates } from "./outcome.ts";
import { STATES, type State, type Tally } from "./tally.ts";
import { wrap } from "./wrap.ts";

/** How many findings, problems and repairs are shown by name. */
const MAX_SHOWN = 20;

const FINDING_WORDS: Record<Finding["kind"], string> = {
  missing: "missing in the bucket",
  "size-differs": "of another size in the bucket",
  "etag-differs": "of other content in the bucket",
  unexpected: "in the bucket, not in the source",
};

export interface Summary {
  readonly target: Target;
  readonly outcome: Outcome;
  readonly report: Report;
  /** Of the first pass: what this run did. */
  readonly tally: Tally;
  /** Of the pass that repaired, if there was one. */
  readonly repair: Tally | undefined;
  /** Whether the source could be read as a whole; otherwise nothing is deleted. */
  readonly isWhole: boolean;
  /** Whether the source has no file at all; then a run stops before it deletes, unless that was allowed. */
  readonly isEmpty: boolean;
  readonly ignoreWarnings: boolean;
  readonly verifyOnly: boolean;
  /** The source that synced to the target last, where that is another one: only a check gets as far. */
  readonly owner?: Report["source"] | undefined;
}

/** Lines for the screen and the log; the faults first, so that the verdict stands last. */
export interface SummaryLines {
  readonly faults: readonly string[];
  readonly results: readonly string[];
}

export function summaryLines(summary: Summary): SummaryLines {
  const { report, target, outcome, tally, repair } = summary;
  const faults = [
    ...findingLines(report),
    ...problemLines(repair ?? tally, summary.ignoreWarnings),
    ...errorLines(report),
  ];
  const results = [
    verdictLine(summary, targetUrl(target)),
    sourceLine(tally),
    `Bucket: ${bucketText(report, tally)}, ${tally.deleted} deleted.`,
    ...repairLines(tally, repair),
    ...ownerLines(summary),
    ...(outcome === "mismatch" ? wrap(`Next: ${advice(summary)}`) : []),
    `Report: s3://${target.bucket}/${reportKey(target.keyPrefix, report.run)}`,
  ];
  return { faults, results };
}

/** The same of a run whose report did not come or cannot be believed: what was done all the same. */
export function uncheckedLines({
  target,
  tally,
  repair,
  ignoreWarnings,
}: Pick<Summary, "target" | "tally" | "repair" | "ignoreWarnings">): SummaryLines {
  return {
    faults: problemLines(repair ?? tally, ignoreWarnings),
    results: [
      `Verdict: NONE. Nobody has checked ${targetUrl(target)}.`,
      sourceLine(tally),
      `Bucket: not checked, ${tally.deleted} deleted.`,
      ...repairLines(tally, repair),
    ],
  };
}

function sourceLine(tally: Tally): string {
  return `Source: ${counted(tally.entries, "entry", "entries")} (${bytesText(tally.fileBytes)}): ${stateText(tally)}.`;
}

/** What the second run did, which the lines above leave out; and what of both was a repair. */
function repairLines(tally: Tally, repair: Tally | undefined): string[] {
  const second = repair && `Second run: ${repair.counts.uploaded} uploaded, ${repair.deleted} deleted.`;
  const repairs = [...tally.repairs, ...(repair?.repairs ?? [])];
  const count = tally.repairCount + (repair?.repairCount ?? 0);
  const done = second === undefined ? [] : [second];
  if (count === 0) return done;
  return [
    ...done,
    `Repaired ${counted(count, "object")} in the bucket:`,
    ...repairs.slice(0, MAX_SHOWN).map(({ kind, path }) => `  ${kind}: [${path}]`),
    ...(count > MAX_SHOWN ? [`  and ${count - MAX_SHOWN} more, in the log`] : []),
  ];
}

/** Who checks a wrong directory, or on a wrong host, sees it here. */
function ownerLines({ owner, verifyOnly }: Summary): string[] {
  if (owner === undefined || !verifyOnly) return [];
  return wrap(`Note: the last sync there was of another source, ${sourceText(owner)}.`);
}

function verdictLine({ outcome, report, tally, repair, ignoreWarnings, verifyOnly }: Summary, url: string): string {
  switch (outcome) {
    case "success":
      if (report.totals.matched === 0) return `Verdict: match. There is no file to find in ${url}.`;
      return `Verdict: match. The validator found ${allFiles(report.totals.matched)} in ${url} as ${verifyOnly ? "in the source" : "sent"}.`;
    case "incomplete":
      return `Verdict: match, but incomplete: ${counted(problemCount(repair ?? tally, ignoreWarnings), "entry", "entries")} of the source could not be synced.`;
    case "mismatch":
      return `Verdict: MISMATCH. ${url} does not hold what the source holds.`;
    default:
      return `Verdict: NONE. The validator could not check ${url}.`;
  }
}

/** What to do about a mismatch. */
function advice({ report, isWhole, isEmpty, verifyOnly, owner }: Summary): string {
  if (verifyOnly && owner !== undefined)
    return "of the two sources, run the right one without --verifyOnly; this one only with --take-over.";
  const { unexpected } = report.totals;
  const objects = counted(unexpected, "object");
  const isWithheld = !isWhole && unexpected > 0 && report.extras === "mismatch";
  if (isWithheld && verifyOnly)
    return `make the source readable as a whole, then run without --verifyOnly; until then ${objects} would stay.`;
  if (isWithheld) return `${objects} stayed, for the source could not be read as a whole; make it readable.`;
  if (verifyOnly && isEmpty)
    return "check that the source is mounted, for it has no file; a run without --verifyOnly stops before it deletes anything, unless --allow-empty-source is given.";
  if (verifyOnly) return "a run without --verifyOnly repairs it.";
  return "see who else writes there, then run again; one repair was tried.";
}

function allFiles(count: number): string {
  return count === 1 ? "the one file" : `all ${count} files`;
}

/** As many as make a run incomplete. */
function problemCount(tally: Tally, ignoreWarnings: boolean): number {
  return incompleteStates(tally, ignoreWarnings).reduce((sum, state) => sum + tally.counts[state], 0);
}

function findingLines({ findings, totals, verdict, extras }: Report): string[] {
  if (verdict === "match") return [];
  // Upload-only lists what is extra in the report; here only what makes the mismatch.
  const told = findings.filter(({ kind }) => extras === "mismatch" || kind !== "unexpected");
  const all =
    totals.missing + totals.sizeDiffers + totals.etagDiffers + (extras === "mismatch" ? totals.unexpected : 0);
  const lines = told.slice(0, MAX_SHOWN).map(({ kind, path }) => `[${path}] is ${FINDING_WORDS[kind]}.`);
  if (all > lines.length)
    lines.push(`and ${totals.unexpectedAtLeast ? "at least " : ""}${all - lines.length} more: see the report.`);
  return lines;
}

/** Versions that do not fit are the same for all shards. */
function errorLines({ errors, skew }: Report): string[] {
  if (skew) return errors.slice(0, 1).map(({ reason }) => `Not checked: ${reason}.`);
  return errors.slice(0, MAX_SHOWN).map(({ shard, reason }) => `Shard ${shard} was not checked: ${reason}.`);
}

function problemLines(tally: Tally, ignoreWarnings: boolean): string[] {
  const states = incompleteStates(tally, ignoreWarnings);
  const told = tally.problems.filter(({ state }) => states.includes(state));
  const lines = told.slice(0, MAX_SHOWN).map(({ name, reason }) => `Not synced: [${name}]: ${reason}.`);
  const others = problemCount(tally, ignoreWarnings) - lines.length;
  if (others > 0) lines.push(`and ${others} more, in the log.`);
  return lines;
}

function stateText(tally: Tally): string {
  const shown = (Object.keys(STATES) as State[]).filter(
    (state) => state === "uploaded" || state === "unchanged" || tally.counts[state] > 0,
  );
  return shown.map((state) => `${tally.counts[state]} ${STATES[state]}`).join(", ");
}

/** The bytes only where they are not those of the source, which stand in the line above. */
function bucketText({ totals }: Report, { fileBytes }: Tally): string {
  const bytes = totals.matchedBytes === fileBytes ? "" : ` (${bytesText(totals.matchedBytes)})`;
  const unexpected = `${totals.unexpectedAtLeast ? "at least " : ""}${totals.unexpected} unexpected`;
  return `${totals.matched} matched${bytes}, ${totals.missing} missing, ${
    totals.sizeDiffers + totals.etagDiffers
  } different, ${unexpected}`;
}

/**
 * Which prefixes have fallen silent: no run was verified for them, with any verdict, within the time allowed. Checks are
 * none, unless a prefix never had anything else. Pure: it knows neither S3 nor the clock.
 */
import type { Verdict } from "#shared/report.ts";
import type { Watch } from "#shared/watch.ts";

/** The last run that a status tells of. */
export interface LastRun {
  readonly run: string;
  readonly verdict: Verdict;
  readonly host: string;
  /** When the validator had looked at the bucket for it, by its own clock, in milliseconds since 1970. */
  readonly listedMs: number;
}

/** What is known of a prefix. */
export interface Heard {
  readonly prefix: string;
  /** Undefined when its status is damaged: nothing is known then, which is no sign of life. */
  readonly last: LastRun | undefined;
}

interface Silent {
  readonly prefix: string;
  readonly reason: "no run lately" | "no run ever" | "its status is damaged";
  /** Since the last run, to a tenth; null when none is known. */
  readonly hours: number | null;
  readonly last?: Omit<LastRun, "listedMs">;
}

export interface Silence {
  /** How many prefixes were looked at. */
  readonly watched: number;
  /** In the order of the statuses, then what has none. */
  readonly silent: readonly Silent[];
}

const HOUR_MS = 3_600_000;

/**
 *   status of a prefix                      prefixes named       no prefixes named
 *   last run within maxSilence              fine                 fine
 *   last run before that                    silent               silent
 *   damaged                                 silent               silent
 *   none, nor any below                     silent               not known, so not watched
 *   outside of the prefixes named           ignored              –
 *   unwatched, or below what is             ignored              ignored
 */
export function findSilent(watch: Watch, heard: readonly Heard[], now: Date): Silence {
  const { prefixes, unwatched, maxSilenceHours } = watch;
  const isWatched = (prefix: string) => !unwatched.some((retired) => covers(retired, prefix));
  const expected = prefixes?.filter(isWatched);
  const statuses = heard.filter(
    ({ prefix }) => isWatched(prefix) && (expected?.some((one) => prefix.startsWith(one)) ?? true),
  );
  const neverHeard = (expected ?? []).filter((one) => !statuses.some(({ prefix }) => prefix.startsWith(one)));

  const silent: Silent[] = [];
  for (const { prefix, last } of statuses) {
    if (last === undefined) {
      silent.push({ prefix, reason: "its status is damaged", hours: null });
      continue;
    }
    const { listedMs, ...run } = last;
    const silentMs = now.getTime() - listedMs;
    if (silentMs > maxSilenceHours * HOUR_MS)
      silent.push({ prefix, reason: "no run lately", hours: Math.round((silentMs / HOUR_MS) * 10) / 10, last: run });
  }
  for (const prefix of neverHeard) silent.push({ prefix, reason: "no run ever", hours: null });
  return { watched: statuses.length + neverHeard.length, silent };
}

/** Everything lies below the empty prefix: whoever retires the whole bucket's status does not mean its hosts. */
function covers(retired: string, prefix: string): boolean {
  return retired === "" ? prefix === "" : prefix.startsWith(retired);
}

/**
 * All statuses of the bucket, each as far as it can be read. One that is damaged is told, one that S3 refuses is told
 * apart from it: of the first nothing is known, of the second it may be known the next time.
 */
import { STATUS_PREFIX } from "#shared/names.ts";
import { decodeStatus, latestSync, statusKey, statusPrefix } from "#shared/status.ts";
import { ReportError } from "#shared/versioned.ts";
import { BucketError } from "./bucket.ts";
import type { BucketPort } from "./ports.ts";
import type { Heard, LastRun } from "./silence.ts";

const READS_AT_ONCE = 16;

export interface Unusable {
  readonly key: string;
  readonly reason: string;
}

export interface Statuses {
  /** In key order, damaged ones included. */
  readonly heard: readonly Heard[];
  readonly damaged: readonly Unusable[];
  /** S3 did not give them. */
  readonly unread: readonly Unusable[];
}

/** @throws {BucketError | ListingError} when they cannot be listed */
export async function readStatuses(bucket: BucketPort): Promise<Statuses> {
  const heard: Heard[] = [];
  const damaged: Unusable[] = [];
  const unread: Unusable[] = [];
  const keys = (await bucket.keysFrom(STATUS_PREFIX)).flatMap((key) => {
    const prefix = statusPrefix(key);
    return prefix === undefined ? [] : [{ key, prefix }];
  });

  async function readOne(key: string, prefix: string): Promise<Heard | undefined> {
    try {
      const stored = await bucket.read(key);
      // Deleted since it was listed, which only an administrator can do: as if it had never been.
      return stored && { prefix, last: lastRun(stored.text, key) };
    } catch (error) {
      if (error instanceof ReportError) {
        damaged.push({ key, reason: error.message });
        return { prefix, last: undefined };
      }
      if (!(error instanceof BucketError)) throw error;
      unread.push({ key, reason: error.message });
      return undefined;
    }
  }

  for (let start = 0; start < keys.length; start += READS_AT_ONCE) {
    const some = keys.slice(start, start + READS_AT_ONCE).map(({ key, prefix }) => readOne(key, prefix));
    for (const one of await Promise.all(some)) if (one !== undefined) heard.push(one);
  }
  return { heard, damaged, unread };
}

/** @throws {ReportError} when the text is not the status of this key */
function lastRun(text: string, key: string): LastRun {
  const status = decodeStatus(text);
  const { prefix } = status;
  if (statusKey(prefix) !== key) throw new ReportError(`the status is about another prefix, [${prefix}]`);
  // A check is no backup. Where there were only checks, they are what must go on.
  const latest = latestSync(status) ?? status.latest;
  const listedMs = Date.parse(latest.listedThrough);
  if (Number.isNaN(listedMs)) throw new ReportError("the status tells no time");
  return { run: latest.run, verdict: latest.verdict, host: latest.source.host, listedMs };
}

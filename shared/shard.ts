/**
 * Shards: contiguous ranges of keys that tile a target. No gap, no overlap; the first begins before every key, the last
 * ends after every key, so that every object, expected or not, falls in exactly one.
 */
import { type Entry, isUnknown } from "#shared/entry.ts";
import { compareKeys, keyBytes, lastKeyBelow, MAX_KEY_BYTES } from "#shared/key.ts";

/** The paths p with `after` < p ≤ `through`, in key order. */
export interface PathRange {
  /** null: before every path. */
  readonly after: string | null;
  /** null: after every path. */
  readonly through: string | null;
}

export interface ShardRange extends PathRange {
  /** 0 for the first shard of a run. */
  readonly index: number;
  /** Whether this is the run's last shard; only then is `through` null. Tells how many shards there are. */
  readonly last: boolean;
}

export interface Shard<E extends Entry> {
  readonly range: ShardRange;
  readonly entries: readonly E[];
}

/** Most entries in a shard: what one validator lists and compares well within its time. */
export const MAX_SHARD_ENTRIES = 20_000;

/** Whether a path falls into a range. */
export function inRange(range: PathRange, path: string): boolean {
  return (
    (range.after === null || compareKeys(range.after, path) < 0) &&
    (range.through === null || compareKeys(path, range.through) <= 0)
  );
}

/** Answers, of each next entry, whether it still fits into the shard that is being filled. */
export interface ShardScale<E extends Entry> {
  /** Weighs an entry; false when it must begin the next shard. The first entry of a shard always fits. */
  fits(entry: E): boolean;
}

/**
 * Cuts an ascending stream, whose entries arrive some at a time, into shards. There is always at least one, so that an
 * empty source is compared too.
 *
 * @param newScale makes the scale for one shard
 * @param keyPrefix of the target; together with it a range's bounds are still keys
 */
export async function* cutIntoShards<E extends Entry>(
  entries: AsyncIterable<readonly E[]>,
  newScale: () => ShardScale<E>,
  keyPrefix: string,
): AsyncGenerator<Shard<E>, void, undefined> {
  let index = 0;
  let after: string | null = null;
  let shard: E[] = [];
  let scale = newScale();
  for await (const batch of entries) {
    for (const entry of batch) {
      const previous = shard.at(-1);
      const fits = scale.fits(entry);
      if (previous !== undefined && !fits) {
        const through = boundaryAfter(previous, keyPrefix);
        yield { range: { index, after, through, last: false }, entries: shard };
        index += 1;
        after = through;
        shard = [];
        scale = newScale();
        scale.fits(entry);
      }
      shard.push(entry);
    }
  }
  yield { range: { index, after, through: null, last: true }, entries: shard };
}

/**
 * Where a shard ends that has this as its last entry. An unknown directory stands for all that lies below it, which
 * must then fall into the same shard: the next one knows nothing of that directory.
 */
function boundaryAfter(entry: Entry, keyPrefix: string): string {
  const directory = isUnknown(entry) && entry.path.endsWith("/");
  return directory ? lastKeyBelow(entry.path, MAX_KEY_BYTES - keyBytes(keyPrefix)) : entry.path;
}

/** Why ranges, in the order of their index, do not tile the target, or undefined when they do. */
export function tilingFault(ranges: readonly ShardRange[]): string | undefined {
  if (ranges.length === 0) return "there is no shard";
  let previous: ShardRange | undefined;
  for (const [position, range] of ranges.entries()) {
    if (range.index !== position) return `shard ${position} is missing`;
    if (range.after !== (previous === undefined ? null : previous.through))
      return `shard ${position} does not begin where the one before it ends`;
    if (range.last !== (position === ranges.length - 1) || range.last !== (range.through === null))
      return `shard ${position} says wrongly whether it is the last`;
    if (range.after !== null && range.through !== null && compareKeys(range.after, range.through) >= 0)
      return `shard ${position} ends before it begins`;
    previous = range;
  }
  return undefined;
}

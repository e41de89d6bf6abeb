/**
 * The objects of a shard's key range, as the comparison needs them: all that may be findings. Two kinds of objects are
 * jumped over once they fill a page, for a range may hold millions of them and must still be checked in time:
 *
 * - those below a directory that the agent could not read: they are never findings;
 * - those between two entries when unexpected objects are no longer counted, as after years of `--uploadOnly`.
 */
import { isUnknown, type ManifestEntry, type ObjectEntry } from "#shared/entry.ts";
import { compareKeys, keyBytes, lastKeyBelow, MAX_KEY_BYTES } from "#shared/key.ts";
import { type Ahead, listAhead, subRanges } from "#shared/list-ahead.ts";
import { listRange, type Page, type PageRequest } from "#shared/listing.ts";
import type { PathRange } from "#shared/shard.ts";
import type { FindingsSink } from "./validate.ts";

/** A page of S3: shorter ways are not worth a jump, which begins a new page. */
const JUMP_AFTER_OBJECTS = 1_000;
/**
 * A page each: the largest shard is three rounds, those of the agent are two. Fifty shards at once then ask for 3,500
 * pages a second at 100 ms each, of the 5,500 that S3 answers for a prefix.
 */
const AHEAD: Ahead = { ranges: 7, objects: 1_000 };

export interface ShardListing {
  readonly fetchPage: (request: PageRequest) => Promise<Page>;
  readonly keyPrefix: string;
  readonly range: PathRange;
  /** In key order, as the manifest has them. */
  readonly entries: readonly ManifestEntry[];
  readonly findings: Pick<FindingsSink, "full">;
}

interface ListingSizes {
  readonly jumpAfterObjects?: number;
  /** How many entries make a range that is listed beside others. */
  readonly rangeEntries?: number;
}

/** Several pages are asked for at once: the manifest's own keys are the borders between them. */
export function listShard(
  listing: ShardListing,
  { jumpAfterObjects = JUMP_AFTER_OBJECTS, rangeEntries }: ListingSizes = {},
): AsyncGenerator<readonly ObjectEntry[], void, undefined> {
  const ranges = subRanges(listing.range, listing.entries, rangeEntries);
  return listAhead(ranges, (range) => listPart({ ...listing, range }, jumpAfterObjects), AHEAD);
}

async function* listPart(
  { fetchPage, keyPrefix, range, entries, findings }: ShardListing,
  jumpAfterObjects: number,
): AsyncGenerator<readonly ObjectEntry[], void, undefined> {
  const maxPathBytes = MAX_KEY_BYTES - keyBytes(keyPrefix);
  let { after } = range;
  // The border may be a directory that the agent could not read: what is below it comes after.
  let position = positionAfter(entries, after);
  for (let jump = true; jump; ) {
    jump = false;
    let objectsSinceEntry = 0;
    for await (const page of listRange(fetchPage, keyPrefix, { after, through: range.through })) {
      yield page;
      for (const { path } of page) {
        objectsSinceEntry += 1;
        for (let next = entries[position]; next !== undefined && compareKeys(next.path, path) <= 0; ) {
          objectsSinceEntry = 0;
          position += 1;
          next = entries[position];
        }
      }
      if (objectsSinceEntry < jumpAfterObjects) continue;
      const [passed, next] = [entries[position - 1], entries[position]];
      if (passed !== undefined && isUnknownDirectory(passed) && page.at(-1)?.path.startsWith(passed.path)) {
        after = lastKeyBelow(passed.path, maxPathBytes);
      } else if (findings.full && next !== undefined) {
        after = pathBefore(next.path, maxPathBytes);
      } else {
        continue;
      }
      jump = true;
      break;
    }
  }
}

/** How many entries a range begins with that are not in it. */
function positionAfter(entries: readonly ManifestEntry[], after: string | null): number {
  let from = 0;
  let to = after === null ? 0 : entries.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (compareKeys(entries[middle]?.path ?? "", after ?? "") > 0) to = middle;
    else from = middle + 1;
  }
  return from;
}

function isUnknownDirectory(entry: ManifestEntry): boolean {
  return isUnknown(entry) && entry.path.endsWith("/");
}

/**
 * The highest path before another one: nothing that S3 can hold lies between the two.
 *
 * @param maxBytes how long a path may be, in UTF-8 bytes
 */
export function pathBefore(path: string, maxBytes: number): string {
  const last = path.codePointAt(path.length - (/[\ud800-\udbff][\udc00-\udfff]$/.test(path) ? 2 : 1)) ?? 0;
  const start = path.slice(0, path.length - (last > 0xffff ? 2 : 1));
  if (last === 0) return start;
  // No character has one of the code points in between: they are the halves of surrogate pairs.
  return lastKeyBelow(start + String.fromCodePoint(last === 0xe000 ? 0xd7ff : last - 1), maxBytes);
}

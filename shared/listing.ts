/**
 * A listing: the objects of one key range, page by page, each page checked before it is believed.
 * Knows nothing of the SDK: agent and validator each bring the call that fetches a page.
 */
import type { ObjectEntry } from "#shared/entry.ts";
import { compareKeys, isReserved, lastKeyBelow } from "#shared/key.ts";
import { RESERVED_PREFIX } from "#shared/names.ts";
import type { PathRange } from "#shared/shard.ts";

/** How many pages in a row may be empty and yet say that more follow. S3 hardly does that; no loop is without end. */
const MAX_EMPTY_PAGES = 1_000;

export interface PageRequest {
  /** Only keys that begin with this. */
  readonly keyPrefix: string;
  /** Only keys after this one; undefined: from the first, or where the token goes on. */
  readonly startAfter: string | undefined;
  readonly token: string | undefined;
}

export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modifiedMs: number;
}

export interface Page {
  readonly objects: readonly ListedObject[];
  /** Whether more pages follow. */
  readonly truncated: boolean;
  readonly nextToken: string | undefined;
}

/** A page that contradicts itself, its request or the page before. What it leaves out may well be in the bucket. */
export class ListingError extends Error {
  override readonly name = "ListingError";
  constructor(reason: string) {
    super(`the listing is not trustworthy: ${reason}`);
  }
}

/**
 * Yields the objects of a range in key order, by their paths, page by page. At the level of a whole bucket the
 * validator's own objects are jumped over, not paged through. It goes on after the last key that it saw, and by the token
 * only after a page without a key: to S3 it is the same, and other servers keep for each token what they then throw away
 * (MinIO: two to four times the CPU of a page).
 *
 * @throws {ListingError} when a page is not to be believed; nothing may then be concluded from what is missing
 */
export async function* listRange(
  fetchPage: (request: PageRequest) => Promise<Page>,
  keyPrefix: string,
  range: PathRange,
): AsyncGenerator<ObjectEntry[], void, undefined> {
  const through = range.through === null ? undefined : keyPrefix + range.through;
  let previous = range.after === null ? undefined : keyPrefix + range.after;
  let startAfter = previous;
  let token: string | undefined;
  let emptyPages = 0;
  while (true) {
    const page = await fetchPage({ keyPrefix, startAfter, token });
    if (page.truncated && page.nextToken === undefined) throw new ListingError("it goes on but gives no token");
    if (page.truncated && page.nextToken === token) throw new ListingError("it repeats its token");
    emptyPages = page.objects.length === 0 ? emptyPages + 1 : 0;
    if (emptyPages > MAX_EMPTY_PAGES) throw new ListingError("it goes on and on without a key");
    const objects: ObjectEntry[] = [];
    let isOver = !page.truncated;
    for (const object of page.objects) {
      if (!object.key.startsWith(keyPrefix)) throw new ListingError("it shows a key outside the prefix");
      if (previous !== undefined && compareKeys(previous, object.key) >= 0)
        throw new ListingError("its keys do not ascend");
      previous = object.key;
      const order = through === undefined ? -1 : compareKeys(object.key, through);
      isOver ||= order >= 0;
      if (order > 0) break;
      if (isReserved(object.key)) continue;
      const { key, sizeBytes, etag, modifiedMs } = object;
      objects.push({ path: key.slice(keyPrefix.length), sizeBytes, etag, modifiedMs });
    }
    if (objects.length > 0) yield objects;
    if (isOver) return;
    const last = page.objects.at(-1)?.key;
    if (last !== undefined && isReserved(last)) previous = lastKeyBelow(RESERVED_PREFIX);
    token = last === undefined ? page.nextToken : undefined;
    startAfter = token === undefined ? previous : undefined;
  }
}

/** What the bucket lists of a shard, for the plan. A listing that cannot be believed ends the run. */
import type { ObjectEntry } from "#shared/entry.ts";
import { type Ahead, listAhead, subRanges } from "#shared/list-ahead.ts";
import { ListingError, listRange, type Page, type PageRequest } from "#shared/listing.ts";
import type { PathRange } from "#shared/shard.ts";
import { type Target, targetUrl } from "#shared/target.ts";
import { Failure } from "./errors.ts";
import type { Ports } from "./ports.ts";
import type { Step } from "./steps.ts";

/**
 * A page each, of the ten or more of a shard, two shards being in flight. Four took longer, ten more memory and no less
 * time.
 */
const AHEAD: Ahead = { ranges: 7, objects: 1_000 };

export interface Listing {
  readonly bucket: Pick<Ports["bucket"], "fetchPage">;
  readonly target: Target;
  /** Throws when the run is to end. */
  readonly check: () => void;
}

/**
 * @param steps of the shard: their paths cut it into ranges that are listed side by side
 * @throws {Failure} when a page is not to be believed
 */
export function listShard(
  range: PathRange,
  steps: readonly Step[],
  listing: Listing,
): AsyncGenerator<readonly ObjectEntry[], void, undefined> {
  return listAhead(subRanges(range, steps), (part) => listPart(part, listing), AHEAD);
}

async function* listPart(
  range: PathRange,
  { bucket, target, check }: Listing,
): AsyncGenerator<readonly ObjectEntry[], void, undefined> {
  const fetchPage = async (page: PageRequest): Promise<Page> => {
    check();
    return bucket.fetchPage(page);
  };
  try {
    yield* listRange(fetchPage, target.keyPrefix, range);
  } catch (cause) {
    if (!(cause instanceof ListingError)) throw cause;
    throw new Failure({
      outcome: "failed",
      operation: "compare with",
      subject: targetUrl(target),
      reason: cause.message,
      hint: "Nothing was deleted because of it. Run again; if this comes back, something changes S3's answers on their way.",
      cause,
    });
  }
}

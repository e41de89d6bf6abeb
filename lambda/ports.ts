/**
 * What a delivery needs of the outside world: bucket and queue, as ports. All but `handler.ts` know only these, so that
 * a simulation can drive the very same code.
 */
import type { Bucket } from "./bucket.ts";
import type { Queue } from "./queue.ts";

/** Errors are `BucketError`, and `ListingError` for a page that is not whole. */
export type BucketPort = Pick<Bucket, keyof Bucket>;

export type QueuePort = Pick<Queue, keyof Queue>;

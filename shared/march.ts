/**
 * The one comparison: two streams of entries in key order walk side by side.
 *
 *   source path   target path   yields
 *   a < b         b             source only
 *   a             a             both
 *   b             a < b         target only
 */
import type { Entry } from "#shared/entry.ts";
import { compareKeys } from "#shared/key.ts";

export type Step<S extends Entry, T extends Entry> =
  | { readonly source: S; readonly target: T }
  | { readonly source: S; readonly target: undefined }
  | { readonly source: undefined; readonly target: T };

/** A stream that is not strictly ascending: nothing that was concluded from it can be trusted. */
export class OrderError extends Error {
  override readonly name = "OrderError";
}

/** Passes a stream on, and stops it with an {@link OrderError} as soon as it does not ascend. */
async function* ascending<E extends Entry>(
  entries: AsyncIterable<E> | Iterable<E>,
  name: string,
): AsyncGenerator<E, void, undefined> {
  let previous: string | undefined;
  for await (const entry of entries) {
    if (previous !== undefined && compareKeys(previous, entry.path) >= 0)
      throw new OrderError(
        `the ${name} does not ascend: ${JSON.stringify(entry.path)} came after ${JSON.stringify(previous)}`,
      );
    previous = entry.path;
    yield entry;
  }
}

/**
 * Yields every path of either stream once, in order.
 *
 * @throws {OrderError} when one of the streams does not ascend
 */
export async function* march<S extends Entry, T extends Entry>(
  source: AsyncIterable<S> | Iterable<S>,
  target: AsyncIterable<T> | Iterable<T>,
): AsyncGenerator<Step<S, T>, void, undefined> {
  const sources = ascending(source, "source");
  const targets = ascending(target, "target");
  try {
    let left = await sources.next();
    let right = await targets.next();
    while (!left.done || !right.done) {
      const order = left.done ? 1 : right.done ? -1 : compareKeys(left.value.path, right.value.path);
      if (order < 0 && !left.done) {
        yield { source: left.value, target: undefined };
        left = await sources.next();
      } else if (order > 0 && !right.done) {
        yield { source: undefined, target: right.value };
        right = await targets.next();
      } else if (!left.done && !right.done) {
        yield { source: left.value, target: right.value };
        left = await sources.next();
        right = await targets.next();
      }
    }
  } finally {
    await sources.return();
    await targets.return();
  }
}

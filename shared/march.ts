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

/** Entries in key order: all of them, or as they arrive, alone or several at a time. */
export type Entries<E extends Entry> = Iterable<E> | AsyncIterable<E | readonly E[]>;

/** Takes entries one after the other, and stops with an {@link OrderError} as soon as they do not ascend. */
class Ascending<E extends Entry> {
  readonly #name: string;
  readonly #source: Iterator<E> | AsyncIterator<E | readonly E[]>;
  /** What has arrived, and how much of it was taken. */
  #batch: readonly E[] = [];
  #taken = 0;
  #previous: string | undefined;

  constructor(entries: Entries<E>, name: string) {
    this.#name = name;
    const isThere = Array.isArray(entries);
    if (isThere) this.#batch = entries;
    const rest: Entries<E> = isThere ? [] : entries;
    this.#source = Symbol.asyncIterator in rest ? rest[Symbol.asyncIterator]() : rest[Symbol.iterator]();
  }

  /** The next entry, undefined after the last: at once where it is there, for a promise costs more than a comparison. */
  next(): E | undefined | Promise<E | undefined> {
    const entry = this.#batch[this.#taken++];
    return entry === undefined ? this.#arriving() : this.#checked(entry);
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #arriving(): Promise<E | undefined> {
    for (;;) {
      const { done, value } = await this.#source.next();
      if (done) return undefined;
      if (!isBatch(value)) return this.#checked(value);
      this.#batch = value;
      this.#taken = 1;
      const [first] = value;
      if (first !== undefined) return this.#checked(first);
    }
  }

  #checked(entry: E): E {
    const { path } = entry;
    if (this.#previous !== undefined && compareKeys(this.#previous, path) >= 0)
      throw new OrderError(
        `the ${this.#name} does not ascend: ${JSON.stringify(path)} came after ${JSON.stringify(this.#previous)}`,
      );
    this.#previous = path;
    return entry;
  }
}

function isBatch<E>(value: E | readonly E[]): value is readonly E[] {
  return Array.isArray(value);
}

/**
 * Yields every path of either stream once, in order.
 *
 * @throws {OrderError} when one of the streams does not ascend
 */
export async function* march<S extends Entry, T extends Entry>(
  source: Entries<S>,
  target: Entries<T>,
): AsyncGenerator<Step<S, T>, void, undefined> {
  const sources = new Ascending(source, "source");
  const targets = new Ascending(target, "target");
  try {
    let left = await sources.next();
    let right = await targets.next();
    while (left !== undefined || right !== undefined) {
      const order = left === undefined ? 1 : right === undefined ? -1 : compareKeys(left.path, right.path);
      if (order < 0 && left !== undefined) yield { source: left, target: undefined };
      else if (order > 0 && right !== undefined) yield { source: undefined, target: right };
      else if (left !== undefined && right !== undefined) yield { source: left, target: right };
      if (order <= 0) {
        const next = sources.next();
        left = next instanceof Promise ? await next : next;
      }
      if (order >= 0) {
        const next = targets.next();
        right = next instanceof Promise ? await next : next;
      }
    }
  } finally {
    await sources.close();
    await targets.close();
  }
}

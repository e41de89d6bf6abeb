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

/** Entries in key order: all of them, or as they arrive, some at a time: to wait for each costs more than to compare. */
export type Entries<E extends Entry> = readonly E[] | AsyncIterable<readonly E[]>;

/** Takes entries one after the other, and stops with an {@link OrderError} as soon as they do not ascend. */
class Ascending<E extends Entry> {
  readonly #name: string;
  readonly #source: AsyncIterator<readonly E[]> | undefined;
  /** What has arrived, and how much of it was passed. */
  #batch: readonly E[] = [];
  #passed = 0;
  #ended = false;
  #previous: string | undefined;

  constructor(entries: Entries<E>, name: string) {
    this.#name = name;
    if (Symbol.asyncIterator in entries) this.#source = entries[Symbol.asyncIterator]();
    else this.#begin(entries);
  }

  /** Whether the next entry is there, or none comes any more. */
  get isReady(): boolean {
    return this.#passed < this.#batch.length || this.#ended;
  }

  /** The next entry, once that is ready; undefined after the last. */
  get next(): E | undefined {
    return this.#batch[this.#passed];
  }

  /** Goes on to the entry after the next one. */
  pass(): void {
    this.#passed += 1;
    this.#check();
  }

  /** Waits until the next entry is ready. */
  async arrive(): Promise<void> {
    while (!this.isReady) {
      const arrived = await this.#source?.next();
      if (arrived === undefined || arrived.done) this.#ended = true;
      else this.#begin(arrived.value);
    }
  }

  async close(): Promise<void> {
    await this.#source?.return?.();
  }

  #begin(batch: readonly E[]): void {
    this.#batch = batch;
    this.#passed = 0;
    this.#check();
  }

  #check(): void {
    const { next } = this;
    if (next === undefined) return;
    if (this.#previous !== undefined && compareKeys(this.#previous, next.path) >= 0)
      throw new OrderError(
        `the ${this.#name} does not ascend: ${JSON.stringify(next.path)} came after ${JSON.stringify(this.#previous)}`,
      );
    this.#previous = next.path;
  }
}

/**
 * Yields every path of either stream once, in order; what can be compared, before more is waited for.
 *
 * @throws {OrderError} when one of the streams does not ascend
 */
export async function* march<S extends Entry, T extends Entry>(
  source: Entries<S>,
  target: Entries<T>,
): AsyncGenerator<readonly Step<S, T>[], void, undefined> {
  const sources = new Ascending(source, "source");
  const targets = new Ascending(target, "target");
  let steps: Step<S, T>[] = [];
  try {
    for (;;) {
      if (!sources.isReady || !targets.isReady) {
        if (steps.length > 0) yield steps;
        steps = [];
        await sources.arrive();
        await targets.arrive();
      }
      const [left, right] = [sources.next, targets.next];
      const order = left === undefined ? 1 : right === undefined ? -1 : compareKeys(left.path, right.path);
      if (order < 0 && left !== undefined) steps.push({ source: left, target: undefined });
      else if (order > 0 && right !== undefined) steps.push({ source: undefined, target: right });
      else if (left !== undefined && right !== undefined) steps.push({ source: left, target: right });
      // Both have ended: that was waited for, and all before it yielded.
      else break;
      if (order <= 0) sources.pass();
      if (order >= 0) targets.pass();
    }
  } finally {
    await sources.close();
    await targets.close();
  }
}

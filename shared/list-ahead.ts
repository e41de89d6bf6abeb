/**
 * Lists several ranges side by side and yields them one after the other: a listing goes page by page, and each page
 * waits for the one before. Bounded, however many objects a range holds.
 */
import type { Entry, ObjectEntry } from "#shared/entry.ts";
import type { PathRange } from "#shared/shard.ts";

/** How many of a shard's own entries make a range, at most: a page, with some objects more that show that it is over. */
const RANGE_ENTRIES = 980;

/**
 * The ranges that a shard's own entries cut it into, about as many in each. They tile it.
 *
 * @param entries in key order
 */
export function subRanges(
  { after, through }: PathRange,
  entries: readonly Entry[],
  rangeEntries: number = RANGE_ENTRIES,
): PathRange[] {
  const count = Math.max(1, Math.ceil(entries.length / rangeEntries));
  const bounds = Array.from({ length: count - 1 }, (_, index) => {
    const end = Math.round(((index + 1) * entries.length) / count);
    return entries[end - 1]?.path ?? null;
  });
  return [after, ...bounds].map((from, index) => ({ after: from, through: bounds[index] ?? through }));
}

export interface Ahead {
  /** How many ranges are listed side by side. */
  readonly ranges: number;
  /** How many objects of a range wait in memory; a bucket may hold millions between two files. */
  readonly objects: number;
}

/** @param list yields the objects of a range in key order */
export async function* listAhead(
  ranges: readonly PathRange[],
  list: (range: PathRange) => AsyncIterable<ObjectEntry>,
  ahead: Ahead,
): AsyncGenerator<ObjectEntry, void, undefined> {
  const readers: ReadAhead<ObjectEntry>[] = [];
  let begun = 0;
  const begin = () => {
    const range = ranges[begun++];
    if (range !== undefined) readers.push(new ReadAhead(list(range), ahead.objects));
  };
  try {
    while (begun < ahead.ranges) begin();
    for (let reader = readers[0]; reader !== undefined; reader = readers[0]) {
      yield* reader.read();
      readers.shift();
      begin();
    }
  } finally {
    await Promise.all(readers.map((reader) => reader.stop()));
  }
}

/** Reads a stream before anybody asks, up to a number of items. */
class ReadAhead<T> {
  readonly #most: number;
  readonly #reading: Promise<void>;
  #waiting: T[] = [];
  #ended = false;
  #stopped = false;
  #fault: { readonly cause: unknown } | undefined;
  #wakeReader: () => void = () => {};
  #wakeSource: () => void = () => {};

  constructor(items: AsyncIterable<T>, most: number) {
    this.#most = most;
    this.#reading = this.#readAll(items);
  }

  async *read(): AsyncGenerator<T, void, undefined> {
    while (true) {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting;
        this.#waiting = [];
        this.#wakeSource();
        yield* batch;
      }
      if (this.#fault !== undefined) throw this.#fault.cause;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /** Returns when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wakeSource();
    await this.#reading;
  }

  async #readAll(items: AsyncIterable<T>): Promise<void> {
    try {
      for await (const item of items) {
        if (this.#stopped) return;
        this.#waiting.push(item);
        this.#wakeReader();
        if (this.#waiting.length < this.#most) continue;
        await new Promise<void>((resolve) => {
          this.#wakeSource = resolve;
        });
      }
    } catch (cause) {
      this.#fault = { cause };
    } finally {
      this.#ended = true;
      this.#wakeReader();
    }
  }
}

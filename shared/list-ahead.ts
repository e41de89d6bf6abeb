/**
 * Lists several ranges side by side and yields them one after the other: a listing goes page by page, and each page
 * waits for the one before. Bounded, however many objects a range holds.
 */
import type { Entry, ObjectEntry } from "#shared/entry.ts";
import type { PathRange } from "#shared/shard.ts";

/**
 * How many of a shard's own entries make a range, at most: a page of S3, where the bucket holds them and nothing else.
 * One other object there costs the range a second page, after the first.
 */
const RANGE_ENTRIES = 1_000;

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
  /** With so many objects of a range waiting, no further page of it is asked for: a bucket may hold millions of them. */
  readonly objects: number;
}

/**
 * Yields page after page.
 *
 * @param list yields the objects of a range in key order, page by page
 */
export async function* listAhead(
  ranges: readonly PathRange[],
  list: (range: PathRange) => AsyncIterable<readonly ObjectEntry[]>,
  ahead: Ahead,
): AsyncGenerator<readonly ObjectEntry[], void, undefined> {
  const readers: ReadAhead[] = [];
  let begun = 0;
  const begin = () => {
    const range = ranges[begun++];
    if (range !== undefined) readers.push(new ReadAhead(list(range), ahead.objects));
  };
  try {
    while (begun < ahead.ranges) begin();
    for (let reader = readers[0]; reader !== undefined; reader = readers[0]) {
      for (let page = await reader.next(); page !== undefined; page = await reader.next()) yield page;
      readers.shift();
      begin();
    }
  } finally {
    await Promise.all(readers.map((reader) => reader.stop()));
  }
}

/** Reads pages before anybody asks, up to a number of objects. */
class ReadAhead {
  readonly #mostObjects: number;
  readonly #reading: Promise<void>;
  readonly #waiting: (readonly ObjectEntry[])[] = [];
  #ended = false;
  #stopped = false;
  #fault: { readonly cause: unknown } | undefined;
  #wakeReader: () => void = () => {};
  #wakeSource: () => void = () => {};

  constructor(pages: AsyncIterable<readonly ObjectEntry[]>, mostObjects: number) {
    this.#mostObjects = mostObjects;
    this.#reading = this.#readAll(pages);
  }

  /** Undefined after the last page. */
  async next(): Promise<readonly ObjectEntry[] | undefined> {
    for (;;) {
      const page = this.#waiting.shift();
      if (page !== undefined) {
        this.#wakeSource();
        return page;
      }
      if (this.#fault !== undefined) throw this.#fault.cause;
      if (this.#ended) return undefined;
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

  async #readAll(pages: AsyncIterable<readonly ObjectEntry[]>): Promise<void> {
    try {
      for await (const page of pages) {
        if (this.#stopped) return;
        this.#waiting.push(page);
        this.#wakeReader();
        while (this.#isFull && !this.#stopped)
          await new Promise<void>((resolve) => {
            this.#wakeSource = resolve;
          });
        if (this.#stopped) return;
      }
    } catch (cause) {
      this.#fault = { cause };
    } finally {
      this.#ended = true;
      this.#wakeReader();
    }
  }

  get #isFull(): boolean {
    return this.#waiting.reduce((sum, { length }) => sum + length, 0) >= this.#mostObjects;
  }
}

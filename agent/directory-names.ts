/**
 * The names of one directory, sorted as keys are. As bytes side by side, for a directory may have millions of them: an
 * object for each would take ten times as much.
 */
import type { BytePath, FileFacts } from "./ports.ts";

const KINDS = ["file", "directory", "unknown", "unknown directory"] as const;
type Kind = (typeof KINDS)[number];

/** What is known of a name that is a link. */
interface LinkFacts {
  readonly facts?: FileFacts;
  readonly fault?: unknown;
  /** When the link was made. */
  readonly linkedMs?: number;
}

export interface Item {
  /** Byte string to sort by: a directory's name ends in "/". */
  readonly sortName: BytePath;
  readonly name: BytePath;
  readonly kind: "file" | "directory" | "unknown";
  facts?: FileFacts;
  fault?: unknown;
  linkedMs?: number;
}

/** Bytes of names side by side, so many at a time; a directory of a few names begins with less. */
const CHUNK_BYTES = 1024 * 1024;
const FIRST_BYTES = 1_024;
const FIRST_NAMES = 32;
const SLASH = "/".charCodeAt(0);

export class DirectoryNames {
  /** The first one grows to the size of the others. No name stands in two of them. */
  readonly #chunks = [Buffer.allocUnsafe(FIRST_BYTES)];
  /** Where the next name would begin in the last chunk. */
  #end = 0;
  /** Where each name begins: the number of its chunk times the size of a chunk, and its place in there. */
  #starts = new Uint32Array(FIRST_NAMES);
  #lengths = new Uint16Array(FIRST_NAMES);
  #kinds = new Uint8Array(FIRST_NAMES);
  #count = 0;
  #order = new Uint32Array(0);
  readonly #links = new Map<number, LinkFacts>();

  add(name: BytePath, kind: Kind, link?: LinkFacts): void {
    const index = this.#count++;
    if (index === this.#starts.length) {
      this.#starts = grown(this.#starts, new Uint32Array(2 * index));
      this.#lengths = grown(this.#lengths, new Uint16Array(2 * index));
      this.#kinds = grown(this.#kinds, new Uint8Array(2 * index));
    }
    const isDirectory = kind === "directory" || kind === "unknown directory";
    const length = name.length + (isDirectory ? 1 : 0);
    const chunk = this.#chunkFor(length);
    chunk.write(name, this.#end, "latin1");
    if (isDirectory) chunk[this.#end + name.length] = SLASH;
    this.#starts[index] = (this.#chunks.length - 1) * CHUNK_BYTES + this.#end;
    this.#lengths[index] = length;
    this.#kinds[index] = KINDS.indexOf(kind);
    this.#end += length;
    if (link !== undefined) this.#links.set(index, link);
  }

  /** Sorts all names; one that was shown twice, by a directory that changed meanwhile, stands once. */
  sort(): void {
    const order = this.#sorted(new Uint32Array(this.#count).map((_, index) => index));
    const isTwin = (index: number, position: number) =>
      position > 0 && this.#compare(order[position - 1] ?? 0, index) === 0;
    this.#order = order.some(isTwin) ? order.filter((index, position) => !isTwin(index, position)) : order;
  }

  /** Some of the names, in order, after they were sorted. */
  slice(from: number, to: number): Item[] {
    return Array.from(this.#order.subarray(from, to), (index) => this.#item(index));
  }

  /** The last chunk, with room for a name. */
  #chunkFor(length: number): Buffer {
    const last = this.#chunks.length - 1;
    const chunk = this.#chunks[last] ?? Buffer.alloc(0);
    const needed = this.#end + length;
    if (needed <= chunk.length) return chunk;
    const isLarger = needed <= CHUNK_BYTES;
    const next = Buffer.allocUnsafe(isLarger ? Math.min(2 * needed, CHUNK_BYTES) : CHUNK_BYTES);
    if (isLarger) this.#chunks[last] = grown(chunk, next);
    else {
      this.#chunks.push(next);
      this.#end = 0;
    }
    return next;
  }

  #chunkOf(index: number): Buffer {
    return this.#chunks[Math.floor((this.#starts[index] ?? 0) / CHUNK_BYTES)] ?? Buffer.alloc(0);
  }

  #item(index: number): Item {
    const start = (this.#starts[index] ?? 0) % CHUNK_BYTES;
    const sortName = this.#chunkOf(index).toString("latin1", start, start + (this.#lengths[index] ?? 0));
    const kind = KINDS[this.#kinds[index] ?? 0] ?? "file";
    const name = sortName.endsWith("/") ? sortName.slice(0, -1) : sortName;
    return { sortName, name, kind: kind === "unknown directory" ? "unknown" : kind, ...this.#links.get(index) };
  }

  #compare(left: number, right: number): number {
    const [leftBytes, rightBytes] = [this.#chunkOf(left), this.#chunkOf(right)];
    const leftStart = (this.#starts[left] ?? 0) % CHUNK_BYTES;
    const rightStart = (this.#starts[right] ?? 0) % CHUNK_BYTES;
    const leftLength = this.#lengths[left] ?? 0;
    const rightLength = this.#lengths[right] ?? 0;
    const shorter = Math.min(leftLength, rightLength);
    for (let at = 0; at < shorter; at++) {
      const difference = (leftBytes[leftStart + at] ?? 0) - (rightBytes[rightStart + at] ?? 0);
      if (difference !== 0) return difference;
    }
    return leftLength - rightLength;
  }

  /** By merging: the sort of typed arrays copies all into objects first. */
  #sorted(numbers: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
    let from = numbers;
    let to = new Uint32Array(numbers.length);
    for (let width = 1; width < numbers.length; width *= 2) {
      for (let start = 0; start < numbers.length; start += 2 * width) this.#merge(from, to, start, width);
      [from, to] = [to, from];
    }
    return from;
  }

  /** Merges two neighbours of at most `width` numbers, of which the first begins at `start`. */
  #merge(from: Uint32Array, to: Uint32Array, start: number, width: number): void {
    const middle = Math.min(start + width, from.length);
    const end = Math.min(middle + width, from.length);
    let [left, right] = [start, middle];
    for (let at = start; at < end; at++) {
      const [leftIndex = 0, rightIndex = 0] = [from[left], from[right]];
      const isLeft = right === end || (left < middle && this.#compare(leftIndex, rightIndex) <= 0);
      to[at] = isLeft ? leftIndex : rightIndex;
      if (isLeft) left += 1;
      else right += 1;
    }
  }
}

/** The larger one, with the content of the smaller. */
function grown<T extends Uint8Array | Uint16Array | Uint32Array>(
  from: Uint8Array | Uint16Array | Uint32Array,
  to: T,
): T {
  to.set(from);
  return to;
}

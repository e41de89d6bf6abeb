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
  readonly linkedMs?: number;
}

const FIRST_BYTES = 1_024;
const FIRST_NAMES = 32;
const SLASH = "/".charCodeAt(0);

export class DirectoryNames {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  /** Where each name begins, and behind the last one where it ends. */
  #starts = new Uint32Array(FIRST_NAMES);
  #kinds = new Uint8Array(FIRST_NAMES);
  #count = 0;
  #order = new Uint32Array(0);
  readonly #links = new Map<number, LinkFacts>();

  add(name: BytePath, kind: Kind, link?: LinkFacts): void {
    const index = this.#count++;
    const start = this.#starts[index] ?? 0;
    const isDirectory = kind === "directory" || kind === "unknown directory";
    const end = start + name.length + (isDirectory ? 1 : 0);
    if (index + 2 > this.#starts.length) {
      this.#starts = grown(this.#starts, new Uint32Array(2 * this.#starts.length));
      this.#kinds = grown(this.#kinds, new Uint8Array(2 * this.#kinds.length));
    }
    if (end > this.#bytes.length) this.#bytes = grown(this.#bytes, Buffer.allocUnsafe(2 * Math.max(end, FIRST_BYTES)));
    this.#bytes.write(name, start, "latin1");
    if (isDirectory) this.#bytes[end - 1] = SLASH;
    this.#starts[index + 1] = end;
    this.#kinds[index] = KINDS.indexOf(kind);
    if (link !== undefined) this.#links.set(index, link);
  }

  /** Sorts all names; one that was shown twice, by a directory that changed meanwhile, stands once. */
  sort(): void {
    const order = Uint32Array.from({ length: this.#count }, (_, index) => index);
    order.sort((left, right) => this.#compare(left, right));
    this.#order = order.filter(
      (index, position) => position === 0 || this.#compare(order[position - 1] ?? 0, index) !== 0,
    );
  }

  /** Some of the names, in order, after they were sorted. */
  slice(from: number, to: number): Item[] {
    return Array.from(this.#order.subarray(from, to), (index) => this.#item(index));
  }

  #item(index: number): Item {
    const sortName = this.#bytes.toString("latin1", this.#starts[index], this.#starts[index + 1]);
    const kind = KINDS[this.#kinds[index] ?? 0] ?? "file";
    const name = sortName.endsWith("/") ? sortName.slice(0, -1) : sortName;
    return { sortName, name, kind: kind === "unknown directory" ? "unknown" : kind, ...this.#links.get(index) };
  }

  #compare(left: number, right: number): number {
    const bytes = this.#bytes;
    let leftAt = this.#starts[left] ?? 0;
    let rightAt = this.#starts[right] ?? 0;
    const leftEnd = this.#starts[left + 1] ?? 0;
    const rightEnd = this.#starts[right + 1] ?? 0;
    for (; leftAt < leftEnd && rightAt < rightEnd; leftAt++, rightAt++) {
      const difference = (bytes[leftAt] ?? 0) - (bytes[rightAt] ?? 0);
      if (difference !== 0) return difference;
    }
    return leftEnd - leftAt - (rightEnd - rightAt);
  }
}

/** The larger one, with the content of the smaller. */
function grown<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

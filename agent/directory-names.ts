/**
 * The names of one directory, sorted as keys are. A directory may have millions: they are sorted and compressed a chunk
 * at a time, and the chunks are merged while the walk goes on.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { BytePath, FileFacts } from "./ports.ts";

/** What is known of a name that is a link: the fault, where nothing tells what it leads to. */
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

/** How many names a chunk has: the more, the better they compress, and the more memory they take until then. */
const CHUNK_NAMES = 32_768;
/** How many names of a chunk are compressed together, and so in memory while chunks are merged. */
const BLOCK_NAMES = 1_024;
/** After each name: no name has it. */
const NUL = 0;

export class DirectoryNames {
  readonly #packed: (readonly Buffer[])[] = [];
  /** Names that are in no chunk yet. */
  #names: BytePath[] = [];
  readonly #links = new Map<BytePath, LinkFacts>();

  /** @param link with a fault, the kind only says where the name sorts: it may be either */
  add(name: BytePath, kind: "file" | "directory", link?: LinkFacts): void {
    const sortName = kind === "directory" ? `${name}/` : name;
    if (link !== undefined) this.#links.set(sortName, link);
    if (this.#names.length === CHUNK_NAMES) {
      this.#packed.push(packed(this.#names.sort()));
      this.#names = [];
    }
    this.#names.push(sortName);
  }

  /**
   * All names in order, once they were added. One that was shown twice, by a directory that changed meanwhile, comes
   * once, with what was last known of it as a link.
   */
  *sorted(): Generator<Item, void, undefined> {
    for (const sortName of merged([...this.#packed.map(unpacked), this.#names.sort().values()])) {
      const isDirectory = sortName.endsWith("/");
      const link = this.#links.get(sortName);
      this.#links.delete(sortName);
      const kind = link?.fault !== undefined ? "unknown" : isDirectory ? "directory" : "file";
      yield { sortName, name: isDirectory ? sortName.slice(0, -1) : sortName, kind, ...link };
    }
  }
}

function packed(sortedNames: readonly BytePath[]): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 0; at < sortedNames.length; at += BLOCK_NAMES) {
    const text = `${sortedNames.slice(at, at + BLOCK_NAMES).join("\0")}\0`;
    blocks.push(copied(deflateRawSync(Buffer.from(text, "latin1"))));
  }
  return blocks;
}

function* unpacked(blocks: readonly Buffer[]): Generator<BytePath, void, undefined> {
  for (const block of blocks) {
    const bytes = copied(inflateRawSync(block));
    // Not split as text: each name would keep the whole of it.
    for (let begin = 0, end = bytes.indexOf(NUL); end >= 0; begin = end + 1, end = bytes.indexOf(NUL, begin))
      yield bytes.toString("latin1", begin, end);
  }
}

/** What zlib returns is a slice of a larger buffer, and would keep all of that. */
function copied(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** Merges sorted chunks; equal names become one. */
function* merged(chunks: readonly Iterator<BytePath, void>[]): Generator<BytePath, void, undefined> {
  // Each chunk with its next name, the first of them last.
  const heads: { readonly name: BytePath; readonly chunk: Iterator<BytePath, void> }[] = [];
  const enter = (chunk: Iterator<BytePath, void>) => {
    const { value: name } = chunk.next();
    if (name === undefined) return;
    let [low, high] = [0, heads.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (name < (heads[middle]?.name ?? "")) low = middle + 1;
      else high = middle;
    }
    heads.splice(low, 0, { name, chunk });
  };
  chunks.forEach(enter);
  let before: BytePath | undefined;
  for (let head = heads.pop(); head !== undefined; head = heads.pop()) {
    if (head.name !== before) yield head.name;
    before = head.name;
    enter(head.chunk);
  }
}

/** The disk, on node:fs. Paths are byte strings all the way, for a name need not be UTF-8. */
import {
  type BigIntStats,
  close,
  closeSync,
  constants,
  fstat,
  fstatSync,
  lstat,
  lstatSync,
  open,
  openSync,
  read,
  readSync,
  stat,
} from "node:fs";
import { opendir, readdir } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { CallsAtOnce } from "./at-once.ts";
import { join } from "./byte-path.ts";
import { closesAtOnce, isLocalDevice, mayBeMounted } from "./local-file-systems.ts";
import type { BytePath, DirectoryItem, Disk, FileFacts, FileKind, OpenFile } from "./ports.ts";
import { codeOf } from "./system-error.ts";

/** The system reads at most 2 GiB at a time; parts of the largest files have more. */
const MOST_READ_BYTES = 1024 ** 3;
/** How many names are asked of the kernel at a time; Node's default of 32 is slow in large directories. */
const DIRECTORY_READ_AHEAD = 1024;
/** How many names are looked at at a time, where the kernel does not tell what they are. */
const LOOKS_AHEAD = 64;
/** Where too many files are open, one more is tried again after so long, and after twice as long each time: 5 s in all. */
const FIRST_OPEN_DELAY_MS = 10;
const LAST_OPEN_DELAY_MS = 2_560;

/** Some file systems have inode numbers that a JavaScript number rounds: two directories would look like one. */
const BIG = { bigint: true } as const;
const NANOSECONDS_PER_MS = 1_000_000;
/** Should a file lose its name meanwhile, so many bytes are soon given back. */
const QUICK_CLOSE_BYTES = 1024 * 1024;
/** To copy more from memory takes as long as to have a thread do it. */
const QUICK_READ_BYTES = 64 * 1024;
// A FIFO that took the file's place would block an ordinary open for ever.
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/** The calls of node:fs/promises, which take half as much CPU again for what they keep of each open file. */
const call = {
  close: promisify(close),
  fstat: promisify(fstat),
  lstat: promisify(lstat),
  open: promisify(open),
  read: promisify(read),
  stat: promisify(stat),
};

/**
 * @param calls for all together: it is one disk, mostly, and one main thread
 * @param openDirectory as node:fs has it
 */
export function openDisk(calls: Pick<CallsAtOnce, "make">, openDirectory: typeof opendir = opendir): Disk {
  return {
    async *directory(path) {
      try {
        yield* itemsOf(path, openDirectory);
      } catch (error) {
        const code = codeOf(error);
        if (code !== "ENOENT" && code !== "ESTALE") throw error;
        // Where the kernel does not tell what an item is, Node looks, and throws as if the directory were gone when one of
        // its names is. So all of it is read again, at 200 bytes a name; names may be told twice.
        yield* lookedAtItemsOf(path);
      }
    },
    facts(path, follow, wayIsLocal = false) {
      const bytes = bytesOf(path);
      const byThread = async () => factsOf(await (follow ? call.stat : call.lstat)(bytes, BIG));
      const mayBeAtOnce = !follow && wayIsLocal && !mayBeMounted(path);
      return calls.make(mayBeAtOnce, () => factsOf(lstatSync(bytes, BIG)), byThread);
    },
    async open(path, isLocal = false) {
      const bytes = bytesOf(path);
      const byThread = (flags: number) => () => call.open(bytes, flags);
      if (isLocal) {
        const atOnce = () => openSync(bytes, OPEN_FLAGS | constants.O_NOFOLLOW);
        const opened = whenOneIsFree(() => calls.make(true, atOnce, byThread(OPEN_FLAGS | constants.O_NOFOLLOW)));
        const descriptor = await opened.catch(unlessLink);
        if (descriptor !== undefined) return new DescribedFile(descriptor, true, calls);
      }
      return new DescribedFile(await whenOneIsFree(byThread(OPEN_FLAGS)), false, calls);
    },
  };
}

export const disk: Disk = openDisk(new CallsAtOnce());

async function* itemsOf(path: BytePath, openDirectory: typeof opendir): AsyncGenerator<readonly DirectoryItem[], void> {
  let items: DirectoryItem[] = [];
  // Names as bytes, like the path: where the kernel does not tell what an item is, Node joins the two to look.
  const directory = await whenOneIsFree(() =>
    openDirectory(bytesOf(path) as unknown as string, {
      encoding: "buffer" as BufferEncoding,
      bufferSize: DIRECTORY_READ_AHEAD,
    }),
  );
  for await (const item of directory) {
    const name = (item.name as unknown as Buffer).toString("latin1");
    items.push({ name, kind: kindOf(item) });
    if (items.length < DIRECTORY_READ_AHEAD) continue;
    yield items;
    items = [];
  }
  yield items;
}

/** Asks of each name by itself what it is. All names are in memory. */
async function* lookedAtItemsOf(path: BytePath): AsyncGenerator<readonly DirectoryItem[], void> {
  const names = await whenOneIsFree(() => readdir(bytesOf(path), { encoding: "latin1" }));
  for (let from = 0; from < names.length; from += LOOKS_AHEAD)
    yield (await Promise.all(names.slice(from, from + LOOKS_AHEAD).map((name) => lookedAt(path, name)))).flat();
}

async function lookedAt(directory: BytePath, name: BytePath): Promise<DirectoryItem[]> {
  try {
    return [{ name, kind: kindOf(await call.lstat(bytesOf(join(directory, name)), BIG)) }];
  } catch (error) {
    const code = codeOf(error);
    if (code !== "ENOENT" && code !== "ESTALE") throw error;
    // Whoever goes on with it finds that it is gone, whichever it was.
    return [
      { name, kind: "file" },
      { name, kind: "directory" },
    ];
  }
}

/** A link that has taken a file's place may lead anywhere. */
function unlessLink(error: unknown): undefined {
  if (codeOf(error) !== "ELOOP") throw error;
}

class DescribedFile implements OpenFile {
  readonly #descriptor: number;
  /** Then its facts are asked at once, and its content may be. */
  #isLocal: boolean;
  readonly #calls: Pick<CallsAtOnce, "make">;
  #closesAtOnce = false;

  constructor(descriptor: number, isLocal: boolean, calls: Pick<CallsAtOnce, "make">) {
    this.#descriptor = descriptor;
    this.#isLocal = isLocal;
    this.#calls = calls;
  }

  async facts(): Promise<FileFacts> {
    const stats = this.#isLocal ? fstatSync(this.#descriptor, BIG) : await call.fstat(this.#descriptor, BIG);
    const facts = factsOf(stats);
    // It may be another file than the one that was asked about before.
    this.#isLocal = facts.isLocal;
    const isSmall = facts.kind === "file" && facts.sizeBytes <= QUICK_CLOSE_BYTES;
    // The last to close a file without a name gives back its blocks.
    this.#closesAtOnce = isSmall && stats.nlink > 0n && closesAtOnce(stats.dev);
    return facts;
  }

  async read(buffer: Uint8Array, enoughBytes = buffer.length): Promise<number> {
    let filled = 0;
    do {
      const wanted = Math.min(buffer.length - filled, MOST_READ_BYTES);
      const bytesRead = await this.#readOnce(buffer, filled, wanted);
      if (bytesRead === 0) break;
      filled += bytesRead;
    } while (filled < enoughBytes);
    return filled;
  }

  #readOnce(buffer: Uint8Array, from: number, wanted: number): number | Promise<number> {
    return this.#calls.make(
      this.#isLocal && wanted <= QUICK_READ_BYTES,
      () => readSync(this.#descriptor, buffer, from, wanted, null),
      async () => (await call.read(this.#descriptor, buffer, from, wanted, null)).bytesRead,
    );
  }

  async close(): Promise<void> {
    if (this.#closesAtOnce) closeSync(this.#descriptor);
    else await call.close(this.#descriptor);
  }
}

/** Too many open files are no fault of the one to be opened: of the others, of this process or the system, some end soon. */
async function whenOneIsFree<T>(open: () => T | Promise<T>): Promise<T> {
  for (let delayMs = FIRST_OPEN_DELAY_MS; ; delayMs *= 2) {
    try {
      return await open();
    } catch (error) {
      const code = codeOf(error);
      if ((code !== "EMFILE" && code !== "ENFILE") || delayMs > LAST_OPEN_DELAY_MS) throw error;
    }
    await setTimeout(delayMs);
  }
}

function bytesOf(path: BytePath): Buffer {
  return Buffer.from(path, "latin1");
}

function factsOf(stats: BigIntStats): FileFacts {
  return {
    kind: kindOf(stats),
    sizeBytes: Number(stats.size),
    modifiedMs: Number(stats.mtimeNs) / NANOSECONDS_PER_MS,
    changedMs: Number(stats.ctimeNs) / NANOSECONDS_PER_MS,
    identity: `${stats.dev}:${stats.ino}`,
    inode: Number(stats.ino),
    isLocal: isLocalDevice(stats.dev),
  };
}

function kindOf(item: { isFile(): boolean; isDirectory(): boolean; isSymbolicLink(): boolean }): FileKind {
  if (item.isFile()) return "file";
  if (item.isDirectory()) return "directory";
  return item.isSymbolicLink() ? "link" : "other";
}

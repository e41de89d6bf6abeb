/** The disk, on node:fs. Paths are byte strings all the way, for a name need not be UTF-8. */
import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, lstat, open, opendir, stat } from "node:fs/promises";
import type { BytePath, DirectoryItem, Disk, FileFacts, FileKind, OpenFile } from "./ports.ts";

/** The system reads at most 2 GiB at a time; parts of the largest files have more. */
const MOST_READ_BYTES = 1024 ** 3;
/** How many names are asked of the kernel at a time; Node's default of 32 is slow in large directories. */
const DIRECTORY_READ_AHEAD = 1024;

/** Some file systems have inode numbers that a JavaScript number rounds: two directories would look like one. */
const BIG = { bigint: true } as const;
const NANOSECONDS_PER_MS = 1_000_000;

export const disk: Disk = {
  async *directory(path) {
    // Names as bytes, like the path: where the kernel does not tell what an item is, Node joins the two to look.
    const directory = await opendir(bytesOf(path) as unknown as string, {
      encoding: "buffer" as BufferEncoding,
      bufferSize: DIRECTORY_READ_AHEAD,
    });
    for await (const item of directory) {
      const name = (item.name as unknown as Buffer).toString("latin1");
      yield { name, kind: kindOf(item) } satisfies DirectoryItem;
    }
  },
  async facts(path, follow) {
    return factsOf(follow ? await stat(bytesOf(path), BIG) : await lstat(bytesOf(path), BIG));
  },
  async open(path) {
    // A FIFO that took the file's place would block an ordinary open for ever.
    return new HandleFile(await open(bytesOf(path), constants.O_RDONLY | constants.O_NONBLOCK));
  },
};

class HandleFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async facts(): Promise<FileFacts> {
    return factsOf(await this.#handle.stat(BIG));
  }

  async read(buffer: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < buffer.length) {
      const wanted = Math.min(buffer.length - filled, MOST_READ_BYTES);
      const { bytesRead } = await this.#handle.read(buffer, filled, wanted, null);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  close(): Promise<void> {
    return this.#handle.close();
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
  };
}

function kindOf(item: { isFile(): boolean; isDirectory(): boolean; isSymbolicLink(): boolean }): FileKind {
  if (item.isFile()) return "file";
  if (item.isDirectory()) return "directory";
  return item.isSymbolicLink() ? "link" : "other";
}

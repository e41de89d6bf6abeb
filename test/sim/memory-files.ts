/**
 * The host's own files in memory, in place of `node:fs/promises` for the two files of the agent that keep something
 * there: baselines and spool. As on a real disk, what was not synced may be lost with the power.
 *
 * Which module sees this one is decided in `sources.ts`.
 */
import type { Random } from "./random.ts";

interface Content {
  bytes: Buffer;
  syncedBytes: number;
}

interface Rename {
  readonly path: string;
  readonly before: Content | undefined;
}

/** How a call is carried out: a simulation lets it wait for its turn, fail, or never end. */
export type Gate = <T>(name: string, work: () => T) => Promise<T>;

export class HostFiles {
  readonly files = new Map<string, Content>();
  gate: Gate = async (_name, work) => work();
  /** Renames that are not on the disk for sure. */
  #renames: Rename[] = [];
  #folders = 0;

  mkdtemp(prefix: string): string {
    this.#folders += 1;
    return `${prefix}${this.#folders}`;
  }

  create(path: string): Content {
    if (this.files.has(path)) throw systemError("EEXIST");
    const content = { bytes: Buffer.alloc(0), syncedBytes: 0 };
    this.files.set(path, content);
    return content;
  }

  at(path: string): Content {
    const content = this.files.get(path);
    if (content === undefined) throw systemError("ENOENT");
    return content;
  }

  rename(from: string, to: string): void {
    this.#renames.push({ path: to, before: this.files.get(to) });
    this.files.set(to, this.at(from));
    this.files.delete(from);
  }

  /** The files directly in a folder, by name. */
  names(folder: string): string[] {
    const below = [...this.files.keys()].filter((path) => path.startsWith(`${folder}/`));
    return below.map((path) => path.slice(folder.length + 1)).filter((name) => !name.includes("/"));
  }

  remove(path: string): void {
    for (const known of [...this.files.keys()])
      if (known === path || known.startsWith(`${path}/`)) this.files.delete(known);
  }

  syncNames(): void {
    this.#renames = [];
  }

  /** What is not synced may be there after it, as a whole, in part or not at all. */
  losePower(random: Random): void {
    for (const { path, before } of this.#renames.reverse()) {
      if (random.chance(0.5)) continue;
      if (before === undefined) this.files.delete(path);
      else this.files.set(path, before);
    }
    this.#renames = [];
    for (const content of this.files.values()) {
      const { bytes, syncedBytes } = content;
      if (bytes.length > syncedBytes) content.bytes = bytes.subarray(0, random.between(syncedBytes, bytes.length));
      content.syncedBytes = content.bytes.length;
    }
  }
}

/** The host that the running agent is on. One agent at a time runs on it. */
let host = new HostFiles();

export function runOn(files: HostFiles): void {
  host = files;
}

/** What of a FileHandle is used. */
class Handle {
  readonly #host: HostFiles;
  readonly #content: Content | undefined;

  /** @param content undefined for a folder */
  constructor(files: HostFiles, content: Content | undefined) {
    this.#host = files;
    this.#content = content;
  }

  get #file(): Content {
    if (this.#content === undefined) throw systemError("EISDIR");
    return this.#content;
  }

  stat(): Promise<{ size: number }> {
    return this.#host.gate("stat a file of the host", () => ({ size: this.#file.bytes.length }));
  }

  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    return this.#host.gate("read a file of the host", () => ({
      bytesRead: this.#file.bytes.copy(buffer, offset, position, position + length),
    }));
  }

  appendFile(data: string | Uint8Array): Promise<void> {
    return this.#host.gate("append to a file of the host", () => {
      this.#file.bytes = Buffer.concat([this.#file.bytes, typeof data === "string" ? Buffer.from(data) : data]);
    });
  }

  sync(): Promise<void> {
    return this.#host.gate("sync a file of the host", () => {
      if (this.#content === undefined) this.#host.syncNames();
      else this.#content.syncedBytes = this.#content.bytes.length;
    });
  }

  async *readLines(): AsyncGenerator<string, void, undefined> {
    const text = await this.#host.gate("read a file of the host", () => this.#file.bytes.toString("utf8"));
    yield* text.split("\n").slice(0, -1);
  }

  /** Takes no turn: nothing depends on it. */
  async close(): Promise<void> {}
}

export function open(path: string, flags = "r"): Promise<Handle> {
  const files = host;
  return files.gate("open a file of the host", () => {
    if (flags === "wx") return new Handle(files, files.create(path));
    const isFolder = !files.files.has(path) && files.names(path).length > 0;
    return new Handle(files, isFolder ? undefined : files.at(path));
  });
}

export async function mkdir(): Promise<void> {
  // Folders are there as soon as something is in them.
}

export function mkdtemp(prefix: string): Promise<string> {
  const files = host;
  return files.gate("make a folder of the host", () => files.mkdtemp(prefix));
}

export async function readdir(folder: string): Promise<string[]> {
  return host.names(folder);
}

export function rename(from: string, to: string): Promise<void> {
  const files = host;
  return files.gate("rename a file of the host", () => files.rename(from, to));
}

/** Takes no turn and cannot fail, for it cleans up. */
export async function rm(path: string): Promise<void> {
  host.remove(path);
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: in memory`), { code });
}

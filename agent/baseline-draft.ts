/**
 * A baseline on disk, as it is written: beside the old one, and put in its place as a whole. What goes wrong is told when
 * it is to be kept; a backup goes on without.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { compareKeys } from "#shared/key.ts";
import type { PathRange } from "#shared/shard.ts";
import { type BaselineItem, lineOf } from "./baseline.ts";
import { BaselineFile } from "./baseline-file.ts";
import {
  BLOCK_BYTES,
  type Block,
  digestOf,
  encodeBlock,
  encodeIndex,
  encodeTrailer,
  endsAtOrBefore,
  startsAtOrAfter,
} from "./baseline-format.ts";
import type { Baseline, BaselineDraft } from "./ports.ts";
import { codeOf } from "./system-error.ts";

/** What a block is called by in its file. */
type Place = "offset" | "bytes" | "digest";

export class DraftFile implements BaselineDraft {
  /** Undefined: nothing is kept. */
  readonly #path: string | undefined;
  readonly #header: Buffer;
  #file: FileHandle | undefined;
  #newPath: string | undefined;
  #offset = 0;
  #deletions: Block["deletions"] = "none";
  readonly #blocks: Block[] = [];
  /** Why nothing can be kept; a backup goes on without. */
  #fault: { readonly cause: unknown } | undefined;
  /** Ranges are added by several shards at a time, and written one after the other. */
  #writing: Promise<void> = Promise.resolve();

  /** @param header of the file, as bytes */
  constructor(path: string | undefined, header: Buffer) {
    this.#path = path;
    this.#header = header;
  }

  add(range: PathRange, items: readonly BaselineItem[], covered: boolean): Promise<void> {
    return this.#inTurn(async () => {
      let { after } = range;
      let lines: string[] = [];
      let linesBytes = 0;
      let last: string | null = null;
      for (const item of items) {
        if (linesBytes >= BLOCK_BYTES) {
          await this.#write(encodeBlock(lines), { after, through: last, covered, deletions: "none" });
          after = last;
          lines = [];
          linesBytes = 0;
        }
        const line = lineOf(item);
        lines.push(line);
        linesBytes += line.length;
        last = item.path;
      }
      await this.#write(encodeBlock(lines), { after, through: range.through, covered, deletions: "none" });
    });
  }

  async takeOver(earlier: Baseline, after: string | null): Promise<void> {
    if (!(earlier instanceof BaselineFile)) throw new TypeError("it is no baseline of this store");
    for (const block of earlier.blocks) {
      if (endsAtOrBefore(block, after)) continue;
      if (after === null || startsAtOrAfter(block, after)) {
        // A block that cannot be read is none of the new one.
        const bytes = await earlier.read(block).catch(() => undefined);
        if (bytes !== undefined) await this.#inTurn(() => this.#write(bytes, block));
      } else {
        const items = (await earlier.itemsOf(block)).filter(({ path }) => compareKeys(path, after) > 0);
        await this.add({ after, through: block.through }, items, block.covered && earlier.isWhole(block));
      }
    }
  }

  beginDeletions(): void {
    this.#deletions = "begun";
  }

  async keep(deleted: boolean): Promise<void> {
    await this.#writing;
    if (this.#path === undefined || (this.#blocks.length === 0 && this.#fault === undefined)) return;
    await this.#inTurn(async () => {
      const deletions = deleted ? "done" : this.#deletions;
      if (deletions !== "none") for (const block of this.#blocks) block.deletions = deletions;
      this.#blocks.sort((left, right) => (left.after === null ? -1 : compareKeys(left.after, right.after ?? "")));
      const index = encodeIndex(this.#blocks);
      const trailer = encodeTrailer(this.#header, index, this.#offset);
      await this.#append(Buffer.concat([index, trailer]));
    });
    if (this.#fault !== undefined) throw this.#fault.cause;
    // Not before all of it is on the disk: a name without its content would be all that a loss of power leaves.
    await this.#file?.sync();
    if (this.#newPath === undefined) return;
    await rename(this.#newPath, this.#path);
    this.#newPath = undefined;
    await syncDirectory(dirname(this.#path));
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file?.close().catch(() => undefined);
    this.#file = undefined;
    if (this.#newPath !== undefined) await rm(this.#newPath, { force: true }).catch(() => undefined);
    this.#newPath = undefined;
  }

  /** Never fails: what went wrong is told when it is to be kept. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      if (this.#path === undefined || this.#fault !== undefined) return;
      try {
        await work();
      } catch (cause) {
        this.#fault = { cause };
      }
    });
    return this.#writing;
  }

  async #write(bytes: Buffer, { after, through, covered, deletions }: Omit<Block, Place>): Promise<void> {
    const block = { after, through, covered, deletions };
    const offset = await this.#append(bytes);
    this.#blocks.push({ ...block, offset, bytes: bytes.length, digest: digestOf(bytes) });
  }

  /** @returns where it lies */
  async #append(bytes: Buffer): Promise<number> {
    if (this.#file === undefined) {
      const { file, path } = await createBeside(this.#path ?? "");
      this.#file = file;
      this.#newPath = path;
      await this.#file.appendFile(this.#header);
      this.#offset = this.#header.length;
    }
    const offset = this.#offset;
    await this.#file.appendFile(bytes);
    this.#offset += bytes.length;
    return offset;
  }
}

/** A new file for the next version of another one. What runs that were killed have left there goes. */
async function createBeside(path: string): Promise<{ file: FileHandle; path: string }> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) {
    const [, owner] = /^[0-9a-f]{64}\.(\d+)-[0-9a-f]+$/.exec(name) ?? [];
    if (owner !== undefined && !isAlive(Number(owner))) await rm(join(folder, name), { force: true });
  }
  const newPath = `${path}.${process.pid}-${randomBytes(6).toString("hex")}`;
  return { file: await open(newPath, "wx", 0o600), path: newPath };
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (cause) {
    return codeOf(cause) !== "ESRCH";
  }
}

/** So that the new name outlasts a loss of power too; some file systems cannot, and keep the old one then. */
async function syncDirectory(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } catch {
    // The name may be lost, never the content.
  } finally {
    await folder.close();
  }
}

/**
 * A baseline on disk, as it is read: block by block, each held against its digest before it is believed. A damaged one
 * only costs a listing.
 */
import { type FileHandle, open } from "node:fs/promises";
import { compareKeys } from "#shared/key.ts";
import type { PathRange } from "#shared/shard.ts";
import { type BaselineItem, isLeaving, staying } from "./baseline.ts";
import {
  BaselineError,
  type Block,
  decodeBlock,
  decodeHeader,
  decodeIndex,
  decodeIndexOffset,
  endsAtOrBefore,
  isSealed,
  LONGEST_HEADER_BYTES,
  startsAtOrBefore,
  TRAILER_BYTES,
} from "./baseline-format.ts";
import type { Baseline, BaselineSubject } from "./ports.ts";

/** What is known of a baseline before its blocks are read. */
interface Known {
  /** In key order. */
  readonly blocks: readonly Block[];
  readonly mountPoint: string | undefined;
}

export class BaselineFile implements Baseline {
  readonly #file: FileHandle;
  readonly #notice: (reason: string) => void;
  /** In key order. */
  readonly blocks: readonly Block[];
  readonly mountPoint: string | undefined;
  readonly #damaged = new Set<Block>();

  constructor(file: FileHandle, { blocks, mountPoint }: Known, notice: (reason: string) => void) {
    this.#file = file;
    this.blocks = blocks;
    this.mountPoint = mountPoint;
    this.#notice = notice;
  }

  static async open(path: string, subject: BaselineSubject, notice: (reason: string) => void): Promise<BaselineFile> {
    const file = await open(path);
    try {
      return new BaselineFile(file, await readIndex(file, subject), notice);
    } catch (cause) {
      await file.close();
      throw cause;
    }
  }

  async *items(): AsyncGenerator<readonly BaselineItem[], void, undefined> {
    for (const block of this.blocks) yield await this.itemsOf(block);
  }

  covers({ after, through }: PathRange): boolean {
    let reached = after;
    for (const block of this.blocks) {
      if (endsAtOrBefore(block, reached)) continue;
      if (!startsAtOrBefore(block, reached) || !block.covered || this.#damaged.has(block)) return false;
      if (block.through === null || (through !== null && compareKeys(through, block.through) <= 0)) return true;
      reached = block.through;
    }
    return false;
  }

  /** The bytes of a block, as they are. */
  async read({ offset, bytes }: Block): Promise<Buffer> {
    return readBytes(this.#file, offset, bytes);
  }

  /** Whether a block was not found damaged. */
  isWhole(block: Block): boolean {
    return !this.#damaged.has(block);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Nothing of a block that is damaged anywhere. */
  async itemsOf(block: Block): Promise<BaselineItem[]> {
    try {
      const items = decodeBlock(await this.read(block), block);
      if (block.deletions === "done") return items.filter((item) => !isLeaving(item));
      // What is leaving was not touched, and may as well stay.
      return block.deletions === "none" ? items.map(staying) : items;
    } catch (cause) {
      this.#damaged.add(block);
      this.#notice(cause instanceof Error ? cause.message : String(cause));
      return [];
    }
  }
}

async function readIndex(file: FileHandle, subject: BaselineSubject): Promise<Known> {
  const { size } = await file.stat();
  if (size < TRAILER_BYTES) throw new BaselineError("it is cut off");
  const trailer = await readBytes(file, size - TRAILER_BYTES, TRAILER_BYTES);
  const indexOffset = decodeIndexOffset(trailer);
  const start = await readBytes(file, 0, Math.min(size, LONGEST_HEADER_BYTES));
  const header = start.subarray(0, start.indexOf("\n") + 1);
  if (header.length === 0 || indexOffset < header.length || indexOffset > size - TRAILER_BYTES)
    throw new BaselineError("it is cut off or damaged");
  const index = await readBytes(file, indexOffset, size - TRAILER_BYTES - indexOffset);
  if (!isSealed(header, index, trailer)) throw new BaselineError("it is cut off or damaged");
  const { mountPoint } = decodeHeader(header, subject);
  const blocks = decodeIndex(index);
  if (blocks.some(({ offset, bytes }) => offset + bytes > indexOffset))
    throw new BaselineError("a block lies outside the file");
  return { blocks, mountPoint };
}

async function readBytes(file: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(buffer, filled, bytes - filled, offset + filled);
    if (bytesRead === 0) throw new BaselineError("it is cut off");
    filled += bytesRead;
  }
  return buffer;
}

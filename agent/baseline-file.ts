/**
 * Baselines on disk, below the state directory, one file for each source, target and endpoint. Written beside the old one
 * and put in its place as a whole; read block by block, each held against its digest before it is believed. A lost or
 * damaged baseline only costs a listing.
 *
 *   {"format":1,…}\n    the header: version, endpoint, target, source, run
 *   block, block, …     zstd, lines of items in key order; in the file, blocks come in any order
 *   {"blocks":[…],…}    the index: range, place and digest of each block, in key order
 *   40 bytes            where the index begins, and the SHA-256 of header and index
 */
import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { compareKeys } from "#shared/key.ts";
import { inRange, type ShardRange } from "#shared/shard.ts";
import { type BaselineItem, isLeaving, itemOf, lineOf, staying } from "./baseline.ts";
import type { Baseline, BaselineDraft, BaselineStore, BaselineSubject } from "./ports.ts";
import { codeOf } from "./system-error.ts";

const FORMAT = 1;
/** How many bytes of lines make a block: what is in memory while a baseline is read. */
const BLOCK_BYTES = 128 * 1024;
/** A block has one line more than it should, and the longest line takes 32 KiB. */
const MAX_BLOCK_BYTES = 4 * BLOCK_BYTES;
const TRAILER_BYTES = 8 + 32;
const LONGEST_HEADER_BYTES = 256 * 1024;

const HeaderSchema = Type.Object({
  format: Type.Literal(FORMAT),
  endpoint: Type.String(),
  bucket: Type.String(),
  prefix: Type.String(),
  directory: Type.String(),
  run: Type.String(),
  mountPoint: Type.Optional(Type.String()),
});

const BlockSchema = Type.Object({
  after: Type.Union([Type.String(), Type.Null()]),
  through: Type.Union([Type.String(), Type.Null()]),
  /** Whether the items are all that the bucket may hold in the range. */
  covered: Type.Boolean(),
  /** How far the deletion of its leaving files and gone objects has come. */
  deletions: Type.Union([Type.Literal("none"), Type.Literal("begun"), Type.Literal("done")]),
  offset: Type.Integer({ minimum: 0 }),
  bytes: Type.Integer({ minimum: 0 }),
  digest: Type.String(),
});

const IndexSchema = Type.Object({ blocks: Type.Array(BlockSchema) });

type Block = Static<typeof BlockSchema>;
/** What is known of a baseline before its blocks are read. */
interface Known {
  /** In key order. */
  readonly blocks: readonly Block[];
  readonly mountPoint: string | undefined;
}
/** What a block is called by in its file. */
type Place = "offset" | "bytes" | "digest";
type Range = Pick<ShardRange, "after" | "through">;

/** A baseline that is no help; the message says why. */
class BaselineError extends Error {
  override readonly name = "BaselineError";
}

/** @param stateDirectory undefined where there is no place for it: then nothing is kept */
export function openBaselines(stateDirectory: string | undefined): BaselineStore {
  const folder = stateDirectory === undefined ? undefined : join(stateDirectory, "baselines");
  return {
    async open(subject, notice) {
      if (folder === undefined) return undefined;
      try {
        return await BaselineFile.open(join(folder, fileName(subject)), subject, notice);
      } catch (cause) {
        if (codeOf(cause) !== "ENOENT") notice(cause instanceof Error ? cause.message : String(cause));
        return undefined;
      }
    },
    draft(subject, run, mountPoint) {
      const path = folder === undefined ? undefined : join(folder, fileName(subject));
      return new DraftFile(path, { ...subject, run, mountPoint });
    },
  };
}

function fileName(subject: BaselineSubject): string {
  return createHash("sha256")
    .update(JSON.stringify(identityOf(subject)))
    .digest("hex");
}

/** All that must be the same for a baseline to be believed. */
function identityOf({ endpoint, bucket, prefix, directory }: BaselineSubject): string[] {
  return [endpoint, bucket, prefix, directory];
}

class BaselineFile implements Baseline {
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

  async *items(): AsyncGenerator<BaselineItem, void, undefined> {
    for (const block of this.blocks) yield* await this.itemsOf(block);
  }

  covers({ after, through }: Range): boolean {
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
      const packed = await this.read(block);
      if (digestOf(packed) !== block.digest) throw new BaselineError("a block has not the digest that the index names");
      const lines = zstdDecompressSync(packed, { maxOutputLength: MAX_BLOCK_BYTES }).toString("utf8").split("\n");
      const items = lines.slice(0, -1).map(itemOf);
      if (items.some(({ path }) => !inRange(block, path))) throw new BaselineError("an item lies outside its block");
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

function endsAtOrBefore({ through }: Range, path: string | null): boolean {
  return through !== null && path !== null && compareKeys(through, path) <= 0;
}

function startsAtOrBefore({ after }: Range, path: string | null): boolean {
  return after === null || (path !== null && compareKeys(after, path) <= 0);
}

async function readIndex(file: FileHandle, subject: BaselineSubject): Promise<Known> {
  const { size } = await file.stat();
  if (size < TRAILER_BYTES) throw new BaselineError("it is cut off");
  const trailer = await readBytes(file, size - TRAILER_BYTES, TRAILER_BYTES);
  const indexOffset = Number(trailer.readBigUInt64LE());
  const start = await readBytes(file, 0, Math.min(size, LONGEST_HEADER_BYTES));
  const header = start.subarray(0, start.indexOf("\n") + 1);
  if (header.length === 0 || indexOffset < header.length || indexOffset > size - TRAILER_BYTES)
    throw new BaselineError("it is cut off or damaged");
  const index = await readBytes(file, indexOffset, size - TRAILER_BYTES - indexOffset);
  if (sealOf(header, index) !== trailer.subarray(8).toString("hex"))
    throw new BaselineError("it is cut off or damaged");
  const told = parse(header);
  if (!Value.Check(HeaderSchema, told)) throw new BaselineError("it is of another version");
  if (!isDeepStrictEqual(identityOf(told), identityOf(subject)))
    throw new BaselineError("it is about another source or target");
  const value = parse(index);
  if (!Value.Check(IndexSchema, value)) throw new BaselineError("it is of another version");
  const unordered = value.blocks.some((block, position) => {
    const previous = value.blocks[position - 1];
    return previous !== undefined && (previous.through === null || !startsAtOrAfter(block, previous.through));
  });
  if (unordered) throw new BaselineError("its blocks are in no order");
  return { blocks: value.blocks, mountPoint: told.mountPoint };
}

function startsAtOrAfter({ after }: Range, path: string): boolean {
  return after !== null && compareKeys(after, path) >= 0;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new BaselineError("it is damaged", { cause });
  }
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

function digestOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function sealOf(header: Buffer, index: Buffer): string {
  return createHash("sha256").update(header).update(index).digest("hex");
}

class DraftFile implements BaselineDraft {
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

  constructor(path: string | undefined, header: BaselineSubject & { run: string; mountPoint: string | undefined }) {
    this.#path = path;
    const { endpoint, bucket, prefix, directory, run, mountPoint } = header;
    const told = { format: FORMAT, endpoint, bucket, prefix, directory, run, mountPoint };
    this.#header = Buffer.from(`${JSON.stringify(told)}\n`);
  }

  add(range: Range, items: readonly BaselineItem[], covered: boolean): Promise<void> {
    return this.#inTurn(async () => {
      let { after } = range;
      let lines: string[] = [];
      let linesBytes = 0;
      let last: string | null = null;
      for (const item of items) {
        if (linesBytes >= BLOCK_BYTES) {
          await this.#write(packed(lines), { after, through: last, covered, deletions: "none" });
          after = last;
          lines = [];
          linesBytes = 0;
        }
        const line = lineOf(item);
        lines.push(line);
        linesBytes += line.length;
        last = item.path;
      }
      await this.#write(packed(lines), { after, through: range.through, covered, deletions: "none" });
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
      const index = Buffer.from(JSON.stringify({ blocks: this.#blocks }));
      const trailer = Buffer.alloc(TRAILER_BYTES);
      trailer.writeBigUInt64LE(BigInt(this.#offset));
      trailer.write(sealOf(this.#header, index), 8, "hex");
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

function packed(lines: readonly string[]): Buffer {
  return zstdCompressSync(lines.join(""), { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

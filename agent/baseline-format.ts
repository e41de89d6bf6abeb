/**
 * A baseline as bytes. Pure; its files are read in `baseline-file.ts`, and written in `baseline-draft.ts`.
 *
 *   {"format":1,…}\n    the header: version, endpoint, target, source, run, mount point
 *   block, block, …     zstd, lines of items in key order; in the file, blocks come in any order
 *   {"blocks":[…],…}    the index: range, place and digest of each block, in key order
 *   40 bytes            where the index begins, and the SHA-256 of header and index
 */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { compareKeys } from "#shared/key.ts";
import { inRange, type PathRange } from "#shared/shard.ts";
import { type BaselineItem, itemOf } from "./baseline.ts";
import type { BaselineSubject } from "./ports.ts";

const FORMAT = 1;
/** How many bytes of lines make a block: what is in memory while a baseline is read. */
export const BLOCK_BYTES = 128 * 1024;
/** A block has one line more than it should, and the longest line takes 32 KiB. */
const MAX_BLOCK_BYTES = 4 * BLOCK_BYTES;
export const LONGEST_HEADER_BYTES = 256 * 1024;
const OFFSET_BYTES = 8;
export const TRAILER_BYTES = OFFSET_BYTES + 32;

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

export type Block = Static<typeof BlockSchema>;
/** A baseline that is no help; the message says why. */
export class BaselineError extends Error {
  override readonly name = "BaselineError";
}

/** The name that a baseline's file has, by all that must be the same for it to be believed. */
export function fileName(subject: BaselineSubject): string {
  return createHash("sha256")
    .update(JSON.stringify(identityOf(subject)))
    .digest("hex");
}

function identityOf({ endpoint, bucket, prefix, directory }: BaselineSubject): string[] {
  return [endpoint, bucket, prefix, directory];
}

/** What stands before the blocks, beside the subject. */
export interface Heading {
  readonly run: string;
  readonly mountPoint: string | undefined;
}

export function encodeHeader(
  { endpoint, bucket, prefix, directory }: BaselineSubject,
  { run, mountPoint }: Heading,
): Buffer {
  const header = { format: FORMAT, endpoint, bucket, prefix, directory, run, mountPoint };
  return Buffer.from(`${JSON.stringify(header)}\n`);
}

/** @throws {BaselineError} when it is of another version, or about something else */
export function decodeHeader(bytes: Buffer, subject: BaselineSubject): Heading {
  const header = parse(bytes);
  if (!Value.Check(HeaderSchema, header)) throw new BaselineError("it is of another version");
  if (!isDeepStrictEqual(identityOf(header), identityOf(subject)))
    throw new BaselineError("it is about another source or target");
  return { run: header.run, mountPoint: header.mountPoint };
}

export function encodeIndex(blocks: readonly Block[]): Buffer {
  return Buffer.from(JSON.stringify({ blocks }));
}

/** @throws {BaselineError} when it is of another version, or in no order */
export function decodeIndex(bytes: Buffer): readonly Block[] {
  const index = parse(bytes);
  if (!Value.Check(IndexSchema, index)) throw new BaselineError("it is of another version");
  const unordered = index.blocks.some((block, position) => {
    const previous = index.blocks[position - 1];
    return previous !== undefined && (previous.through === null || !startsAtOrAfter(block, previous.through));
  });
  if (unordered) throw new BaselineError("its blocks are in no order");
  return index.blocks;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new BaselineError("it is damaged", { cause });
  }
}

export function encodeTrailer(header: Buffer, index: Buffer, indexOffset: number): Buffer {
  const offset = Buffer.alloc(OFFSET_BYTES);
  offset.writeBigUInt64LE(BigInt(indexOffset));
  return Buffer.concat([offset, seal(header, index)]);
}

export function decodeIndexOffset(trailer: Buffer): number {
  return Number(trailer.readBigUInt64LE());
}

/** Whether header and index are those that a trailer was written for. */
export function isSealed(header: Buffer, index: Buffer, trailer: Buffer): boolean {
  return seal(header, index).equals(trailer.subarray(OFFSET_BYTES));
}

function seal(header: Buffer, index: Buffer): Buffer {
  return createHash("sha256").update(header).update(index).digest();
}

/** @param lines each with its end */
export function encodeBlock(lines: readonly string[]): Buffer {
  return zstdCompressSync(lines.join(""), { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

/** @throws {BaselineError} when it is not what the index says, or nothing that was ever written */
export function decodeBlock(bytes: Buffer, block: Block): BaselineItem[] {
  if (digestOf(bytes) !== block.digest) throw new BaselineError("a block has not the digest that the index names");
  const items = itemsIn(bytes);
  if (items.some(({ path }) => !inRange(block, path))) throw new BaselineError("an item lies outside its block");
  const isUnordered = items.some(({ path }, position) => compareKeys(items[position - 1]?.path ?? "", path) >= 0);
  if (isUnordered) throw new BaselineError("the items of a block are in no order");
  return items;
}

function itemsIn(bytes: Buffer): BaselineItem[] {
  try {
    const lines = zstdDecompressSync(bytes, { maxOutputLength: MAX_BLOCK_BYTES }).toString("utf8").split("\n");
    if (lines.pop() !== "") throw new Error("its last line has no end");
    return lines.map(itemOf);
  } catch (cause) {
    throw new BaselineError("a block is damaged", { cause });
  }
}

export function digestOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function endsAtOrBefore({ through }: PathRange, path: string | null): boolean {
  return through !== null && path !== null && compareKeys(through, path) <= 0;
}

export function startsAtOrBefore({ after }: PathRange, path: string | null): boolean {
  return after === null || (path !== null && compareKeys(after, path) <= 0);
}

export function startsAtOrAfter({ after }: PathRange, path: string): boolean {
  return after !== null && compareKeys(after, path) >= 0;
}

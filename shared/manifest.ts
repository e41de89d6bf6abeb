/**
 * A manifest: what the agent says one shard of the bucket holds. Lines of JSON, in key order, compressed with zstd.
 *
 *   ["path",size in bytes,"etag"]   a file that is there
 *   ["path"]                        a file that could not be read: unknown
 *   ["path/"]                       a directory that could not be read: all below it is unknown
 */
import { isUtf8 } from "node:buffer";
import { createHash, hash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { isUnknown, type ManifestEntry } from "#shared/entry.ts";
import { isReserved, keyBytes, MAX_KEY_BYTES } from "#shared/key.ts";
import { inRange, MAX_SHARD_ENTRIES, type PathRange, type ShardScale } from "#shared/shard.ts";

export interface EncodedManifest {
  /** How many entries, unknown ones included. */
  readonly count: number;
  /** SHA-256 of the lines before compression, in lower-case hex. */
  readonly digest: string;
  /** The compressed lines in base64. */
  readonly body: string;
}

/** A manifest that is damaged, or not one; the message says how. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
}

/** The most bytes a manifest's body may have, so that its whole message stays below 1,000,000; SQS takes 1 MiB. */
export const MAX_BODY_BYTES = 960_000;
/**
 * The most bytes that a body may decompress to: 20,000 keys of 1,024 bytes are 22 MB. The validator needs a multiple of it,
 * for the lines, their entries, and a finding about each.
 */
export const MAX_LINES_BYTES = 32 * 1024 * 1024;
/**
 * The longest line: the path of an unreadable directory may have 4,096 control characters, which take 24 KiB of JSON.
 * Longer ones are not even parsed, for a parser takes time and memory for each bracket that a line opens.
 */
const MAX_LINE_BYTES = 32 * 1024;
const LINE_END = 0x0a;
/** The longest ETag: those of S3 have at most 38 characters. */
const MAX_ETAG_LENGTH = 256;

export function encodeManifest(entries: readonly ManifestEntry[]): EncodedManifest {
  const lines = Buffer.from(entries.map(lineOf).join(""), "utf8");
  return {
    count: entries.length,
    digest: createHash("sha256").update(lines).digest("hex"),
    body: compress(lines).toString("base64"),
  };
}

/**
 * What is near in a manifest is alike, and ETags are never: the fastest level takes no more bytes than the usual one,
 * and a short window lets a block by itself take as many as it does within the whole (docs/measurements.md).
 */
function compress(lines: string | Buffer): Buffer {
  return zstdCompressSync(lines, {
    params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_windowLog]: WINDOW_LOG },
  });
}

/** Blocks and window of the compression: 128 KiB. */
const WINDOW_LOG = 17;

function lineOf(entry: ManifestEntry): string {
  return `${JSON.stringify(isUnknown(entry) ? [entry.path] : [entry.path, entry.sizeBytes, entry.etag])}\n`;
}

/**
 * The entries of a manifest, after its digest, its count and each line were checked against the range that it is for.
 * That they ascend is left to `march`, which checks it of every stream.
 *
 * @throws {ManifestError} when anything does not fit
 */
export function decodeManifest(
  { count, digest, body }: EncodedManifest,
  range: PathRange,
  keyPrefix: string,
): ManifestEntry[] {
  let lines: Buffer;
  try {
    lines = zstdDecompressSync(Buffer.from(body, "base64"), { maxOutputLength: MAX_LINES_BYTES });
  } catch (cause) {
    throw new ManifestError("the manifest cannot be decompressed", { cause });
  }
  if (createHash("sha256").update(lines).digest("hex") !== digest)
    throw new ManifestError("the manifest does not have the digest that its message names");
  // Bytes that are no text would become a path that nobody sent.
  if (!isUtf8(lines)) throw new ManifestError("the manifest is not UTF-8");
  const entries: ManifestEntry[] = [];
  // Line by line: as one text they would take as much memory again, or twice as much.
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf(LINE_END, start);
    if (end < 0) throw new ManifestError("the manifest's last line has no end");
    if (entries.length === count)
      throw new ManifestError(`the manifest has more entries than its message says (${count})`);
    if (end - start > MAX_LINE_BYTES) throw new ManifestError(`line ${entries.length + 1} of the manifest is too long`);
    entries.push(entryOf(lines.toString("utf8", start, end), entries.length, range, keyPrefix));
    start = end + 1;
  }
  if (entries.length !== count)
    throw new ManifestError(`the manifest has fewer entries (${entries.length}) than its message says (${count})`);
  return entries;
}

function entryOf(line: string, position: number, range: PathRange, keyPrefix: string): ManifestEntry {
  const fault = (reason: string) => new ManifestError(`line ${position + 1} of the manifest ${reason}`);
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch (cause) {
    throw new ManifestError(`line ${position + 1} of the manifest is not JSON`, { cause });
  }
  if (!Array.isArray(fields)) throw fault("is not an array");
  const [path, sizeBytes, etag]: unknown[] = fields;
  if (typeof path !== "string" || path === "" || !path.isWellFormed()) throw fault("has no path");
  if (!inRange(range, path)) throw fault("lies outside the shard");
  if (isReserved(keyPrefix + path)) throw fault("lies in the validator's own prefix");
  if (keyBytes(keyPrefix + path) > MAX_KEY_BYTES) throw fault("is longer than a key can be");
  if (fields.length === 1) return { path, unknown: true };
  if (typeof sizeBytes !== "number" || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
    throw fault("has no size in bytes");
  if (typeof etag !== "string" || etag === "") throw fault("has no ETag");
  if (etag.length > MAX_ETAG_LENGTH) throw fault("has an ETag longer than any");
  return { path, sizeBytes, etag };
}

/** How many bytes of lines are weighed together: a block of zstd, which is what the whole manifest is made of. */
const BLOCK_BYTES = 2 ** WINDOW_LOG;
/** Near the limit, smaller blocks are weighed, so that a shard is not cut much too early. */
const SMALLEST_BLOCK_BYTES = 16 * 1024;
/** How much more than its blocks the whole may take; up to 5 % was seen, with names of random emoji. */
const WHOLE_TO_BLOCKS = 1.08;
/** What base64 makes of a byte. */
const BASE64_RATIO = 4 / 3;
/** The limits of a multipart upload, whose ETag ends in its number of parts (S3 user guide, "Multipart upload limits"). */
const SMALLEST_PART_BYTES = 5 * 1024 * 1024;
const MAX_PARTS = 10_000;

/** What is weighed of an entry before it is uploaded. Without a size: an unknown one. */
interface WeighedEntry {
  readonly path: string;
  readonly sizeBytes?: number;
}

/**
 * Keeps a shard within its number of entries and its message's size, before the ETags are known: blocks of lines with
 * made-up ETags are compressed one by one, which together takes about what all of them take at once
 * (docs/measurements.md).
 */
export class ManifestScale implements ShardScale<WeighedEntry> {
  readonly #maxEntries: number;
  readonly #maxBodyBytes: number;
  #entries = 0;
  #linesBytes = 0;
  #block: string[] = [];
  #blockBytes = 0;
  #weighedBytes = 0;

  constructor(maxEntries: number = MAX_SHARD_ENTRIES, maxBodyBytes: number = MAX_BODY_BYTES) {
    this.#maxEntries = maxEntries;
    this.#maxBodyBytes = maxBodyBytes;
  }

  fits(entry: WeighedEntry): boolean {
    if (this.#entries >= this.#maxEntries) return false;
    const line = lineOf(withMadeUpEtag(entry));
    const lineBytes = Buffer.byteLength(line);
    if (!this.#hasRoom(lineBytes) && this.#blockBytes >= SMALLEST_BLOCK_BYTES) this.#weighBlock();
    if (!this.#hasRoom(lineBytes)) return false;
    if (this.#linesBytes + lineBytes > MAX_LINES_BYTES) return false;
    this.#entries += 1;
    this.#linesBytes += lineBytes;
    this.#block.push(line);
    this.#blockBytes += lineBytes;
    if (this.#blockBytes >= BLOCK_BYTES) this.#weighBlock();
    return true;
  }

  /** Until its block is weighed, an entry counts in full. */
  #hasRoom(lineBytes: number): boolean {
    return (this.#weighedBytes + this.#blockBytes + lineBytes) * BASE64_RATIO <= this.#maxBodyBytes;
  }

  #weighBlock(): void {
    this.#weighedBytes += compress(this.#block.join("")).length * WHOLE_TO_BLOCKS;
    this.#block = [];
    this.#blockBytes = 0;
  }
}

/** A digest is as random as an ETag, and the same on every run: a tree is always cut in the same places. */
function withMadeUpEtag({ path, sizeBytes }: WeighedEntry): ManifestEntry {
  if (sizeBytes === undefined) return { path, unknown: true };
  const parts =
    sizeBytes > SMALLEST_PART_BYTES ? `-${Math.min(MAX_PARTS, Math.ceil(sizeBytes / SMALLEST_PART_BYTES))}` : "";
  return { path, sizeBytes, etag: hash("sha256", path).slice(0, 32) + parts };
}

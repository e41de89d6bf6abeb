/**
 * One file's way into the bucket: read once, never published unless it was the same before and after, checked by S3
 * against our checksum. Small files go as one buffer, so that a retry sends the same bytes; large ones in parts.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { UploadLost } from "./errors.ts";
import { BUFFER_PLACE_BYTES, type Limit } from "./limit.ts";
import type { Bucket, BytePath, Disk, FileFacts, OpenFile, StoredChecksums } from "./ports.ts";
import { codeOf } from "./system-error.ts";

/** Files up to this size go with one request. */
export const SINGLE_PUT_BYTES = 8 * 1024 * 1024;
const MAX_PARTS = 10_000;
/** The largest object that S3 takes, in bytes: 10,000 parts of 5 GiB (S3 user guide, "Multipart upload limits"). */
export const MAX_OBJECT_BYTES = MAX_PARTS * 5 * 1024 ** 3;
const MEBIBYTE = 1024 * 1024;
/** How often a file is read that changes while it is read, or whose upload is lost. */
const READ_ATTEMPTS = 3;

/** Where a file ended that could not be sent, and why. */
export type Untransferred =
  | { readonly state: "vanished" | "unreadable"; readonly cause: unknown }
  | { readonly state: "unstable" }
  | { readonly state: "too-large" }
  | { readonly state: "special" };

export type Transferred = { readonly state: "sent"; readonly sizeBytes: number; readonly etag: string };

/** The part size for an object: as small as memory likes, as large as 10,000 parts need. */
export function partBytes(sizeBytes: number): number {
  const least = Math.ceil(sizeBytes / MAX_PARTS);
  return Math.max(SINGLE_PUT_BYTES, Math.ceil(least / MEBIBYTE) * MEBIBYTE);
}

/**
 * Sends a file to a key.
 *
 * @param limit counts the memory that buffers take, a place for each BUFFER_PLACE_BYTES
 * @throws what the bucket throws; faults of the file are values
 */
export async function send(
  { location, key }: { location: BytePath; key: string },
  { disk, bucket, limit }: { disk: Disk; bucket: Bucket; limit: Limit },
): Promise<Transferred | Untransferred> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await whileUnstable(location, disk, (file, before) =>
        before.sizeBytes <= SINGLE_PUT_BYTES
          ? sendWhole(file, before, key, bucket, limit)
          : sendParts(file, before, key, bucket, limit),
      );
    } catch (error) {
      if (!(error instanceof UploadLost) || attempt === READ_ATTEMPTS) throw error;
    }
  }
}

/** Part sizes of other clients, in bytes: the least that S3 takes, and what is usual. */
const USUAL_PART_BYTES = [5, 8, 16, 64].map((mebibytes) => mebibytes * MEBIBYTE);

/**
 * Whether an object's ETag is the one that S3 gives to this file's content, sent as a whole, or in parts of our size or
 * of another usual one. A yes is proof; a no may also come from encryption with KMS, or from parts of another size.
 *
 * @returns also the ETag that the content would have
 */
export async function hasContent(
  { location, sizeBytes }: { location: BytePath; sizeBytes: number },
  etag: string,
  { disk, limit }: { disk: Disk; limit: Limit },
): Promise<{ state: "compared"; same: boolean; etag: string } | Untransferred> {
  const partSizes = etag.includes("-")
    ? partSizesFor(sizeBytes, Number(etag.split("-")[1]))
    : [Number.POSITIVE_INFINITY];
  const digested = await digest(location, { disk, limit }, () =>
    partSizes.map((size) => (etag.includes("-") ? new PartsMd5(size) : new WholeMd5())),
  );
  if (digested.state !== "digested") return digested;
  const [own = ""] = digested.results;
  return { state: "compared", same: digested.results.includes(etag), etag: own };
}

/** The sizes that cut so many bytes into so many parts; first the one that this agent would take. */
function partSizesFor(sizeBytes: number, partCount: number): number[] {
  const fitting = USUAL_PART_BYTES.filter((size) => Math.ceil(sizeBytes / size) === partCount);
  // One part is one part, whatever its size could have been.
  return [...new Set([partBytes(sizeBytes), ...(partCount === 1 ? [Math.max(sizeBytes, 1)] : fitting)])];
}

/**
 * Whether a file's content has a checksum that S3 keeps of an object. Only those of the whole content, which the object
 * may not have: then it is no proof of anything.
 */
export async function hasChecksum(
  location: BytePath,
  { crc32: storedCrc32, sha256 }: StoredChecksums,
  { disk, limit }: { disk: Disk; limit: Limit },
): Promise<{ state: "compared"; same: boolean } | Untransferred> {
  const stored = sha256 ?? storedCrc32;
  if (stored === undefined) return { state: "compared", same: false };
  const digested = await digest(location, { disk, limit }, () => [sha256 === undefined ? new Crc32() : new Sha256()]);
  return digested.state === "digested" ? { state: "compared", same: digested.results[0] === stored } : digested;
}

/** Something that is computed from content, piece by piece. */
interface Digest {
  update(bytes: Uint8Array): void;
  result(): string;
}

class WholeMd5 implements Digest {
  readonly #hash = createHash("md5");
  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }
  result(): string {
    return this.#hash.digest("hex");
  }
}

class Sha256 implements Digest {
  readonly #hash = createHash("sha256");
  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }
  result(): string {
    return this.#hash.digest("base64");
  }
}

class Crc32 implements Digest {
  #value = 0;
  update(bytes: Uint8Array): void {
    this.#value = crc32(bytes, this.#value);
  }
  result(): string {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#value);
    return bytes.toString("base64");
  }
}

/** The MD5 of the MD5s of parts, with their number, as S3 makes the ETag of a multipart object. */
class PartsMd5 implements Digest {
  readonly #partBytes: number;
  readonly #ofParts = createHash("md5");
  #part = createHash("md5");
  #partCount = 0;
  #filled = 0;

  constructor(partSize: number) {
    this.#partBytes = partSize;
  }

  update(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const piece = bytes.subarray(from, from + this.#partBytes - this.#filled);
      this.#part.update(piece);
      this.#filled += piece.length;
      from += piece.length;
      if (this.#filled === this.#partBytes) this.#endPart();
    }
  }

  result(): string {
    if (this.#filled > 0) this.#endPart();
    return `${this.#ofParts.digest("hex")}-${this.#partCount}`;
  }

  #endPart(): void {
    this.#ofParts.update(this.#part.digest());
    this.#part = createHash("md5");
    this.#partCount += 1;
    this.#filled = 0;
  }
}

/** Reads a file once for several digests. */
async function digest(
  location: BytePath,
  { disk, limit }: { disk: Disk; limit: Limit },
  newDigests: () => Digest[],
): Promise<{ state: "digested"; results: string[] } | Untransferred> {
  return whileUnstable(location, disk, (file, before) => {
    const bufferBytes = Math.min(before.sizeBytes + 1, SINGLE_PUT_BYTES);
    return limit.run(async () => {
      const digests = newDigests();
      let readBytes = 0;
      const buffer = Buffer.allocUnsafe(bufferBytes);
      // Past the announced end too, to see a file that grew.
      while (readBytes <= before.sizeBytes) {
        const filled = await file.read(buffer);
        if (filled === 0) break;
        readBytes += filled;
        for (const one of digests) one.update(buffer.subarray(0, filled));
      }
      if (readBytes !== before.sizeBytes || !(await unchanged(file, before))) return { state: "unstable" };
      return { state: "digested", results: digests.map((one) => one.result()) };
    }, bufferBytes / BUFFER_PLACE_BYTES);
  });
}

/** Opens the file again, a few times, as long as it changes while it is read. */
async function whileUnstable<T extends { readonly state: string }>(
  location: BytePath,
  disk: Disk,
  use: (file: OpenFile, before: FileFacts) => Promise<T | Untransferred>,
): Promise<T | Untransferred> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await withFile(location, disk, use);
    if (outcome.state !== "unstable" || attempt === READ_ATTEMPTS) return outcome;
  }
}

async function withFile<T>(
  location: BytePath,
  disk: Disk,
  use: (file: OpenFile, before: FileFacts) => Promise<T>,
): Promise<T | Untransferred> {
  let file: OpenFile;
  try {
    file = await disk.open(location);
  } catch (cause) {
    return faultOf(cause);
  }
  const marked: OpenFile = {
    facts: () => markFault(file.facts()),
    read: (buffer) => markFault(file.read(buffer)),
    // What was read was read: a fault of closing says nothing about it.
    close: () => file.close().catch(() => undefined),
  };
  try {
    const before = await marked.facts();
    if (before.kind !== "file") return { state: "special" };
    if (before.sizeBytes > MAX_OBJECT_BYTES) return { state: "too-large" };
    return await use(marked, before);
  } catch (cause) {
    if (cause instanceof DiskFault) return faultOf(cause.cause);
    throw cause;
  } finally {
    await marked.close();
  }
}

/** Marks what the disk threw, among what the bucket throws. */
class DiskFault extends Error {
  override readonly name = "DiskFault";
}

async function markFault<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new DiskFault("the disk failed", { cause });
  }
}

function faultOf(cause: unknown): Untransferred {
  const code = codeOf(cause);
  // ENXIO: a socket, or a FIFO without a writer, that took the file's place.
  if (code === "ENXIO") return { state: "special" };
  // ESTALE: what a file server says of a file that is gone.
  const gone = code === "ENOENT" || code === "ENOTDIR" || code === "ESTALE";
  return { state: gone ? "vanished" : "unreadable", cause };
}

async function unchanged(file: OpenFile, before: FileFacts): Promise<boolean> {
  const after = await file.facts();
  return (
    after.sizeBytes === before.sizeBytes &&
    after.modifiedMs === before.modifiedMs &&
    after.changedMs === before.changedMs
  );
}

async function sendWhole(
  file: OpenFile,
  before: FileFacts,
  key: string,
  bucket: Bucket,
  limit: Limit,
): Promise<Transferred | Untransferred> {
  // One byte more than announced, to see a file that grew.
  const bufferBytes = before.sizeBytes + 1;
  return limit.run(async () => {
    const buffer = Buffer.allocUnsafe(bufferBytes);
    const filled = await file.read(buffer);
    if (filled !== before.sizeBytes || !(await unchanged(file, before))) return { state: "unstable" };
    const body = buffer.subarray(0, filled);
    const { etag } = await bucket.put(key, body, crc32(body));
    return { state: "sent", sizeBytes: filled, etag };
  }, bufferBytes / BUFFER_PLACE_BYTES);
}

async function sendParts(
  file: OpenFile,
  before: FileFacts,
  key: string,
  bucket: Bucket,
  limit: Limit,
): Promise<Transferred | Untransferred> {
  const { uploadId } = await bucket.startMultipart(key);
  const sending: Promise<{ partNumber: number; etag: string; crc32: string }>[] = [];
  let published = false;
  try {
    const size = partBytes(before.sizeBytes);
    let readBytes = 0;
    let failed: unknown;
    while (readBytes < before.sizeBytes && failed === undefined) {
      // The place is taken before the part is read: buffers wait for requests, not the other way round.
      const release = await limit.acquire(size / BUFFER_PLACE_BYTES);
      let part: Buffer;
      try {
        part = Buffer.allocUnsafe(Math.min(size, before.sizeBytes - readBytes));
        const filled = await file.read(part);
        if (filled !== part.length) {
          release();
          return { state: "unstable" };
        }
      } catch (cause) {
        release();
        throw cause;
      }
      readBytes += part.length;
      const sent = bucket.putPart(key, uploadId, sending.length + 1, part, crc32(part)).finally(release);
      sent.catch((cause: unknown) => {
        failed = cause;
      });
      sending.push(sent);
    }
    const parts = await Promise.all(sending);
    const probe = await file.read(Buffer.allocUnsafe(1));
    if (probe !== 0 || !(await unchanged(file, before))) return { state: "unstable" };
    const { etag } = await bucket.completeMultipart(key, uploadId, parts, readBytes);
    published = true;
    return { state: "sent", sizeBytes: readBytes, etag };
  } finally {
    if (!published) {
      // A part that lands after the abort would stay, and be paid for.
      await Promise.allSettled(sending);
      await bucket.abortMultipart(key, uploadId);
    }
  }
}

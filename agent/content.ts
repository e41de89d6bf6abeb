/**
 * Whether a file has the content of an object, by what S3 tells of that without a download: its ETag, or the checksums
 * that it keeps.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { BUFFER_PLACE_BYTES, type Limit } from "./limit.ts";
import { MEBIBYTE, partBytes, SINGLE_PUT_BYTES } from "./object-size.ts";
import type { Disk, FileFacts, StoredChecksums } from "./ports.ts";
import { type FileSource, type Untransferred, unchanged, whileUnstable } from "./steady-read.ts";

/** Part sizes of other clients, in bytes: the least that S3 takes, and what is usual. */
const USUAL_PART_BYTES = [5, 8, 16, 64].map((mebibytes) => mebibytes * MEBIBYTE);

/** @property facts of the file that was read: another one than was walked may have taken its place */
export type Compared = { readonly state: "compared"; readonly same: boolean; readonly facts: FileFacts };

/**
 * Whether an object's ETag is the one that S3 gives to this file's content, sent as a whole, or in parts of our size or
 * of another usual one. A yes is proof; a no may also come from encryption with KMS, or from parts of another size.
 *
 * @returns also the ETag that the content would have
 */
export async function hasContent(
  source: FileSource,
  sizeBytes: number,
  etag: string,
  { disk, limit }: { disk: Disk; limit: Limit },
): Promise<(Compared & { readonly etag: string }) | Untransferred> {
  const partSizes = etag.includes("-")
    ? partSizesFor(sizeBytes, Number(etag.split("-")[1]))
    : [Number.POSITIVE_INFINITY];
  const digested = await digest(source, { disk, limit }, () =>
    partSizes.map((size) => (etag.includes("-") ? new PartsMd5(size) : new WholeMd5())),
  );
  if (digested.state !== "digested") return digested;
  const { results, facts } = digested;
  const [own = ""] = results;
  return { state: "compared", same: results.includes(etag), facts, etag: own };
}

/** The sizes that cut so many bytes into so many parts; first the one that this agent would take. */
function partSizesFor(sizeBytes: number, partCount: number): number[] {
  const fitting = USUAL_PART_BYTES.filter((size) => Math.ceil(sizeBytes / size) === partCount);
  // One part is one part, whatever its size could have been.
  return [...new Set([partBytes(sizeBytes), ...(partCount === 1 ? [Math.max(sizeBytes, 1)] : fitting)])];
}

/**
 * Whether a file's content has a checksum that S3 keeps of an object. Only those of the whole content count.
 *
 * @returns undefined where the object has none of these: then nothing is proven
 */
export async function hasChecksum(
  source: FileSource,
  { crc32: storedCrc32, sha256 }: StoredChecksums,
  { disk, limit }: { disk: Disk; limit: Limit },
): Promise<Compared | Untransferred | undefined> {
  const stored = sha256 ?? storedCrc32;
  if (stored === undefined) return undefined;
  const digested = await digest(source, { disk, limit }, () => [sha256 === undefined ? new Crc32() : new Sha256()]);
  if (digested.state !== "digested") return digested;
  const { results, facts } = digested;
  return { state: "compared", same: results[0] === stored, facts };
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
  source: FileSource,
  { disk, limit }: { disk: Disk; limit: Limit },
  newDigests: () => Digest[],
): Promise<{ state: "digested"; results: string[]; facts: FileFacts } | Untransferred> {
  return whileUnstable(source, disk, (file, before) => {
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
      return { state: "digested", results: digests.map((one) => one.result()), facts: before };
    }, bufferBytes / BUFFER_PLACE_BYTES);
  });
}

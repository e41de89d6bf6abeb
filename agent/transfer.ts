/**
 * One file's way into the bucket: read once, never published unless it was the same before and after, checked by S3
 * against our checksum. Small files go as one buffer, so that a retry sends the same bytes; large ones in parts.
 */
import { crc32 } from "node:zlib";
import { UploadLost } from "./errors.ts";
import { BUFFER_PLACE_BYTES, type Limit } from "./limit.ts";
import { partBytes, SINGLE_PUT_BYTES } from "./object-size.ts";
import type { PartBuffers } from "./part-buffers.ts";
import type { Bucket, Disk, FileFacts, OpenFile } from "./ports.ts";
import { type FileSource, type Untransferred, unchanged, whileUnstable } from "./steady-read.ts";

/** How often a file is sent whose upload is lost. */
const SEND_ATTEMPTS = 3;

/** @property facts of the file whose content was sent: another one than was walked may have taken its place */
export type Transferred = { readonly state: "sent"; readonly facts: FileFacts; readonly etag: string };

export interface SendMeans {
  readonly disk: Disk;
  readonly bucket: Bucket;
  /** Counts the memory that buffers take, a place for each BUFFER_PLACE_BYTES. */
  readonly limit: Limit;
  readonly partBuffers: PartBuffers;
}

/**
 * Sends a file to a key.
 *
 * @throws what the bucket throws; faults of the file are values
 */
export async function send(source: FileSource, key: string, means: SendMeans): Promise<Transferred | Untransferred> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await whileUnstable(source, means.disk, (file, before) =>
        before.sizeBytes <= SINGLE_PUT_BYTES
          ? sendWhole(file, before, key, means)
          : sendParts(file, before, key, means),
      );
    } catch (error) {
      if (!(error instanceof UploadLost) || attempt === SEND_ATTEMPTS) throw error;
    }
  }
}

async function sendWhole(
  file: OpenFile,
  before: FileFacts,
  key: string,
  { bucket, limit }: SendMeans,
): Promise<Transferred | Untransferred> {
  // One byte more than announced, to see a file that grew. What stops short of it has ended: no second call for a small file.
  const bufferBytes = before.sizeBytes + 1;
  return limit.run(async () => {
    const buffer = Buffer.allocUnsafe(bufferBytes);
    const filled = await file.read(buffer, before.sizeBytes);
    if (filled !== before.sizeBytes || !(await unchanged(file, before))) return { state: "unstable" };
    const body = buffer.subarray(0, filled);
    const { etag } = await bucket.put(key, body, crc32(body));
    return { state: "sent", facts: before, etag };
  }, bufferBytes / BUFFER_PLACE_BYTES);
}

async function sendParts(
  file: OpenFile,
  before: FileFacts,
  key: string,
  { bucket, limit, partBuffers }: SendMeans,
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
        part = partBuffers.take(Math.min(size, before.sizeBytes - readBytes));
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
      // Of a request that failed, something may still be under way.
      sent.then(
        () => partBuffers.giveBack(part),
        (cause: unknown) => {
          failed = cause;
        },
      );
      sending.push(sent);
    }
    const parts = await Promise.all(sending);
    const probe = await file.read(Buffer.allocUnsafe(1));
    if (probe !== 0 || !(await unchanged(file, before))) return { state: "unstable" };
    const { etag } = await bucket.completeMultipart(key, uploadId, parts, readBytes);
    published = true;
    return { state: "sent", facts: before, etag };
  } finally {
    if (!published) {
      // A part that lands after the abort would stay, and be paid for.
      await Promise.allSettled(sending);
      await bucket.abortMultipart(key, uploadId);
    }
  }
}

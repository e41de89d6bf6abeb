/** How large an object and its parts may be, in bytes. Pure. */

/** Files up to this size go with one request. */
export const SINGLE_PUT_BYTES = 8 * 1024 * 1024;
const MAX_PARTS = 10_000;
/** The largest object that S3 takes, in bytes: 10,000 parts of 5 GiB (S3 user guide, "Multipart upload limits"). */
export const MAX_OBJECT_BYTES = MAX_PARTS * 5 * 1024 ** 3;
export const MEBIBYTE = 1024 * 1024;

/** The part size for an object: as small as memory likes, as large as 10,000 parts need. */
export function partBytes(sizeBytes: number): number {
  const least = Math.ceil(sizeBytes / MAX_PARTS);
  return Math.max(SINGLE_PUT_BYTES, Math.ceil(least / MEBIBYTE) * MEBIBYTE);
}

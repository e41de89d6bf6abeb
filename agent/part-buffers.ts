/**
 * Memory for the parts of large files, used again and again: fresh buffers would lie about until the collector comes,
 * several times as much as is in use.
 */
import { SINGLE_PUT_BYTES } from "./object-size.ts";

export class PartBuffers {
  readonly #free: Buffer[] = [];

  /** A buffer of this size, with whatever was in it before. */
  take(bytes: number): Buffer {
    // Of the largest files parts are larger, and few.
    if (bytes > SINGLE_PUT_BYTES) return Buffer.allocUnsafe(bytes);
    const buffer = this.#free.pop() ?? Buffer.allocUnsafe(SINGLE_PUT_BYTES);
    return buffer.subarray(0, bytes);
  }

  /** Gives a buffer back that nobody reads any more. What is not given back is no loss but of time. */
  giveBack(part: Buffer): void {
    if (part.buffer.byteLength === SINGLE_PUT_BYTES) this.#free.push(Buffer.from(part.buffer));
  }
}

/**
 * Keys: the order S3 lists them in, their limits, and the range of keys below a directory.
 *
 * A key is the object's full name; a path is what follows the target's key prefix. Both are compared the same way.
 */
import { RESERVED_PREFIX } from "#shared/names.ts";

/** The longest key that S3 takes, in UTF-8 bytes (S3 user guide, "Naming objects"). */
export const MAX_KEY_BYTES = 1024;

/**
 * Orders two keys as S3 lists them: by UTF-8 bytes. Negative when `left` comes first, 0 when equal.
 *
 * JavaScript compares UTF-16 units, which puts U+1F600 (units D83D DE00) before U+FFFD. Moving surrogates above all
 * other units gives the order of the code points, which is the order of their UTF-8 bytes.
 */
export function compareKeys(left: string, right: string): number {
  const shorter = Math.min(left.length, right.length);
  for (let index = 0; index < shorter; index++) {
    const leftUnit = left.charCodeAt(index);
    const rightUnit = right.charCodeAt(index);
    if (leftUnit !== rightUnit) return codePointRank(leftUnit) - codePointRank(rightUnit);
  }
  return left.length - right.length;
}

function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** The size of a key in UTF-8 bytes, which is what S3 limits. */
export function keyBytes(key: string): number {
  return Buffer.byteLength(key);
}

// A byte order mark is part of a file's name like any other character: never drop it.
const nameDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of a file name's bytes, or undefined when they are not UTF-8 and so cannot be a key. */
export function decodeName(bytes: Uint8Array): string | undefined {
  try {
    return nameDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Whether a full key belongs to the validator. */
export function isReserved(key: string): boolean {
  return key.startsWith(RESERVED_PREFIX);
}

const HIGHEST_BY_BYTES = ["", "\u007f", "\u07ff", "\uffff", "\u{10ffff}"] as const;

/**
 * The highest key that S3 could hold below a directory: no key that starts with `directory` sorts after it.
 *
 * @param directory a key or path that ends in "/"
 * @param maxBytes how long the result may be, in UTF-8 bytes
 */
export function lastKeyBelow(directory: string, maxBytes: number = MAX_KEY_BYTES): string {
  const room = Math.max(0, maxBytes - keyBytes(directory));
  return directory + HIGHEST_BY_BYTES[4].repeat(Math.floor(room / 4)) + HIGHEST_BY_BYTES[(room % 4) as 0 | 1 | 2 | 3];
}

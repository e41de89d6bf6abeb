/**
 * Makes any text fit to be shown on one line of a terminal or a log: what could move the cursor, start a new record or
 * turn the reading direction is shown as `\xNN` or `\u{...}`. Used for everything that a user sees.
 *
 * Pure. The backslash itself stays as it is: paths stay readable, and escaping twice changes nothing. So the result is
 * for eyes; it cannot always be turned back.
 */
import { decodeName } from "#shared/key.ts";

// C0, DEL and C1 controls; Arabic letter mark, left-to-right and right-to-left marks, embeddings, overrides and
// isolates; line and paragraph separators; the byte order mark; halves of surrogate pairs.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for here
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** The text on one line, with nothing in it that a terminal would obey. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const digits = code.toString(16);
    return code <= 0xff ? `\\x${digits.padStart(2, "0")}` : `\\u{${digits}}`;
  });
}

/** A byte string as text: what is not UTF-8 with its bytes above 7F as `\xNN`. Still to be escaped like any text. */
export function textOfBytes(bytes: string): string {
  return (
    decodeName(Buffer.from(bytes, "latin1")) ??
    bytes.replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`)
  );
}

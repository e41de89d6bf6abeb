/**
 * Makes any text fit to be shown on one line of a terminal or a log: what could move the cursor, start a new record or
 * turn the reading direction, and what is not seen, is shown as `\xNN` or `\u{...}`. Used for everything that a user sees.
 *
 * Pure. The backslash itself stays as it is: paths stay readable, and escaping twice changes nothing. So the result is
 * for eyes; it cannot always be turned back.
 */
import { decodeName } from "#shared/key.ts";

// C0, DEL and C1 controls; line and paragraph separators; halves of surrogate pairs; and what has no shape of its own:
// direction marks, embeddings, overrides and isolates, the byte order mark, zero-width and soft characters, fillers, tags,
// annotations. Not what words and emoji are joined and varied by.
const UNSAFE =
  /[[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]--[\u200c\u200d\p{Variation_Selector}]]/gv;

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

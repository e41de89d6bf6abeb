/**
 * JSON whose text is safe also for readers that are not JSON's: a terminal, whoever splits it into lines, the script of an
 * HTML page. To a reader of JSON it is the same.
 *
 * JSON itself escapes the first 32 control characters, quotes, backslashes and halves of surrogate pairs. Here also what a
 * terminal obeys, what is not seen or turns the reading direction, what some readers take for the end of a line, and `<`,
 * which alone can end a script or begin a comment in one.
 */
const UNSAFE = /[<\u007f-\u009f\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/gu;

export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(UNSAFE, escaped);
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => escapedUnit(character.charCodeAt(at))).join("");
}

function escapedUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}

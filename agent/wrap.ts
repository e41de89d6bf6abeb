/** Text in lines of a screen's width. Pure. */

export const WIDTH = 80;

/**
 * Breaks at spaces only, and not at those of what is copied as a whole: a path in brackets, a command in backquotes. A
 * word that is longer than a line has one of its own.
 */
export function wrap(text: string, width = WIDTH): string[] {
  const [indent = ""] = /^ */.exec(text) ?? [];
  const lines: string[] = [];
  let line: string | undefined;
  for (const word of text.slice(indent.length).match(UNBROKEN) ?? []) {
    if (line === undefined) line = indent + word;
    else if (line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  return [...lines, line ?? ""];
}

/** Characters that are no space, and spaces that stand in brackets or backquotes. */
const UNBROKEN = /(?:\[[^\]]*\]|`[^`]*`|\S)+/g;

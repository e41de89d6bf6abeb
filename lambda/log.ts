/** The log of the functions: lines of JSON, which the log group's queries read. */

/** `level` and `event` come first; `event` names what happened and never changes its meaning. */
export type LogRecord = { readonly level: "INFO" | "WARN" | "ERROR"; readonly event: string } & Readonly<
  Record<string, unknown>
>;

/**
 * One line of plain ASCII. Names come from hosts: nothing in them may begin a line, or turn a terminal's text around.
 * JSON itself only escapes the first 32 control characters.
 */
export function logLine(record: LogRecord): string {
  return JSON.stringify(record).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Into the function's log group, as it is: `console` would wrap the line into JSON of Lambda's own. */
export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

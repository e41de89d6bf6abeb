/**
 * The help text, made from the tables of switches and of exit codes, 80 columns wide. Pure.
 *
 * citty's own `renderUsage` knows no groups, no width and no exit codes, so it is not used.
 */
import { ARGUMENTS, COMMAND_DESCRIPTION, COMMAND_NAME, EXAMPLES, SWITCH_GROUPS, switchRows } from "./command.ts";
import { OUTCOMES } from "./exit-code.ts";
import { WIDTH, wrap } from "./wrap.ts";

const INDENT = "  ";

/** The whole text of `--help`, without a newline at its end. */
export function renderHelp(): string {
  return [
    `Usage: ${COMMAND_NAME} [switches] ${Object.keys(ARGUMENTS).join(" ")}`,
    wrap(COMMAND_DESCRIPTION).join("\n"),
    `Examples:\n${examples()}`,
    `Arguments:\n${columns(Object.entries(ARGUMENTS).map(([name, row]) => [name, row.description]))}`,
    ...switchGroups(),
    `Exit codes, and what --detailed-exit-codes makes of them:\n${exitCodes()}`,
  ].join("\n\n");
}

function examples(): string {
  return EXAMPLES.map(({ text, line }) => `${INDENT}# ${text}\n${INDENT}${COMMAND_NAME} ${line}`).join("\n\n");
}

function switchGroups(): string[] {
  const rows = switchRows().map((row) => {
    const letter = row.alias === undefined ? "    " : `-${row.alias}, `;
    const value = row.valueHint === undefined ? "" : ` ${row.valueHint}`;
    const standard = row.shownDefault === undefined ? "" : ` (default: ${row.shownDefault})`;
    return { group: row.group, cells: [`${letter}--${row.name}${value}`, row.description + standard] as const };
  });
  const width = Math.max(...rows.map(({ cells }) => cells[0].length));
  return Object.entries(SWITCH_GROUPS).map(
    ([group, title]) =>
      `${title}:\n${columns(
        rows.filter((row) => row.group === group).map((row) => row.cells),
        width,
      )}`,
  );
}

function exitCodes(): string {
  const rows = Object.values(OUTCOMES)
    .toSorted((left, right) => left.detailed - right.detailed)
    .map(({ code, detailed, meaning }) => [`${code}`.padStart(4) + `${detailed}`.padStart(10), meaning] as const);
  return columns([["code  detailed", "meaning"], ...rows]);
}

/** Two columns, the second one wrapped. */
function columns(rows: ReadonlyArray<readonly [string, string]>, firstWidth?: number): string {
  const width = firstWidth ?? Math.max(...rows.map(([first]) => first.length));
  return rows
    .flatMap(([first, second]) =>
      wrap(second, WIDTH - width - 2 * INDENT.length).map(
        (line, index) => INDENT + (index === 0 ? first : "").padEnd(width) + INDENT + line,
      ),
    )
    .join("\n");
}

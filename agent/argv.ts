/**
 * Reads argv as the predecessor's getopt did, strictly: bundled letters (`-bqd`), values attached or apart (`-lFILE`,
 * `-l FILE`, `--logfile=FILE`, `--logfile FILE`), long names cut short where that is unambiguous, `--` ends the
 * switches. Unlike there, switches may also stand after the arguments.
 *
 * The result is the same command line in its one canonical spelling, which citty reads without guessing: citty takes
 * unknown switches and a missing value in silence. Knows the table of switches, not their meaning.
 */
import { nearest } from "#shared/nearest.ts";
import { COMMAND_NAME, type SwitchName, switchRows } from "./command.ts";
import { Failure } from "./errors.ts";

const ROWS = switchRows();

/** Every accepted long spelling. */
const SPELLINGS: ReadonlyMap<string, SwitchName> = new Map(
  ROWS.flatMap(({ name }) => [camelCase(name), kebabCase(name)].map((spelling) => [spelling, name] as const)),
);
const LETTERS: ReadonlyMap<string, SwitchName> = new Map(
  ROWS.flatMap(({ name, alias }) => (alias === undefined ? [] : [[alias, name] as const])),
);
const WITH_VALUE: ReadonlySet<SwitchName> = new Set(
  ROWS.filter(({ type }) => type === "string").map(({ name }) => name),
);

/** What empties a bucket is not given by a slip of the finger. */
const IN_FULL: ReadonlySet<SwitchName> = new Set(["allow-empty-source", "allow-unmounted-source", "take-over"]);

/** The predecessor's switches are those with a letter. */
const PREDECESSOR_NAMES: ReadonlySet<SwitchName> = new Set(LETTERS.values());

/** `--name` or `--name=value` for each switch, then `--`, then the arguments. */
export function canonicalArguments(argv: readonly string[]): string[] {
  const switches: string[] = [];
  const positionals: string[] = [];
  // A switch takes its value from here as well.
  const rest = argv.values();
  for (const token of rest) {
    if (token === "--") {
      // Not as the arguments of one call, which takes only so many.
      for (const positional of rest) positionals.push(positional);
    } else if (token.startsWith("--")) {
      switches.push(longSwitch(token, rest));
    } else if (token.startsWith("-") && token !== "-") {
      for (const letterSwitch of letterSwitches(token, rest)) switches.push(letterSwitch);
    } else {
      positionals.push(token);
    }
  }
  // Of the same switch the last one counts.
  return [...[...new Set(switches.toReversed())].toReversed(), "--", ...positionals];
}

function longSwitch(token: string, rest: Iterator<string, undefined>): string {
  const equals = token.indexOf("=");
  const given = equals < 0 ? token.slice(2) : token.slice(2, equals);
  const name = findLongName(given);
  if (!WITH_VALUE.has(name)) {
    if (equals < 0) return `--${name}`;
    throw wrongSwitch(`--${name}`, "it takes no value", `Use --${name} alone.`);
  }
  return `--${name}=${takeValue(`--${name}`, name, equals < 0 ? rest.next().value : token.slice(equals + 1))}`;
}

function letterSwitches(token: string, rest: Iterator<string, undefined>): string[] {
  const switches: string[] = [];
  const letters = [...token.slice(1)];
  for (const [position, letter] of letters.entries()) {
    const name = LETTERS.get(letter);
    if (name === undefined) throw unknownLetter(letter, token);
    if (WITH_VALUE.has(name)) {
      const attached = letters.slice(position + 1).join("");
      const value = takeValue(`-${letter}`, name, attached === "" ? rest.next().value : attached);
      return [...switches, `--${name}=${value}`];
    }
    switches.push(`--${name}`);
  }
  return switches;
}

function takeValue(shown: string, name: SwitchName, value: string | undefined): string {
  if (value !== undefined && value !== "") return value;
  const hint = ROWS.find((row) => row.name === name)?.valueHint ?? "VALUE";
  const reason = value === undefined ? "its value is missing" : "its value is empty";
  throw wrongSwitch(shown, reason, `It is used as ${shown} ${hint}.`);
}

/** The switch of a long name as given: an exact spelling, or the beginning of the spellings of just one switch. */
function findLongName(given: string): SwitchName {
  const exact = SPELLINGS.get(given);
  if (exact !== undefined) return exact;
  const all = new Set(given === "" ? [] : startingWith(given));
  // What was enough for the predecessor stays enough, however many switches have come since.
  const old = [...all].filter((name) => PREDECESSOR_NAMES.has(name));
  const matches = old.length === 1 ? new Set(old) : all;
  const [only] = matches;
  if (only === undefined) throw unknownName(given);
  if (matches.size > 1) {
    const candidates = [...matches].map((name) => `--${name}`).join(", ");
    throw wrongSwitch(`--${given}`, "it is the beginning of several switches", `Write it in full: ${candidates}.`);
  }
  return only;
}

function startingWith(given: string): SwitchName[] {
  return [...SPELLINGS].flatMap(([spelling, name]) => (spelling.startsWith(given) && !IN_FULL.has(name) ? [name] : []));
}

function unknownName(given: string): Failure {
  const near = nearestName(given);
  return unknown(`--${given}`, near === undefined ? undefined : `--${near}`);
}

function unknownLetter(letter: string, token: string): Failure {
  const shown = token === `-${letter}` ? token : `-${letter}] in [${token}`;
  const word = token.slice(1).split("=", 1)[0] ?? "";
  // A long name with one dash too few reads as a bundle of letters.
  if (word.length > 3) {
    const near = SPELLINGS.get(word) ?? startingWith(word)[0] ?? nearestName(word);
    if (near !== undefined) return unknown(shown, `--${near}`);
  }
  const otherCase = letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase();
  return unknown(shown, LETTERS.has(otherCase) ? `-${otherCase}` : undefined);
}

function unknown(shown: string, suggestion: string | undefined): Failure {
  const question = suggestion === undefined ? "" : `Did you mean ${suggestion}? `;
  return wrongSwitch(shown, "there is no such switch", `${question}All switches: ${COMMAND_NAME} --help`);
}

function wrongSwitch(subject: string, reason: string, hint: string): Failure {
  return new Failure({ outcome: "arguments", operation: "use the switch", subject, reason, hint });
}

function nearestName(given: string): SwitchName | undefined {
  const spelling = nearest(given, SPELLINGS.keys());
  return spelling === undefined ? undefined : SPELLINGS.get(spelling);
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

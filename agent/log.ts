/**
 * The log: one line for each record in the log file, and what of it the screen shows. Everything is escaped here, so
 * that no file name can forge a record or steer a terminal. Knows nothing of what is logged.
 *
 *                 file           screen       screen with -b   screen with -q
 *     debug       with -d        -            stdout with -d   -
 *     info        yes            -            stdout           -
 *     warn        yes            -            stderr           -
 *     error       yes            stderr       stderr           -
 *     result      yes            stdout       stdout           -
 *     request     with -O or -d  -            -                -
 */
import { join } from "node:path";
import { DEFAULT_LOG_FILE, DEFAULT_OWNER } from "./command.ts";
import { escapeText } from "./escape.ts";
import { isAboutPlace, type LogFile, openLogFile, openOwnLogFile } from "./log-file.ts";
import type { LogOptions } from "./options.ts";
import { stateDirectory } from "./state-directory.ts";
import { reasonOf } from "./system-error.ts";

export interface Log {
  debug(text: string): void;
  info(text: string): void;
  warn(text: string): void;
  error(text: string): void;
  /** One AWS request and its outcome, for --output. */
  request(text: string): void;
  /** A line of the final verdict: also on the screen. */
  result(text: string): void;
}

export interface OpenLog extends Log {
  /** Where the records go; undefined when there is only stderr. */
  readonly path: string | undefined;
  close(): void;
}

export interface Screen {
  /** One line to stdout. */
  print(line: string): void;
  /** One line to stderr. */
  complain(line: string): void;
}

/** What the log needs to know of the process. */
export interface LogSurroundings {
  readonly screen: Screen;
  readonly now: () => Date;
  readonly isRoot: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Undefined where the user has none, as in a container that runs under any number. */
  readonly homeDirectory: string | undefined;
  /** Another one for tests only. */
  readonly defaultLogFile?: string;
}

type Level = "DEBUG" | "INFO" | "WARNING" | "ERROR";

// As the predecessor's format: wide enough for the longest name.
const LEVEL_WIDTH = 7;

/** @throws {Failure} with the outcome "logging" when the file that was asked for cannot be used */
export function openLog(options: LogOptions, surroundings: LogSurroundings): OpenLog {
  const { file, notice } = chooseLogFile(options, surroundings);
  const log = writeLog(file, options, surroundings);
  if (notice !== undefined) {
    log.warn(notice);
    // Without a file the record itself went to stderr; with -b the screen has it too.
    if (file !== undefined && !options.quiet && !options.verbose) surroundings.screen.complain(escapeText(notice));
  }
  return log;
}

interface ChosenLogFile {
  file: LogFile | undefined;
  /** What the user should hear about the choice. */
  notice?: string;
}

function chooseLogFile(options: LogOptions, surroundings: LogSurroundings): ChosenLogFile {
  const [user = "", group = ""] = DEFAULT_OWNER.split(":");
  const creation = {
    mode: options.mode,
    owner: options.owner ?? { user, group },
    ownerNeeded: options.owner !== undefined,
  };
  if (options.logfile !== undefined) return { file: openLogFile(options.logfile, creation) };
  try {
    return { file: openLogFile(surroundings.defaultLogFile ?? DEFAULT_LOG_FILE, creation) };
  } catch (error) {
    if (surroundings.isRoot || !isAboutPlace(error)) throw error;
    const what = `The log file [${error.subject}] cannot be written: ${error.reason}.`;
    const toStderr = "The log goes to stderr; name a file that can be written with --logfile FILE.";
    const ownDirectory = stateDirectory(surroundings);
    if (ownDirectory === undefined) return { file: undefined, notice: `${what} ${toStderr}` };
    const ownPath = join(ownDirectory, "cback.log");
    try {
      const file = openOwnLogFile(ownPath, creation);
      return { file, notice: `${what} The log goes to [${file.path}]; --logfile FILE names another one.` };
    } catch (second) {
      if (!isAboutPlace(second)) throw second;
      const whatElse = `Neither can [${second.subject}]: ${second.reason}.`;
      return { file: undefined, notice: `${what} ${whatElse} ${toStderr}` };
    }
  }
}

function writeLog(file: LogFile | undefined, options: LogOptions, { screen, now }: LogSurroundings): OpenLog {
  let complainedAboutFile = false;

  const complain = (line: string) => {
    if (!options.quiet) screen.complain(line);
  };

  /** The record in the log file; in stderr instead where there is no file or it cannot take it. */
  const record = (level: Level, text: string): "filed" | "on stderr" => {
    const time = `${now().toISOString().slice(0, "2026-11-22T12:00:00".length)} UTC`;
    const line = `${time} --> [${level.padEnd(LEVEL_WIDTH)}] ${escapeText(text)}`;
    try {
      if (file !== undefined) {
        file.append(`${line}\n`);
        return "filed";
      }
    } catch (error) {
      if (!complainedAboutFile && file !== undefined) {
        complainedAboutFile = true;
        complain(escapeText(`Cannot write to the log file [${file.path}]: ${reasonOf(error)}. Its lines follow here.`));
      }
    }
    complain(line);
    return "on stderr";
  };

  const show = (print: (line: string) => void, text: string, filed: "filed" | "on stderr") => {
    if (!options.quiet && filed === "filed") print(escapeText(text));
  };

  return {
    path: file?.path,
    debug(text) {
      if (!options.debug) return;
      const filed = record("DEBUG", text);
      if (options.verbose) show(screen.print, text, filed);
    },
    info(text) {
      const filed = record("INFO", text);
      if (options.verbose) show(screen.print, text, filed);
    },
    warn(text) {
      const filed = record("WARNING", text);
      if (options.verbose) show(screen.complain, text, filed);
    },
    error(text) {
      show(screen.complain, text, record("ERROR", text));
    },
    request(text) {
      if (options.output) record("INFO", text);
    },
    result(text) {
      // Where there is no file the record would stand beside it, on the same screen.
      if (file !== undefined) record("INFO", text);
      show(screen.print, text, "filed");
    },
    close: () => file?.close(),
  };
}

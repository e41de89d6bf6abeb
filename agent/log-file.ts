/**
 * The file of the log: opened or created without ever following a symbolic link, owned and readable as asked for when
 * it is created, left as it is otherwise. Knows nothing of levels and of the screen.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  mkdirSync,
  openSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { Failure } from "./errors.ts";
import type { OwnerNames } from "./options.ts";
import { findOwnerIds } from "./owner.ts";
import { codeOf, reasonOf } from "./system-error.ts";

/** An open log file. */
export interface LogFile {
  readonly path: string;
  /** Appends whole lines, at once: nothing is lost when the process ends. Throws what the system says. */
  append(text: string): void;
  close(): void;
}

/** How a log file is to be created. */
export interface LogFileCreation {
  readonly mode: number;
  readonly owner: OwnerNames;
  /** Whether creating fails when the owner cannot be set. */
  readonly ownerNeeded: boolean;
}

// O_NOFOLLOW: a user who may write to the directory could plant a link to a file of root.
// O_NONBLOCK: opening a FIFO that nobody reads would wait for ever.
const APPEND =
  constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const CREATE = APPEND | constants.O_CREAT | constants.O_EXCL;
// Nobody but us may open the file before its owner and mode are set.
const MODE_WHILE_CREATED = 0o600;
// Log rotation may create and remove the file between our two attempts, but not for ever.
const ATTEMPTS = 10;

/** @throws {Failure} with the outcome "logging" */
export function openLogFile(givenPath: string, creation: LogFileCreation): LogFile {
  const path = resolve(givenPath);
  for (let attempt = 1; ; attempt++) {
    try {
      return appendingTo(path, createFile(path, creation));
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw cannotOpen(path, error);
    }
    try {
      return appendingTo(path, openExisting(path));
    } catch (error) {
      if (codeOf(error) !== "ENOENT" || attempt === ATTEMPTS) throw cannotOpen(path, error);
    }
  }
}

/** As `openLogFile`, and makes the directory, for its user only. */
export function openOwnLogFile(path: string, creation: LogFileCreation): LogFile {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw cannotOpen(path, error);
  }
  return openLogFile(path, creation);
}

function createFile(path: string, { mode, owner, ownerNeeded }: LogFileCreation): number {
  const descriptor = openSync(path, CREATE, MODE_WHILE_CREATED);
  try {
    setOwner(path, descriptor, owner, ownerNeeded);
    // After the owner: changing the owner clears some of the bits.
    fchmodSync(descriptor, mode);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    // The next run would take the file for one that was set up well.
    rmSync(path, { force: true });
    throw error;
  }
}

function setOwner(path: string, descriptor: number, { user, group }: OwnerNames, needed: boolean): void {
  const ids = findOwnerIds(user, group);
  if ("unknown" in ids) {
    if (needed) throw cannotSetOwner(path, user, group, `there is no ${ids.unknown}`);
    return;
  }
  try {
    fchownSync(descriptor, ids.uid, ids.gid);
  } catch (error) {
    if (needed) throw cannotSetOwner(path, user, group, reasonOf(error), error);
  }
}

function openExisting(path: string): number {
  const descriptor = openSync(path, APPEND);
  const facts = fstatSync(descriptor);
  if (facts.isFile() || facts.isCharacterDevice()) return descriptor;
  closeSync(descriptor);
  throw cannotOpen(path, undefined, "it is neither a file nor a device like /dev/null");
}

function appendingTo(path: string, descriptor: number): LogFile {
  // The disk may fill up in the middle of a line; what comes later begins on a new one.
  let torn = false;
  return {
    path,
    append(text) {
      const bytes = Buffer.from(torn ? `\n${text}` : text);
      let written = 0;
      try {
        while (written < bytes.length) written += writeSync(descriptor, bytes, written);
        torn = false;
      } catch (error) {
        torn ||= written > 0;
        throw error;
      }
    },
    close: () => closeSync(descriptor),
  };
}

const OPEN = "open the log file";

/** Whether another place for the file would help. A wrong owner is wrong everywhere. */
export function isAboutPlace(error: unknown): error is Failure {
  return error instanceof Failure && error.operation === OPEN;
}

/** What a system error means for the log. */
const OWN_REASONS = {
  ENOENT: "its directory does not exist",
  ENOTDIR: "its directory is not a directory",
  ELOOP: "it is a symbolic link, and following one could overwrite another file",
};

function cannotOpen(path: string, cause: unknown, reason = reasonOf(cause, OWN_REASONS)): Failure {
  if (cause instanceof Failure) return cause;
  return new Failure({
    outcome: "logging",
    operation: OPEN,
    subject: path,
    reason,
    hint: "Name a file that can be written with --logfile FILE.",
    cause,
  });
}

function cannotSetOwner(path: string, user: string, group: string, reason: string, cause?: unknown): Failure {
  return new Failure({
    outcome: "logging",
    operation: `make ${user}:${group} the owner of the log file`,
    subject: path,
    reason,
    hint: "Give another --owner USER:GROUP, or create the file beforehand: an existing file keeps its owner.",
    cause,
  });
}

/**
 * One run at a time for each target, of one user on one host. The lock is one that SQLite takes on an empty file: the
 * kernel holds it for the process, and frees it when that ends in whatever way. Nothing is ever stale, and nobody has to
 * remove a file (docs/decisions/0010).
 */
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { type Target, targetUrl } from "#shared/target.ts";
import { Failure } from "./errors.ts";
import { escapeText } from "./escape.ts";
import type { Log } from "./log.ts";
import { reasonOf } from "./system-error.ts";

const HolderSchema = Type.Object({ processId: Type.Integer(), started: Type.String(), directory: Type.String() });

/** Who holds a lock. */
type Holder = Static<typeof HolderSchema>;

export interface LockRequest {
  readonly target: Target;
  /** Undefined where the user has no place for it. */
  readonly stateDirectory: string | undefined;
  readonly holder: Holder;
}

/** The result code of SQLite for a file that another process has locked; extended codes keep it in their last byte. */
const SQLITE_BUSY = 5;

/**
 * Takes the lock, or warns that there is none to be had: a disk that cannot lock must not end all backups.
 *
 * @returns what holds the lock until it is disposed of; to be kept, for what nobody refers to is collected
 * @throws {Failure} with the outcome "locked" when another run holds it
 */
export function lockTarget({ target, stateDirectory, holder }: LockRequest, log: Pick<Log, "warn">): Disposable {
  const folder = join(stateDirectory ?? "", "locks");
  const name = createHash("sha256")
    .update(JSON.stringify([target.bucket, target.keyPrefix]))
    .digest("hex");
  const lockPath = join(folder, name);
  const holderPath = `${lockPath}.json`;
  let lock: DatabaseSync | undefined;
  try {
    if (stateDirectory === undefined) throw new Error("this user has no state directory");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // SQLite would create it for others to read, and so to lock.
    closeSync(openSync(lockPath, "a", 0o600));
    lock = new (loadSqlite().DatabaseSync)(lockPath);
    // Nothing is ever written, so no journal is to lie beside the file either.
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE");
  } catch (cause) {
    lock?.close();
    if (isBusy(cause)) throw heldFailure(target, readHolder(holderPath), cause);
    log.warn(`A second run at the same time would not be noticed, for there is no lock: ${reasonOf(cause)}.`);
    return { [Symbol.dispose]() {} };
  }
  const held = lock;
  writeHolder(holderPath, holder);
  return {
    [Symbol.dispose]() {
      rmSync(holderPath, { force: true });
      held.close();
    },
  };
}

/** For the message of the one that comes second; the lock is held without it. */
function writeHolder(path: string, holder: Holder): void {
  try {
    writeFileSync(path, JSON.stringify(holder), { mode: 0o600 });
  } catch {
    // A full disk, and then there may be the name of an earlier one.
    rmSync(path, { force: true });
  }
}

/** Early versions of Node.js 24 warn on stderr that SQLite is new, and cron would mail that. */
function loadSqlite(): typeof import("node:sqlite") {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}

function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" && (errcode & 0xff) === SQLITE_BUSY;
}

/** Undefined in the moment between the lock and its holder's name. */
function readHolder(path: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return Value.Check(HolderSchema, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function heldFailure(target: Target, holder: Holder | undefined, cause: unknown): Failure {
  const who = holder === undefined ? "" : `: process ${holder.processId}, since ${holder.started}`;
  const from = holder === undefined ? "" : ` It syncs ${escapeText(holder.directory)}.`;
  const end = holder === undefined ? "" : `, or end it: kill ${holder.processId}`;
  return new Failure({
    outcome: "locked",
    operation: "sync to",
    subject: targetUrl(target),
    reason: `another run is at work there${who}`,
    hint: `Nothing was sent or deleted.${from}\nWait until it has ended${end}.\nThe lock ends with that process; there is no file to remove.`,
    cause,
  });
}

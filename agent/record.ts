/**
 * The record of a pass: what became of each entry, told once to tally and log, and what of it was a repair. What it
 * returns is the entry's line in the manifest.
 */
import type { KnownEntry, ObjectEntry, UnknownEntry } from "#shared/entry.ts";
import { textOfBytes } from "./escape.ts";
import type { Log } from "./log.ts";
import type { BytePath } from "./ports.ts";
import { reasonOf } from "./system-error.ts";
import { type Repair, type State, Tally } from "./tally.ts";
import type { Transferred, Untransferred } from "./transfer.ts";
import type { WalkedFile, WalkedUnknown, WalkNotice } from "./walk.ts";

export interface RecordRequest {
  /** The run whose findings this pass repairs: whatever it does is a repair. */
  readonly repairs: string | null;
  /** When the last proven run of this very source was; what changed in the bucket since then is drift. */
  readonly driftSinceMs: number | undefined;
}

export class PassRecord {
  readonly tally = new Tally();
  readonly #request: RecordRequest;
  readonly #log: Pick<Log, "warn" | "info" | "debug">;
  #walkErrors = 0;
  #filesSeen = 0;

  constructor(request: RecordRequest, log: Pick<Log, "warn" | "info" | "debug">) {
    this.#request = request;
    this.#log = log;
  }

  /** How much of the source the walk could not see. */
  get walkErrors(): number {
    return this.#walkErrors;
  }

  /** Files that were there when they were to be read: none of them is a link or a name that leads nowhere. */
  get filesSeen(): number {
    return this.#filesSeen;
  }

  kept(file: WalkedFile, etag: string): KnownEntry {
    this.#filesSeen += 1;
    this.tally.count("unchanged");
    this.tally.fileBytes += file.sizeBytes;
    return { path: file.path, sizeBytes: file.sizeBytes, etag };
  }

  /** @param object what was there before */
  uploaded(file: WalkedFile, { sizeBytes, etag }: Transferred, object: ObjectEntry | undefined): KnownEntry {
    this.#filesSeen += 1;
    this.tally.count("uploaded");
    this.tally.fileBytes += sizeBytes;
    this.#log.info(`Uploaded [${file.path}], ${sizeBytes} bytes.`);
    if (this.#mendsDrift(file, object)) this.#repaired(object === undefined ? "missing" : "changed", file.path);
    return { path: file.path, sizeBytes, etag };
  }

  /** A file that verify-only does not send. */
  different(file: WalkedFile, etag: string): KnownEntry {
    this.#filesSeen += 1;
    this.tally.count("different");
    return { path: file.path, sizeBytes: file.sizeBytes, etag };
  }

  untransferred(file: WalkedFile, outcome: Untransferred): UnknownEntry {
    if (outcome.state !== "vanished" && outcome.state !== "special") this.#filesSeen += 1;
    switch (outcome.state) {
      case "vanished":
        return this.#problem(file, "vanished", "it is gone");
      case "unreadable":
        return this.#problem(file, "unreadable", reasonOf(outcome.cause));
      case "unstable":
        return this.#problem(file, "unstable", "it changes while it is read");
      case "too-large":
        return this.#problem(file, "unrepresentable", "it is larger than any object can be");
      case "special":
        return this.#problem(file, "skipped", "it is no file any more");
    }
  }

  failed(file: WalkedFile, reason: string): UnknownEntry {
    this.#filesSeen += 1;
    return this.#problem(file, "failed", reason);
  }

  unknown(entry: WalkedUnknown): UnknownEntry {
    switch (entry.reason) {
      case "vanished":
        this.#name("vanished", entry.location, "it is gone");
        break;
      case "broken-link":
        // It stands in the stream twice, as what it may have led to: a file, a directory.
        if (!entry.path.endsWith("/"))
          this.#name("unreadable", entry.location, `the link leads nowhere (${reasonOf(entry.cause)})`);
        break;
      default:
        this.#walkErrors += 1;
        this.#name("unreadable", entry.location, reasonOf(entry.cause));
    }
    return { path: entry.path, unknown: true };
  }

  notice({ location, what }: WalkNotice): void {
    switch (what) {
      case "special":
        this.tally.count("skipped");
        this.#log.info(`Skipped [${textOfBytes(location)}]: it is neither a file nor a directory.`);
        return;
      case "link-loop":
        this.tally.count("skipped");
        this.#log.info(`Skipped [${textOfBytes(location)}]: the link leads to a directory that it lies in.`);
        return;
      case "name-not-utf8":
        this.#name("unrepresentable", location, "its name is not UTF-8");
        return;
      case "name-too-long":
        this.#name("unrepresentable", location, "its key would be longer than 1,024 bytes");
    }
  }

  deleted(path: string, foreign: boolean): void {
    this.tally.deleted += 1;
    this.#log.info(`Deleted [${path}].`);
    if (foreign) this.#repaired("unexpected", path);
  }

  /**
   * Whether somebody else put an object there that the source does not hold. Undefined when that cannot be told from
   * its time: S3 shows whole seconds, and in this one the last run may have sent it.
   */
  isForeign(object: ObjectEntry): boolean | undefined {
    const { driftSinceMs, repairs } = this.#request;
    // The pass before this one has just deleted what the source does not hold.
    if (repairs !== null) return true;
    if (!this.#isDrift(object)) return false;
    return driftSinceMs !== undefined && object.modifiedMs > driftSinceMs ? true : undefined;
  }

  /** Whether an object was written after the last proven run of this source. S3 shows whole seconds. */
  #isDrift({ modifiedMs }: ObjectEntry): boolean {
    const { driftSinceMs } = this.#request;
    return driftSinceMs !== undefined && modifiedMs + 1_000 > driftSinceMs;
  }

  /** Whoever finds a file unchanged since the last proof and its object not, has found and mended a drift. */
  #mendsDrift(file: WalkedFile, object: ObjectEntry | undefined): boolean {
    const { driftSinceMs, repairs } = this.#request;
    if (repairs !== null) return true;
    const fileAsProven = driftSinceMs !== undefined && file.changedMs < driftSinceMs;
    return fileAsProven && (object === undefined || this.#isDrift(object));
  }

  #repaired(kind: Repair["kind"], path: string): void {
    this.tally.repaired({ kind, path });
    this.#log.info(`Repaired [${path}]: it was ${kind}.`);
  }

  #problem(file: WalkedFile, state: State, reason: string): UnknownEntry {
    this.#name(state, file.location, reason);
    return { path: file.path, unknown: true };
  }

  #name(state: State, location: BytePath, reason: string): void {
    const name = textOfBytes(location);
    this.tally.problem({ state, name, reason });
    // The summary names the first few; the log, all.
    this.#log.warn(`[${name}]: ${reason}.`);
  }
}

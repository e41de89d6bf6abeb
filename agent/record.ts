/**
 * The record of a pass: what became of each entry, told once to tally and log, and what of it was a repair. What it
 * returns is the entry's line in the manifest.
 */
import type { KnownEntry, UnknownEntry } from "#shared/entry.ts";
import type { Finding } from "#shared/report.ts";
import { counted } from "./amounts.ts";
import { type KnownFile, remember } from "./baseline.ts";
import { locationOf } from "./byte-path.ts";
import { textOfBytes } from "./escape.ts";
import type { Log } from "./log.ts";
import type { FileAction } from "./plan.ts";
import type { BytePath } from "./ports.ts";
import type { Untransferred } from "./steady-read.ts";
import { reasonOf } from "./system-error.ts";
import { type Repair, type State, Tally } from "./tally.ts";
import type { Transferred } from "./transfer.ts";
import type { FileMarks, WalkedUnknown, WalkNotice } from "./walk.ts";

export interface RecordRequest {
  /** The run whose findings this pass repairs. */
  readonly repairs: string | null;
  /** All of those findings; undefined where the report does not name them all: whatever the pass does is a repair. */
  readonly corrections: readonly Finding[] | undefined;
  /** Whether the pass before could not delete an object: then it is no repair to delete it now. */
  readonly isUndeleted: (path: string) => boolean;
  readonly root: BytePath;
  /** When the pass began, by the host's clock. */
  readonly startedMs: number;
}

export class PassRecord {
  readonly tally = new Tally();
  readonly #request: RecordRequest;
  readonly #log: Pick<Log, "warn" | "info" | "debug">;
  readonly #findings: ReadonlyMap<string, Finding["kind"]> | undefined;
  #walkErrors = 0;
  #filesSeen = 0;

  constructor(request: RecordRequest, log: Pick<Log, "warn" | "info" | "debug">) {
    this.#request = request;
    this.#log = log;
    this.#findings = request.corrections && new Map(request.corrections.map(({ path, kind }) => [path, kind]));
  }

  /** How much of the source the walk could not see. */
  get walkErrors(): number {
    return this.#walkErrors;
  }

  /** Files that were there when they were to be read: none of them is a link or a name that leads nowhere. */
  get filesSeen(): number {
    return this.#filesSeen;
  }

  kept(file: FileMarks, etag: string): KnownFile {
    this.#filesSeen += 1;
    this.tally.count("unchanged");
    this.tally.fileBytes += file.sizeBytes;
    // What the baseline knew already stays as it is.
    return "etag" in file && file.etag === etag ? (file as KnownFile) : remember(file, etag, this.#request.startedMs);
  }

  /**
   * What is remembered is what was read, not what was walked: a link or directory on the way may have led elsewhere
   * meanwhile, and lead back again, and nothing else would tell.
   */
  uploaded({ file, was, isDrift }: FileAction, { facts, etag }: Transferred): KnownFile {
    const { path } = file;
    const { sizeBytes } = facts;
    this.#filesSeen += 1;
    this.tally.count("uploaded");
    this.tally.fileBytes += sizeBytes;
    this.#log.info(`Uploaded [${path}], ${counted(sizeBytes, "byte")}.`);
    const kind = isDrift ? was : this.#repairOf(path, was);
    if (kind !== undefined) this.#repaired(kind, path);
    return remember({ path, ...facts }, etag, this.#request.startedMs);
  }

  /** A file that verify-only does not send. */
  different({ path, sizeBytes }: FileMarks, etag: string): KnownEntry {
    this.#filesSeen += 1;
    this.tally.count("different");
    this.tally.fileBytes += sizeBytes;
    return { path, sizeBytes, etag };
  }

  untransferred(file: FileMarks, outcome: Untransferred): UnknownEntry {
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

  failed(file: FileMarks, reason: string): UnknownEntry {
    this.#filesSeen += 1;
    return this.#problem(file, "failed", reason);
  }

  unknown(entry: WalkedUnknown): UnknownEntry {
    switch (entry.reason) {
      case "vanished":
        this.#name("vanished", entry.location, "it is gone");
        break;
      case "other-file-system":
        this.#otherFileSystem(entry.location);
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
      case "other-file-system":
        this.#otherFileSystem(location);
        return;
      case "name-not-utf8":
        this.#name("unrepresentable", location, "its name is not UTF-8");
        return;
      case "name-too-long":
        this.#name("unrepresentable", location, "its key would be longer than 1,024 bytes");
    }
  }

  deleted(path: string): void {
    this.tally.deleted += 1;
    this.#log.info(`Deleted [${path}].`);
    // The pass before a repair has deleted what the source did not hold, or could not.
    if (!this.#request.isUndeleted(path) && this.#repairOf(path, "changed") !== undefined)
      this.#repaired("unexpected", path);
  }

  /** What was wrong with an object that a repair has mended; undefined when nobody but the user has changed it. */
  #repairOf(path: string, was: "missing" | "changed" | undefined): Repair["kind"] | undefined {
    if (this.#request.repairs === null) return undefined;
    if (this.#findings === undefined) return was;
    const found = this.#findings.get(path);
    return found === undefined || found === "missing" || found === "unexpected" ? found : "changed";
  }

  #repaired(kind: Repair["kind"], path: string): void {
    this.tally.repaired({ kind, path });
    this.#log.info(`Repaired [${path}]: it was ${kind}.`);
  }

  #otherFileSystem(location: BytePath): void {
    this.tally.count("skipped");
    this.#log.info(`Skipped [${textOfBytes(location)}]: it lies on another file system.`);
  }

  #problem(file: FileMarks, state: State, reason: string): UnknownEntry {
    this.#name(state, locationOf(this.#request.root, file.path), reason);
    return { path: file.path, unknown: true };
  }

  #name(state: State, location: BytePath, reason: string): void {
    const name = textOfBytes(location);
    this.tally.problem({ state, name, reason });
    // The summary names the first few; the log, all.
    this.#log.warn(`[${name}]: ${reason}.`);
  }
}

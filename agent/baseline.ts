/**
 * The baseline: what a host remembers of its last run, file by file and in key order, so that a walk alone tells what
 * has changed since. Pure; where it is kept is `baseline-store.ts`.
 *
 * An item says that this host saw a file with these facts, and that S3 gave its content this ETag. It never says that
 * the object is still there: that is the validator's to find, of every entry and in every run.
 */
import { type Entry, isUnknown, type UnknownEntry } from "#shared/entry.ts";
import { compareKeys, isReserved } from "#shared/key.ts";
import { type Entries, march } from "#shared/march.ts";
import type { Finding } from "#shared/report.ts";
import type { FileMarks } from "./walk.ts";

/** A file as it was when it was sent, or found to be as its object. */
export interface KnownFile extends FileMarks {
  /** Without quotes. */
  readonly etag: string;
  /** The file is gone, and its object to be deleted: it may be, or not. To be forgotten once that is done. */
  readonly leaving?: true;
}

/** An object to be deleted that no file is known for. */
export interface GoneEntry extends Entry {
  readonly gone: true;
}

/** An unknown entry is a hole: of what the bucket holds there, or below there, nothing is remembered. */
export type BaselineItem = KnownFile | GoneEntry | UnknownEntry;

/** How far the clocks of host and file server may be apart, and how coarse a file's times may be (FAT: 2 s). */
export const RACY_MS = 5_000;

/**
 * Whether a file is as it was, by all that the file system says of it but its content.
 *
 * The device is not asked: its number changes with the order in which file systems are mounted.
 */
export function isSame(file: FileMarks, known: KnownFile): boolean {
  return (
    file.sizeBytes === known.sizeBytes &&
    file.modifiedMs === known.modifiedMs &&
    file.changedMs === known.changedMs &&
    file.inode === known.inode
  );
}

/**
 * What to remember of a file. One that changed just before it was looked at, or after, may change once more and show
 * the same times: it gets no time of change, which is the same as no other, and so is compared by the next run. (Git
 * calls this racy.)
 *
 * @param startedMs when the run began, by the host's clock
 */
export function remember(
  { path, sizeBytes, modifiedMs, changedMs, inode }: FileMarks,
  etag: string,
  startedMs: number,
): KnownFile {
  return {
    path,
    sizeBytes,
    etag,
    modifiedMs,
    changedMs: changedMs < startedMs - RACY_MS ? changedMs : Number.NaN,
    inode,
  };
}

export function isGone(item: BaselineItem): item is GoneEntry {
  return "gone" in item;
}

/** Whether an item is to be forgotten when all that was to be deleted is. */
export function isLeaving(item: BaselineItem): boolean {
  return isGone(item) || (!isHole(item) && item.leaving === true);
}

/** The same item where nothing was deleted: what was to leave is still there. */
export function staying(item: BaselineItem): BaselineItem {
  if (!("leaving" in item)) return item;
  const { leaving: _, ...stays } = item;
  return stays;
}

/** What to remember of an object that is to be deleted, until it is. */
export function leaving({ path, known }: { path: string; known: KnownFile | undefined }): BaselineItem {
  return known === undefined ? { path, gone: true } : { ...known, leaving: true };
}

export function isHole(item: BaselineItem): item is UnknownEntry {
  return isUnknown(item);
}

/**
 *   ["path",size in bytes,"etag",mtime,ctime or null,inode]     a file; times in milliseconds since 1970
 *   ["path",size in bytes,"etag",mtime,ctime or null,inode,1]   a file that is leaving
 *   ["path",null]                                               an object to be deleted
 *   ["path"]                                                    a hole
 */
export function lineOf(item: BaselineItem): string {
  if (isHole(item)) return `[${JSON.stringify(item.path)}]\n`;
  if (isGone(item)) return `[${JSON.stringify(item.path)},null]\n`;
  const { path, sizeBytes, etag, modifiedMs, changedMs, inode } = item;
  const changed = Number.isNaN(changedMs) ? null : changedMs;
  const leaving = item.leaving ? ",1" : "";
  return `[${JSON.stringify(path)},${sizeBytes},${JSON.stringify(etag)},${modifiedMs},${changed},${inode}${leaving}]\n`;
}

/** One that a line can hold: JSON reads 1e400 as infinite, and cannot write that. */
function isNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

/** @throws when it is no line of a baseline */
export function itemOf(line: string): BaselineItem {
  const fields: unknown = JSON.parse(line);
  const [path, sizeBytes, etag, modifiedMs, changedMs, inode, leaving]: unknown[] = Array.isArray(fields) ? fields : [];
  if (typeof path !== "string" || path === "" || !path.isWellFormed()) throw new TypeError("a line has no path");
  if (sizeBytes === undefined) return { path, unknown: true };
  if (sizeBytes === null) return { path, gone: true };
  if (typeof etag !== "string" || etag === "") throw new TypeError("a line has no ETag");
  if (!isNumber(sizeBytes) || !isNumber(modifiedMs) || !isNumber(inode) || !(changedMs === null || isNumber(changedMs)))
    throw new TypeError("a line has no size, time or inode");
  const file = { path, sizeBytes, etag, modifiedMs, changedMs: changedMs ?? Number.NaN, inode };
  return leaving === 1 ? { ...file, leaving: true } : file;
}

/**
 * A baseline as the validator's findings correct it: nothing is known of what is missing, and all other objects that are
 * not as they should be are to be replaced, or deleted where the source has no such file.
 *
 * @param findings all that there are
 */
export async function* correct(
  items: Entries<BaselineItem>,
  findings: readonly Finding[],
  keyPrefix: string,
): AsyncGenerator<readonly BaselineItem[], void, undefined> {
  // Whatever a report says, the validator's own objects are nobody's to delete.
  const ordered = findings
    .filter(({ path }) => path !== "" && !isReserved(keyPrefix + path))
    .sort((left, right) => compareKeys(left.path, right.path));
  const corrections = ordered.map(({ path, kind }) => ({ path, isThere: kind !== "missing" }));
  for await (const batch of march(corrections, items)) {
    yield batch.flatMap(({ source, target }): BaselineItem[] => {
      if (source === undefined) return [target];
      return source.isThere ? [{ path: source.path, gone: true }] : [];
    });
  }
}

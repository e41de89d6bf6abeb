/**
 * The walk: the files below a directory as a stream of entries in key order, with one directory a level in memory.
 * Follows symbolic links, as the predecessor does; knows nothing of buckets.
 *
 * A directory sorts as `name/`: S3 lists `a-b` and `a.txt` before `a/x`.
 */
import type { Entry } from "#shared/entry.ts";
import { keyBytes, MAX_KEY_BYTES } from "#shared/key.ts";
import { join, textOf } from "./byte-path.ts";
import type { Item } from "./directory-names.ts";
import { isLocalWay } from "./local-way.ts";
import { lookAhead, readDirectory } from "./look-ahead.ts";
import { type BytePath, type Disk, deviceOf, type FileFacts } from "./ports.ts";
import { codeOf } from "./system-error.ts";

/** A file, and by what it is told from what it was before, or from another file in its place. */
export interface FileMarks extends Entry {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** When content or inode last changed. */
  readonly changedMs: number;
  readonly inode: number;
}

/** A file to back up. */
export interface WalkedFile extends FileMarks {
  /** When a link or directory that the file was reached by was last put in place; 0 when nothing tells of it. */
  readonly placedMs: number;
  /** Whether to find and to read it nobody has to be asked but this machine. */
  readonly isLocal: boolean;
}

/** Something that is there and could not, or must not, be read. A path that ends in "/" stands for all below it. */
export interface WalkedUnknown extends Entry {
  readonly unknown: true;
  readonly location: BytePath;
  readonly cause: unknown;
  readonly reason: "unreadable-directory" | "unreadable-file" | "broken-link" | "vanished" | "other-file-system";
}

export type WalkEntry = WalkedFile | WalkedUnknown;

/** What the walk met that has no place in the stream of keys. */
export interface WalkNotice {
  readonly location: BytePath;
  readonly what:
    | "special" // FIFO, socket or device: no content to back up
    | "link-loop" // a link to a directory that it lies in
    | "other-file-system" // below a name that cannot be part of a key
    | "name-not-utf8"
    | "name-too-long";
}

interface Level {
  readonly location: BytePath;
  /** "" or ends in "/"; undefined below a name that cannot be part of a key. */
  readonly path: string | undefined;
  readonly identity: string;
  /** Whether to find what is in it nobody has to be asked but this machine. */
  readonly wayIsLocal: boolean;
  /** When one of the links or directories on the way here was last put in place: nothing below counts as older. */
  readonly placedMs: number;
  readonly items: Iterator<Item, void>;
  /** The items at hand, with what was asked about them, and how many of them are done. */
  ahead: readonly Item[];
  done: number;
}

/** How many entries are yielded at a time: each time costs as much as to look at some of them. */
const BATCH_ENTRIES = 64;

export interface WalkRequest {
  readonly root: BytePath;
  readonly keyPrefix: string;
  readonly disk: Disk;
  readonly notice: (notice: WalkNotice) => void;
  /** Throws when the run was interrupted: a tree of many empty directories yields nothing for long. */
  readonly check: () => void;
  /** Whether directories on other file systems than the root's stay out; without it, all that is mounted is walked. */
  readonly oneFileSystem?: boolean;
}

/**
 * Yields every file below the root, some at a time. Errors of the root itself are thrown; all others become unknown
 * entries.
 */
export async function* walk({
  root,
  keyPrefix,
  disk,
  notice,
  check,
  oneFileSystem = false,
}: WalkRequest): AsyncGenerator<readonly WalkEntry[], void, undefined> {
  const prefixBytes = keyBytes(keyPrefix);
  const read = (directory: BytePath) =>
    readDirectory(directory, disk, (location) => notice({ location, what: "special" }));
  const rootFacts = await disk.facts(root, true);
  const onlyDevice = oneFileSystem ? deviceOf(rootFacts) : undefined;
  const levels: Level[] = [
    {
      location: root,
      path: "",
      identity: rootFacts.identity,
      wayIsLocal: await isLocalWay(root, disk),
      placedMs: movedMs(rootFacts),
      items: await read(root),
      ahead: [],
      done: 0,
    },
  ];
  let entries: WalkEntry[] = [];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    check();
    if (entries.length >= BATCH_ENTRIES) {
      yield entries;
      entries = [];
    }
    if (level.done === level.ahead.length) {
      level.ahead = await lookAhead(level, disk);
      level.done = 0;
    }
    const item = level.ahead[level.done++];
    if (item === undefined) {
      levels.pop();
      continue;
    }
    const location = join(level.location, item.name);
    const name = level.path === undefined ? undefined : textOf(item.sortName);
    const path = name === undefined ? undefined : `${level.path}${name}`;
    if (item.kind === "directory") {
      const entered = await enter({ location, path, item, levels, onlyDevice, disk, read });
      if (entered === undefined) continue;
      if ("what" in entered) notice(entered);
      // Nothing can be in the bucket below a name that is longer than any key.
      else if (prefixBytes + keyBytes(entered.path) > MAX_KEY_BYTES) notice({ location, what: "name-too-long" });
      else entries.push(entered);
    } else if (path === undefined) {
      // A broken link stands twice in its directory, as a file and as a directory.
      if (!item.sortName.endsWith("/")) notice({ location, what: "name-not-utf8" });
    } else if (prefixBytes + keyBytes(path) > MAX_KEY_BYTES) {
      if (!item.sortName.endsWith("/")) notice({ location, what: "name-too-long" });
    } else if (item.facts === undefined) {
      entries.push({ path, unknown: true, location, cause: item.fault, reason: unknownReason(item) });
    } else if (item.facts.kind === "file") {
      const { sizeBytes, modifiedMs, changedMs, inode } = item.facts;
      const isLocal = level.wayIsLocal && item.facts.isLocal && !isLink(item);
      const placedMs = Math.max(level.placedMs, item.linkedMs ?? 0);
      entries.push({ path, sizeBytes, modifiedMs, changedMs, inode, placedMs, isLocal });
    } else if (item.facts.kind === "directory") {
      // It was a file when its directory was read, and so stands in the wrong place; what is below was not walked.
      const cause = new Error("it became a directory while the source was walked");
      entries.push({ path, unknown: true, location, cause, reason: "unreadable-file" });
    } else {
      notice({ location, what: "special" });
    }
  }
  yield entries;
}

function isLink({ linkedMs }: Item): boolean {
  return linkedMs !== undefined;
}

function unknownReason(item: Item): WalkedUnknown["reason"] {
  if (item.kind === "unknown") return "broken-link";
  return codeOf(item.fault) === "ENOENT" ? "vanished" : "unreadable-file";
}

/** Goes down into a directory; returns what stands for it when that is not possible. */
async function enter({
  location,
  path,
  item,
  levels,
  onlyDevice,
  disk,
  read,
}: Pick<WalkRequest, "disk"> & {
  location: BytePath;
  path: string | undefined;
  item: Item;
  levels: Level[];
  onlyDevice: string | undefined;
  read: (directory: BytePath) => Promise<Iterator<Item, void>>;
}): Promise<WalkedUnknown | WalkNotice | undefined> {
  try {
    const facts = item.facts ?? (await disk.facts(location, true));
    const { identity } = facts;
    if (levels.some((level) => level.identity === identity)) return { location, what: "link-loop" };
    // Of directories alone: some layered file systems show files on other devices than the directories they are in.
    if (onlyDevice !== undefined && deviceOf(facts) !== onlyDevice) {
      if (path === undefined) return { location, what: "other-file-system" };
      return { path, unknown: true, location, cause: undefined, reason: "other-file-system" };
    }
    const parent = levels.at(-1);
    const placedMs = Math.max(parent?.placedMs ?? 0, item.linkedMs ?? 0, movedMs(facts));
    const wayIsLocal = parent?.wayIsLocal === true && facts.isLocal && !isLink(item);
    const items = await read(location);
    levels.push({ location, path, identity, wayIsLocal, placedMs, items, ahead: [], done: 0 });
    return undefined;
  } catch (cause) {
    if (path === undefined) return { location, what: "name-not-utf8" };
    const reason = codeOf(cause) === "ENOENT" ? "vanished" : "unreadable-directory";
    return { path, unknown: true, location, cause, reason };
  }
}

/**
 * When a directory was moved to where it is, as far as one can tell: that changes its inode and not its content. What
 * was changed in it since hides it; a change of its mode looks the same, and only costs a comparison of what is in it.
 */
function movedMs({ changedMs, modifiedMs }: FileFacts): number {
  return changedMs > modifiedMs ? changedMs : 0;
}

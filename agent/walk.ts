/**
 * The walk: the files below a directory as a stream of entries in key order, with one directory a level in memory.
 * Follows symbolic links, as the predecessor does; knows nothing of buckets.
 *
 * A directory sorts as `name/`: S3 lists `a-b` and `a.txt` before `a/x`.
 */
import type { Entry } from "#shared/entry.ts";
import { decodeName, keyBytes, MAX_KEY_BYTES } from "#shared/key.ts";
import type { BytePath, Disk, FileFacts } from "./ports.ts";
import { codeOf } from "./system-error.ts";

/** A file to back up. */
export interface WalkedFile extends Entry {
  readonly location: BytePath;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** When the file, or a link or directory that it was reached by, was last changed or put in place. */
  readonly changedMs: number;
}

/** Something that is there and could not be read. A path that ends in "/" stands for all below it. */
export interface WalkedUnknown extends Entry {
  readonly unknown: true;
  readonly location: BytePath;
  readonly cause: unknown;
  readonly reason: "unreadable-directory" | "unreadable-file" | "broken-link" | "vanished";
}

export type WalkEntry = WalkedFile | WalkedUnknown;

/** What the walk met that has no place in the stream of keys. */
export interface WalkNotice {
  readonly location: BytePath;
  readonly what:
    | "special" // FIFO, socket or device: no content to back up
    | "link-loop" // a link to a directory that it lies in
    | "name-not-utf8"
    | "name-too-long";
}

interface Item {
  /** Byte string to sort by: a directory's name ends in "/". */
  readonly sortName: BytePath;
  readonly name: BytePath;
  readonly kind: "directory" | "file" | "unknown";
  facts?: FileFacts;
  fault?: unknown;
  /** When the link was made that leads here; undefined without a link. */
  readonly linkedMs?: number;
}

interface Level {
  readonly location: BytePath;
  /** "" or ends in "/"; undefined below a name that cannot be part of a key. */
  readonly path: string | undefined;
  readonly identity: string;
  /** When one of the links or directories on the way here was last put in place: nothing below counts as older. */
  readonly placedMs: number;
  readonly items: Item[];
  next: number;
}

/** How many files' facts are asked for at a time. */
const FACTS_AHEAD = 64;

export interface WalkRequest {
  readonly root: BytePath;
  readonly keyPrefix: string;
  readonly disk: Disk;
  readonly notice: (notice: WalkNotice) => void;
  /** Throws when the run was interrupted: a tree of many empty directories yields nothing for long. */
  readonly check: () => void;
}

/**
 * Yields every file below the root. Errors of the root itself are thrown; all others become unknown entries.
 */
export async function* walk({
  root,
  keyPrefix,
  disk,
  notice,
  check,
}: WalkRequest): AsyncGenerator<WalkEntry, void, undefined> {
  const prefixBytes = keyBytes(keyPrefix);
  const rootFacts = await disk.facts(root, true);
  const levels: Level[] = [
    {
      location: root,
      path: "",
      identity: rootFacts.identity,
      placedMs: movedMs(rootFacts),
      items: await readDirectory(root, disk, notice),
      next: 0,
    },
  ];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    check();
    const position = level.next++;
    const item = level.items[position];
    if (item === undefined) {
      levels.pop();
      continue;
    }
    if (position % FACTS_AHEAD === 0) await addFacts(level, position, disk);
    const location = join(level.location, item.name);
    const name = level.path === undefined ? undefined : textOf(item.sortName);
    const path = name === undefined ? undefined : `${level.path}${name}`;
    if (item.kind === "directory") {
      const entered = await enter(location, path, item, levels, disk, notice);
      if (entered === undefined) continue;
      if ("what" in entered) notice(entered);
      // Nothing can be in the bucket below a name that is longer than any key.
      else if (prefixBytes + keyBytes(entered.path) > MAX_KEY_BYTES) notice({ location, what: "name-too-long" });
      else yield entered;
    } else if (path === undefined) {
      // A broken link stands twice in its directory, as a file and as a directory.
      if (!item.sortName.endsWith("/")) notice({ location, what: "name-not-utf8" });
    } else if (prefixBytes + keyBytes(path) > MAX_KEY_BYTES) {
      if (!item.sortName.endsWith("/")) notice({ location, what: "name-too-long" });
    } else if (item.facts === undefined) {
      yield { path, unknown: true, location, cause: item.fault, reason: unknownReason(item) };
    } else if (item.facts.kind === "file") {
      const { sizeBytes, modifiedMs } = item.facts;
      const changedMs = Math.max(item.facts.changedMs, level.placedMs, item.linkedMs ?? 0);
      yield { path, location, sizeBytes, modifiedMs, changedMs };
    } else if (item.facts.kind === "directory") {
      // It was a file when its directory was read, and so stands in the wrong place; what is below was not walked.
      const cause = new Error("it became a directory while the source was walked");
      yield { path, unknown: true, location, cause, reason: "unreadable-file" };
    } else {
      notice({ location, what: "special" });
    }
  }
}

function unknownReason(item: Item): WalkedUnknown["reason"] {
  if (item.kind === "unknown") return "broken-link";
  return codeOf(item.fault) === "ENOENT" ? "vanished" : "unreadable-file";
}

/** Goes down into a directory; returns what stands for it when that is not possible. */
async function enter(
  location: BytePath,
  path: string | undefined,
  item: Item,
  levels: Level[],
  disk: Disk,
  notice: (notice: WalkNotice) => void,
): Promise<WalkedUnknown | WalkNotice | undefined> {
  try {
    const facts = item.facts ?? (await disk.facts(location, true));
    const { identity } = facts;
    if (levels.some((level) => level.identity === identity)) return { location, what: "link-loop" };
    const placedMs = Math.max(levels.at(-1)?.placedMs ?? 0, item.linkedMs ?? 0, movedMs(facts));
    levels.push({ location, path, identity, placedMs, items: await readDirectory(location, disk, notice), next: 0 });
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

async function readDirectory(location: BytePath, disk: Disk, notice: (notice: WalkNotice) => void): Promise<Item[]> {
  const items: Item[] = [];
  const links: BytePath[] = [];
  for await (const { name, kind } of disk.directory(location)) {
    if (kind === "file") items.push({ sortName: name, name, kind });
    else if (kind === "directory") items.push({ sortName: `${name}/`, name, kind });
    else if (kind === "link") links.push(name);
    else notice({ location: join(location, name), what: "special" });
  }
  // What a link leads to decides where it sorts, so it must be known before.
  for (const name of links) {
    try {
      const { changedMs: linkedMs } = await disk.facts(join(location, name), false);
      const facts = await disk.facts(join(location, name), true);
      if (facts.kind === "directory") items.push({ sortName: `${name}/`, name, kind: "directory", facts, linkedMs });
      else items.push({ sortName: name, name, kind: "file", facts, linkedMs });
    } catch (fault) {
      // It may have led to a file or to a directory: neither that object nor those below it are known.
      items.push({ sortName: name, name, kind: "unknown", fault });
      items.push({ sortName: `${name}/`, name, kind: "unknown", fault });
    }
  }
  items.sort((left, right) => (left.sortName < right.sortName ? -1 : 1));
  // A directory that changes while it is read may show a name twice.
  return items.filter((item, index) => item.sortName !== items[index - 1]?.sortName);
}

async function addFacts(level: Level, from: number, disk: Disk): Promise<void> {
  const ahead = level.items.slice(from, from + FACTS_AHEAD).filter((item) => item.kind === "file" && !item.facts);
  await Promise.all(
    ahead.map(async (item) => {
      try {
        item.facts = await disk.facts(join(level.location, item.name), false);
        // It became a link since its directory was read: what matters is what an open would find.
        if (item.facts.kind === "link") item.facts = await disk.facts(join(level.location, item.name), true);
      } catch (fault) {
        item.fault = fault;
      }
    }),
  );
}

/** The text of a byte string, or undefined when it is not UTF-8. */
function textOf(bytes: BytePath): string | undefined {
  return /^[\0-\x7f]*$/.test(bytes) ? bytes : decodeName(Buffer.from(bytes, "latin1"));
}

/** The byte string of a path as the user wrote it. */
export function bytePathOf(path: string): BytePath {
  return Buffer.from(path, "utf8").toString("latin1");
}

export function join(directory: BytePath, name: BytePath): BytePath {
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}

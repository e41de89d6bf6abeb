/** What the walk asks of the disk about a directory: its names in the order of keys, and the facts of the next files. */
import { join } from "./byte-path.ts";
import { DirectoryNames, type Item } from "./directory-names.ts";
import type { BytePath, Disk, FileFacts } from "./ports.ts";

/** How many files' facts are asked for at a time. */
const FACTS_AHEAD = 64;

/** A directory that was read. */
interface ReadDirectory {
  readonly location: BytePath;
  /** Whether to find what is in it nobody has to be asked but this machine. */
  readonly wayIsLocal: boolean;
  readonly items: Iterator<Item, void>;
}

/**
 * What is in a directory, sorted.
 *
 * @param special is told of each name that has no content: FIFO, socket or device
 */
export async function readDirectory(
  location: BytePath,
  disk: Disk,
  special: (location: BytePath) => void,
): Promise<Iterator<Item, void>> {
  const names = new DirectoryNames();
  // A name may be told twice.
  const links = new Set<BytePath>();
  const specials = new Set<BytePath>();
  for await (const items of disk.directory(location)) {
    for (const { name, kind } of items) {
      if (kind === "file" || kind === "directory") names.add(name, kind);
      else if (kind === "link") links.add(name);
      else specials.add(name);
    }
  }
  for (const name of specials) special(join(location, name));
  // What a link leads to decides where it sorts, so it must be known before.
  for (const name of links) {
    try {
      const { changedMs: linkedMs } = await disk.facts(join(location, name), false);
      const facts = await disk.facts(join(location, name), true);
      names.add(name, facts.kind === "directory" ? "directory" : "file", { facts, linkedMs });
    } catch (fault) {
      // It may have led to a file or to a directory: neither that object nor those below it are known.
      names.add(name, "file", { fault });
      names.add(name, "directory", { fault });
    }
  }
  return names.sorted();
}

/** The next items of a directory, with the facts of its files; none at its end. */
export async function lookAhead({ location, wayIsLocal, items }: ReadDirectory, disk: Disk): Promise<Item[]> {
  const ahead: Item[] = [];
  const looking: Promise<void>[] = [];
  while (ahead.length < FACTS_AHEAD) {
    const { value: item } = items.next();
    if (item === undefined) break;
    ahead.push(item);
    if (item.kind !== "file" || item.facts !== undefined) continue;
    const path = join(location, item.name);
    const facts = disk.facts(path, false, wayIsLocal);
    if (facts instanceof Promise || facts.kind === "link") looking.push(look(item, path, facts, disk));
    else item.facts = facts;
  }
  await Promise.all(looking);
  return ahead;
}

async function look(item: Item, path: BytePath, itself: FileFacts | Promise<FileFacts>, disk: Disk): Promise<void> {
  try {
    item.facts = await itself;
    // It became a link since its directory was read: what matters is what an open would find.
    if (item.facts.kind === "link") {
      item.linkedMs = item.facts.changedMs;
      item.facts = await disk.facts(path, true);
    }
  } catch (fault) {
    item.fault = fault;
  }
}

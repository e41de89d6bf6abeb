/** What users do to the source, and other clients to the bucket. Few names and few bytes, so that all of it meets. */
import type { Random } from "./random.ts";
import { SOURCE } from "./run-plan.ts";
import type { World } from "./world.ts";

const NAMES = ["a", "b", "a-b", "a.txt", "c d", "\u00e9", "\n", "\u{1f600}", "\uffff", "z"];
const DIRECTORIES = ["a", "d", "d-", "\u00e9"];
const ELSEWHERE = ["/elsewhere/one", "/elsewhere/two"];
const AWAY = "/elsewhere/away";
/** A name that is no text, and so no key. */
const NO_TEXT = "no\xff";
const MOST_DEPTH = 2;
const MOST_BYTES = 26;
const HOUR_MS = 3_600_000;

/** What is done to the source. The first four keep the size. */
const EDITS = {
  rewrite: 6,
  "rewrite and set the time back": 4,
  replace: 3,
  touch: 2,
  write: 8,
  append: 2,
  remove: 5,
  "move a file": 4,
  "move a directory": 2,
  "make a directory": 1,
  "link to elsewhere": 2,
  "link within": 1,
  "link to nowhere": 0.5,
  lock: 1.5,
  unlock: 1.5,
  special: 0.5,
  "name without text": 0.3,
  "edit elsewhere": 2,
  "directory for a file": 1,
  "file for a directory": 1,
  "empty all": 0.3,
} as const;
type Edit = keyof typeof EDITS;

/** What would deceive every comparison by size and time alone (decision 0007, and `movedMs` in agent/walk.ts). */
const HIDDEN_WITHOUT_BASELINE: readonly Edit[] = ["move a directory", "link within"];
/** What a clock that ticks in seconds hides while a file is read. */
const HIDDEN_BY_TICKS: readonly Edit[] = ["rewrite", "rewrite and set the time back", "write", "append", "replace"];
const COARSE_TICK_MS = 1_000;

export function bytesOf(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function newContent(random: Random, sizeBytes = random.below(MOST_BYTES)): Buffer {
  return Buffer.from(Array.from({ length: sizeBytes }, () => random.pick([..."01"])).join(""));
}

export function prepare({ disk, random }: World): void {
  for (const folder of ["/elsewhere", ...ELSEWHERE]) disk.makeDirectory(folder);
  for (const folder of ELSEWHERE) for (const name of ["a", "b"]) disk.write(`${folder}/${name}`, newContent(random, 6));
}

/** One change of the source. @returns what it was, for a trace */
export function editSource(
  world: World,
  during: "run" | "pause",
  canForget: boolean,
  edit: Edit = world.random.weighted(EDITS),
): string {
  const { random, disk, traits } = world;
  if (canForget && HIDDEN_WITHOUT_BASELINE.includes(edit)) return "nothing";
  if (during === "run" && traits.tickMs >= COARSE_TICK_MS && HIDDEN_BY_TICKS.includes(edit)) return "nothing";
  const all = disk.paths(SOURCE);
  const of = (kind: string) => all.filter(({ node }) => node.kind === kind).map(({ path }) => path);
  const free = newPath(random);
  const file = pickOr(random, of("file"), free);
  const directory = pickOr(random, of("directory"), free);
  const known = disk.find(file, true);
  const sizeBytes = known?.kind === "file" ? known.content.length : 6;
  const makeParents = (path: string) => {
    const names = path.slice(SOURCE.length + 1).split("/");
    for (let depth = 1; depth < names.length; depth++)
      disk.makeDirectory(`${SOURCE}/${names.slice(0, depth).join("/")}`);
  };
  switch (edit) {
    case "rewrite":
      disk.write(file, newContent(random, sizeBytes));
      break;
    case "rewrite and set the time back":
      disk.write(file, newContent(random, sizeBytes));
      if (known !== undefined) disk.setModified(file, known.modifiedMs - random.pick([0, 1_000, HOUR_MS]));
      break;
    case "replace":
      disk.replace(file, newContent(random, sizeBytes));
      break;
    case "touch":
      disk.setModified(file, world.hostNowMs + random.pick([0, -HOUR_MS, HOUR_MS]));
      break;
    case "write":
      makeParents(free);
      disk.write(free, newContent(random));
      break;
    case "append":
      disk.write(file, Buffer.concat([known?.kind === "file" ? known.content : Buffer.alloc(0), newContent(random)]));
      break;
    case "remove":
      disk.remove(random.chance(0.8) ? file : directory);
      break;
    case "move a file":
      disk.rename(file, random.chance(0.5) ? free : pickOr(random, of("file"), free));
      break;
    case "move a directory":
      disk.rename(directory, random.chance(0.5) ? free : `${directory}-`);
      break;
    case "make a directory":
      disk.makeDirectory(free);
      break;
    case "link to elsewhere":
      disk.link(pickOr(random, of("link"), free), random.pick([...ELSEWHERE, `${ELSEWHERE[0]}/a`]));
      break;
    case "link within":
      disk.link(free, random.pick([SOURCE, file, directory]));
      break;
    case "link to nowhere":
      disk.link(free, "/nowhere");
      break;
    case "lock":
      disk.lock(pickOr(random, of(random.pick(["file", "directory"])), free), true);
      break;
    case "unlock":
      unlockAll(world);
      break;
    case "special":
      disk.special(free);
      break;
    case "name without text":
      disk.write(`${SOURCE}/${NO_TEXT}`, newContent(random));
      break;
    case "edit elsewhere":
      disk.write(`${random.pick(ELSEWHERE)}/${random.pick(["a", "b", "c"])}`, newContent(random, 6));
      break;
    case "directory for a file":
      if (file.endsWith(NO_TEXT)) break;
      disk.remove(file);
      disk.makeDirectory(file);
      disk.write(`${file}/a`, newContent(random));
      break;
    case "file for a directory":
      disk.remove(directory);
      disk.write(directory, newContent(random));
      break;
    case "empty all":
      for (const { path } of all.reverse()) disk.remove(path);
      break;
  }
  world.observer.sourceChanged();
  return `${edit} [${file}] [${directory}] [${free}]`;
}

/** Moves a directory out of the source. @returns brings it back */
export function takeAway(world: World): () => void {
  const { disk, random, observer } = world;
  const directories = disk.paths(SOURCE).filter(({ node }) => node.kind === "directory");
  if (directories.length === 0) return () => {};
  const { path } = random.pick(directories);
  disk.rename(path, AWAY);
  observer.sourceChanged();
  return () => {
    disk.rename(AWAY, path);
    observer.sourceChanged();
  };
}

/** A link in the source. @returns has it lead to the first or second of two directories with files of the same names */
export function linkElsewhere({ disk, observer }: World): (which: 0 | 1) => void {
  return (which) => {
    disk.link(`${SOURCE}/led`, ELSEWHERE[which] ?? "");
    observer.sourceChanged();
  };
}

/** Makes a directory of the source one that cannot be read; where there is none, nothing. */
export function lockDirectory({ disk, random, observer }: World): void {
  const directories = disk.paths(SOURCE).filter(({ node }) => node.kind === "directory");
  if (directories.length === 0) return;
  disk.lock(random.pick(directories).path, true);
  observer.sourceChanged();
}

/** All can be read again. */
export function unlockAll({ disk }: World): void {
  for (;;) {
    const locked = disk
      .paths(SOURCE)
      .find(({ path, node }) => node.kind !== "link" && disk.find(path)?.locked === true);
    if (locked === undefined) break;
    disk.lock(locked.path, false);
  }
  for (const folder of ELSEWHERE) disk.lock(folder, false);
}

/** Makes the source one that can be synced as a whole. */
export function mend(world: World): void {
  const { disk, random } = world;
  unlockAll(world);
  disk.remove(`${SOURCE}/${NO_TEXT}`);
  // A link that led to another one leads nowhere when that is gone.
  for (let broken = disk.truth(SOURCE).unknown; broken.size > 0; broken = disk.truth(SOURCE).unknown)
    for (const path of broken) if (!path.endsWith("/")) disk.remove(`${SOURCE}/${bytesOf(path)}`);
  if (disk.truth(SOURCE).files.size === 0) disk.write(`${SOURCE}/mended`, newContent(random));
  world.observer.sourceChanged();
}

const FOREIGN = {
  delete: 4,
  "replace by the same size": 4,
  "replace by another size": 2,
  "put the same again": 1,
  add: 3,
  "add a folder marker": 1,
  "delete the newest version": 4,
} as const;

/** What another client does to the bucket. @returns what it was, for a trace */
export function changeBucket(world: World, canForget: boolean): string {
  const { random, bucket, traits, observer } = world;
  const keys = bucket.keys(traits.prefix).filter((key) => !key.startsWith(".cback/"));
  const action = random.weighted(FOREIGN);
  const fresh = traits.prefix + textOf(newPath(random));
  const key = pickOr(random, keys, fresh);
  const object = bucket.objects.get(key);
  const sizeBytes = object?.body.length ?? 6;
  switch (action) {
    case "delete":
      bucket.delete(key);
      break;
    case "replace by the same size":
      bucket.place(key, newContent(random, sizeBytes));
      break;
    case "replace by another size":
      bucket.place(key, newContent(random, sizeBytes + 1));
      break;
    case "put the same again":
      if (object === undefined) return "nothing";
      bucket.place(key, object.body);
      break;
    case "add":
      bucket.place(fresh, newContent(random));
      observer.foreign(fresh);
      return `${action} [${fresh}]`;
    case "add a folder marker":
      bucket.place(`${fresh}/`, "");
      observer.foreign(`${fresh}/`);
      return `${action} [${fresh}/]`;
    case "delete the newest version": {
      // What returns may be of others, in the same size and older than the last proof: no baseline, no suspicion.
      if (canForget) return "nothing";
      // Nor a folder marker that comes back while what stood in its place is about to be deleted.
      const older = [...new Set([...keys, fresh])].filter((known) => !known.endsWith("/") && bucket.hasOlder(known));
      if (older.length === 0) return "nothing";
      const chosen = random.pick(older);
      bucket.deleteNewestVersion(chosen);
      observer.foreign(chosen);
      return `${action} [${chosen}]`;
    }
  }
  observer.foreign(key);
  return `${action} [${key}]`;
}

function newPath(random: Random): string {
  const depth = random.below(MOST_DEPTH + 1);
  const folders = Array.from({ length: depth }, () => random.pick(DIRECTORIES));
  return `${SOURCE}/${[...folders, random.pick(NAMES)].map(bytesOf).join("/")}`;
}

/** What follows the source in a path, as text. */
function textOf(path: string): string {
  return Buffer.from(path.slice(SOURCE.length + 1), "latin1").toString("utf8");
}

function pickOr<T>(random: Random, items: readonly T[], other: T): T {
  return items.length > 0 && random.chance(0.85) ? random.pick(items) : other;
}

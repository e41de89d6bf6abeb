/** Trees of files on the real disk, for the tests of walk, transfer and run; names may be any bytes. */
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import fc from "fast-check";
import { bytePathOf } from "#agent/byte-path.ts";
import type { BytePath, Disk, FileFacts } from "#agent/ports.ts";

/** Where a file lies below a folder: the text as UTF-8, or any bytes. */
export function placeOf(folder: string, path: string | Buffer): Buffer {
  const bytes = typeof path === "string" ? Buffer.from(path, "utf8") : path;
  return Buffer.concat([Buffer.from(`${folder}/`, "utf8"), bytes]);
}

/** Writes a file with the directories that it needs. */
export function writeTreeFile(folder: string, path: string | Buffer, content: string | Buffer = ""): void {
  const place = placeOf(folder, path);
  mkdirSync(Buffer.from(dirname(place.toString("latin1")), "latin1"), { recursive: true });
  writeFileSync(place, content);
}

export function writeTree(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [path, content] of Object.entries(files)) writeTreeFile(folder, path, content);
}

export function link(folder: string, path: string, to: string): void {
  symlinkSync(to, placeOf(folder, path));
}

/**
 * Does something while a file or directory has a mode, as a user without privileges when the tests run as root: root
 * may read everything.
 */
export async function withMode<T>(path: string, mode: number, work: () => Promise<T>): Promise<T> {
  const { mode: before } = statSync(path);
  chmodSync(path, mode);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(path, before);
  }
}

/** An error as the system gives it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: for a test`), { code });
}

/** A disk that does something else for some paths. What is not given, `disk` does. */
export function diskBut(disk: Disk, changes: Partial<Disk>): Disk {
  return {
    directory: changes.directory ?? ((path) => disk.directory(path)),
    facts: changes.facts ?? ((...of) => disk.facts(...of)),
    open: changes.open ?? ((...of) => disk.open(...of)),
  };
}

/** A disk that shows other facts of some files, opened or not. */
export function diskShowing(disk: Disk, shown: (path: BytePath, real: FileFacts) => FileFacts): Disk {
  return diskBut(disk, {
    facts: async (path, follow) => shown(path, await disk.facts(path, follow)),
    async open(path) {
      const file = await disk.open(path);
      return {
        facts: async () => shown(path, await file.facts()),
        read: (...of) => file.read(...of),
        close: () => file.close(),
      };
    },
  });
}

/** A disk on which one directory cannot be read. */
export function diskWithLocked(disk: Disk, locked: BytePath): Disk {
  return diskBut(disk, {
    async *directory(path) {
      if (path === locked) throw systemError("EACCES");
      yield* disk.directory(path);
    },
  });
}

/** A disk that shows some directories below a folder, and all in them, on another file system. */
export function diskWithMounts(disk: Disk, folder: string, ...paths: string[]): Disk {
  const mounts = paths.map((path) => bytePathOf(path === "" ? folder : `${folder}/${path}`));
  return diskBut(disk, {
    facts: async (path, follow) => {
      const facts = await disk.facts(path, follow);
      const isThere = mounts.some((mount) => `${path}/`.startsWith(`${mount}/`));
      return isThere ? { ...facts, identity: `other:${facts.identity}` } : facts;
    },
  });
}

export function bytePath(folder: string, path: string): BytePath {
  return bytePathOf(`${folder}/${path}`);
}

const name = fc
  .oneof(
    fc.string({ unit: fc.constantFrom("a", "b", "-", ".", "/x"), minLength: 1, maxLength: 4 }),
    fc.string({
      unit: fc.constantFrom(
        ..."\u0001\n\r\u001b\"\\' -.+%&<0\u007f\u0080\u07ff\u0800\ud7ff\ue000\ufeff\ufffd\uffff\u{10000}\u{1f600}\u{10ffff}",
        "e\u0301",
        "\u00e9",
      ),
      minLength: 1,
      maxLength: 4,
    }),
  )
  .map((text) => text.replaceAll("/", ""))
  .filter((text) => text !== "" && text !== "." && text !== "..");

/** Paths of files that can stand side by side in one tree: none is the directory of another. */
export const treePaths: fc.Arbitrary<string[]> = fc
  .uniqueArray(
    fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/")),
    { maxLength: 25 },
  )
  .map((paths) => paths.filter((path) => !paths.some((other) => other.startsWith(`${path}/`))));

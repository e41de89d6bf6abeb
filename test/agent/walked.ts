/** What walk and baseline tell of a file, for the tests of what is made of it. */
import type { KnownFile } from "#agent/baseline.ts";
import type { WalkedFile, WalkedUnknown } from "#agent/walk.ts";

export const HOUR_MS = 3_600_000;

export function file(path: string, facts: Partial<WalkedFile> = {}): WalkedFile {
  const {
    sizeBytes = 1,
    modifiedMs = HOUR_MS,
    changedMs = modifiedMs,
    inode = 1,
    placedMs = 0,
    isLocal = false,
  } = facts;
  return { path, sizeBytes, modifiedMs, changedMs, inode, placedMs, isLocal };
}

export function known(path: string, facts: Partial<KnownFile> = {}): KnownFile {
  const { sizeBytes = 1, modifiedMs = HOUR_MS, changedMs = modifiedMs, inode = 1, etag = "e" } = facts;
  return { path, sizeBytes, modifiedMs, changedMs, inode, etag };
}

export function unknown(path: string): WalkedUnknown {
  return { path, unknown: true, location: `/${path}`, cause: undefined, reason: "unreadable-file" };
}

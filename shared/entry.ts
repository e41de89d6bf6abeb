/**
 * An entry: one file or object, by its path. Walk, manifest and listing are streams of entries in key order; each
 * stream knows something else about them.
 */

/** What every entry has: the part of its key that follows the target's key prefix. */
export interface Entry {
  readonly path: string;
}

/** A file that the agent says is in the bucket, with the size and ETag that S3 acknowledged. */
export interface KnownEntry extends Entry {
  readonly sizeBytes: number;
  /** Without quotes. A token of the version that was written; never taken for a checksum by the validator. */
  readonly etag: string;
}

/**
 * Something that the agent could not read: whatever the bucket holds there is neither a finding nor to be deleted.
 * A path that ends in "/" is a directory and stands for all that lies below it.
 */
export interface UnknownEntry extends Entry {
  readonly unknown: true;
}

export type ManifestEntry = KnownEntry | UnknownEntry;

/** An object, as a listing shows it. */
export interface ObjectEntry extends Entry {
  readonly sizeBytes: number;
  /** Without quotes. */
  readonly etag: string;
  /** When S3 says it was written, in milliseconds since 1970; S3 itself only gives whole seconds. */
  readonly modifiedMs: number;
}

export function isUnknown(entry: Entry): entry is UnknownEntry {
  return "unknown" in entry;
}

/** A folder that a console made visible: an empty object whose key ends in "/". It is no file, so never a finding. */
export function isFolderMarker(object: ObjectEntry): boolean {
  return object.sizeBytes === 0 && (object.path === "" || object.path.endsWith("/"));
}

/**
 * Remembers the unknown directories that a stream passes, to answer whether a later path lies below one.
 * Paths must be asked in ascending order; the directory itself comes before all that lies below it.
 */
export class UnknownDirectories {
  #current: string | undefined;

  pass(entry: ManifestEntry): void {
    if (isUnknown(entry) && entry.path.endsWith("/") && !this.covers(entry.path)) this.#current = entry.path;
  }

  covers(path: string): boolean {
    return this.#current !== undefined && path.startsWith(this.#current);
  }
}

/**
 * What the run needs of the outside world, as ports: disk, bucket, queue, clock. `run.ts` and all below it know only
 * these, so that a simulation can drive the very same code.
 */
import type { Page, PageRequest } from "#shared/listing.ts";
import type { PathRange } from "#shared/shard.ts";
import type { BaselineItem } from "./baseline.ts";
import type { AdaptiveLimit } from "./concurrency.ts";
import type { UploadLost } from "./errors.ts";

/**
 * A path on disk as a byte string: each character is one byte (latin1), for a file name may be any bytes. Compares
 * with `<` in byte order.
 */
export type BytePath = string;

export type FileKind = "file" | "directory" | "link" | "other";

export interface FileFacts {
  readonly kind: FileKind;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** When content or inode last changed; a rename or a restored mtime changes it too. */
  readonly changedMs: number;
  /** Device and inode, with a colon between: the same for two paths that are the same file. */
  readonly identity: string;
  /** The inode alone; rounded where the file system has numbers beyond 2^53. */
  readonly inode: number;
  /** Whether it lies on a file system of this machine's own. */
  readonly isLocal: boolean;
}

/** The device that a file lies on: the same for all files of one mounted file system. */
export function deviceOf({ identity }: FileFacts): string {
  return identity.split(":", 1)[0] ?? "";
}

export interface DirectoryItem {
  /** The name alone. */
  readonly name: BytePath;
  readonly kind: FileKind;
}

export interface OpenFile {
  facts(): Promise<FileFacts>;
  /**
   * Fills the buffer from the current position as far as the file goes; fewer bytes than asked: the end.
   *
   * @param enoughBytes once it has as many, it does not ask for the rest again
   */
  read(buffer: Uint8Array, enoughBytes?: number): Promise<number>;
  close(): Promise<void>;
}

/** Errors are those of node:fs, with their `code`; never thrown at once, but by what is waited for. */
export interface Disk {
  /** What is in it, in no order, some at a time; a name may be told twice. */
  directory(path: BytePath): AsyncIterable<readonly DirectoryItem[]>;
  /**
   * Facts of the file itself, or with `follow` of what a symbolic link leads to.
   *
   * @param wayIsLocal whether nobody has to be asked but this machine to find it; says nothing of where a link leads
   */
  facts(path: BytePath, follow: boolean, wayIsLocal?: boolean): FileFacts | Promise<FileFacts>;
  /**
   * Opens for reading, never blocking on a FIFO.
   *
   * @param isLocal whether nobody has to be asked but this machine to find and to read it, as far as that is known
   */
  open(path: BytePath, isLocal?: boolean): Promise<OpenFile>;
}

export interface DeleteFault {
  readonly key: string;
  readonly reason: string;
}

/** What S3 keeps of an object; checksums only those of its whole content, in base64. */
export interface StoredChecksums {
  readonly etag: string;
  readonly crc32: string | undefined;
  readonly sha256: string | undefined;
}

/** Errors are failures; of a multipart upload that is gone, {@link UploadLost}. ETags are without quotes. */
export interface Bucket {
  fetchPage(request: PageRequest): Promise<Page>;
  /** Puts a whole object and returns its ETag. */
  put(key: string, body: Uint8Array, crc32: number): Promise<{ etag: string }>;
  startMultipart(key: string): Promise<{ uploadId: string }>;
  putPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: Uint8Array,
    crc32: number,
  ): Promise<{ partNumber: number; etag: string; crc32: string }>;
  /** Publishes the object when S3 has these very parts, by their checksums, and together this size. */
  completeMultipart(
    key: string,
    uploadId: string,
    parts: readonly { partNumber: number; etag: string; crc32: string }[],
    sizeBytes: number,
  ): Promise<{ etag: string }>;
  abortMultipart(key: string, uploadId: string): Promise<void>;
  /** Deletes objects, and returns those that are still there, with the reason. */
  remove(keys: readonly string[]): Promise<DeleteFault[]>;
  /** Undefined when there is no such object, or S3 does not let this host know. */
  checksums(key: string): Promise<StoredChecksums | undefined>;
  /**
   * The text of one of the validator's objects, or undefined when there is none.
   *
   * @param limitMs how long it may take, with all that is tried again
   */
  read(key: string, limitMs?: number): Promise<string | undefined>;
}

export interface Queue {
  send(body: string): Promise<void>;
}

export interface Clock {
  now(): Date;
  /** Milliseconds from some start, never set back. */
  monotonicMs(): number;
  /** Resolves after the time, or at once when the run is interrupted. */
  sleep(delayMs: number): Promise<void>;
}

/** What a baseline is about. */
export interface BaselineSubject {
  /** Where S3 is: only there does the bucket's name stand for this bucket. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly prefix: string;
  /** The source's absolute path. */
  readonly directory: string;
}

/** A baseline that was found. What turns out to be damaged while it is read is passed over, and not covered. */
export interface Baseline {
  /** All items in key order, some at a time. To be read once. */
  items(): AsyncIterable<readonly BaselineItem[]>;
  /** Whether it knows all that the bucket held in a range that `items` has passed, but for its holes. */
  covers(range: PathRange): boolean;
  /** Where the file system of the source was mounted; undefined where that was not told. */
  readonly mountPoint: string | undefined;
  close(): Promise<void>;
}

/** A baseline that is being written. Nobody sees it before it is kept; a fault of the disk shows only then. */
export interface BaselineDraft {
  /**
   * Adds what is to be remembered of a range; ranges come in any order.
   *
   * @param items in key order
   * @param covered whether they are all that the bucket may hold there
   */
  add(range: PathRange, items: readonly BaselineItem[], covered: boolean): Promise<void>;
  /** Takes over what an earlier baseline knows after a path; null: all of it. */
  takeOver(earlier: Baseline, after: string | null): Promise<void>;
  /** Tells that deletions begin: from now on, the objects of what is leaving may be there or not. */
  beginDeletions(): void;
  /**
   * Puts it in the place of the one before, as a whole.
   *
   * @param deleted whether all that was to be deleted is: then what is leaving is forgotten
   */
  keep(deleted: boolean): Promise<void>;
  /** Ends it; without `keep` nothing of it is left. */
  close(): Promise<void>;
}

export interface BaselineStore {
  /**
   * Undefined when there is none that can be read.
   *
   * @param notice is told why one that is there is not used
   */
  open(subject: BaselineSubject, notice: (reason: string) => void): Promise<Baseline | undefined>;
  /** @param mountPoint where the file system of the source is mounted, if that can be told */
  draft(subject: BaselineSubject, run: string, mountPoint?: string): BaselineDraft;
}

export interface Ports {
  readonly disk: Disk;
  readonly bucket: Bucket;
  /** How many files are worked on at once. */
  readonly files: AdaptiveLimit;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly baselines: BaselineStore;
  /** Random bytes that nobody can guess. */
  randomBytes(count: number): Uint8Array;
  /** What can be learned about a queue and a validator that do not answer, a sentence a line. */
  diagnose(): Promise<string[]>;
}

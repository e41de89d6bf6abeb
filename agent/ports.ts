/**
 * What the run needs of the outside world, as ports: disk, bucket, queue, clock. `run.ts` and all below it know only
 * these, so that a simulation can drive the very same code.
 */
import type { Page, PageRequest } from "#shared/listing.ts";
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
  /** Device and inode: the same for two paths that are the same file. */
  readonly identity: string;
}

export interface DirectoryItem {
  /** The name alone. */
  readonly name: BytePath;
  readonly kind: FileKind;
}

export interface OpenFile {
  facts(): Promise<FileFacts>;
  /** Fills the buffer from the current position as far as the file goes; fewer bytes than asked: the end. */
  read(buffer: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** Errors are those of node:fs, with their `code`. */
export interface Disk {
  directory(path: BytePath): AsyncIterable<DirectoryItem>;
  /** Facts of the file itself, or with `follow` of what a symbolic link leads to. */
  facts(path: BytePath, follow: boolean): Promise<FileFacts>;
  /** Opens for reading, never blocking on a FIFO. */
  open(path: BytePath): Promise<OpenFile>;
}

export interface DeleteFault {
  readonly key: string;
  readonly reason: string;
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

/** What a host remembers of its last proven run. */
export interface Proof {
  /** Objects written before this time of the validator's clock were as the files were. */
  readonly objectsMs: number;
  /** Files not changed since this time of the host's clock were as the objects were. */
  readonly filesMs: number;
}

/** What a proof is about. */
interface ProofSubject {
  readonly bucket: string;
  readonly prefix: string;
  /** The source's absolute path. */
  readonly directory: string;
}

export interface ProofStore {
  /** Undefined when there is none that can be read. */
  read(subject: ProofSubject): Promise<Proof | undefined>;
  write(subject: ProofSubject, proof: Proof): Promise<void>;
}

export interface Ports {
  readonly disk: Disk;
  readonly bucket: Bucket;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly proofs: ProofStore;
  /** Random bytes that nobody can guess. */
  randomBytes(count: number): Uint8Array;
  /** What can be learned about a queue and a validator that do not answer, a sentence a line. */
  diagnose(): Promise<string[]>;
}

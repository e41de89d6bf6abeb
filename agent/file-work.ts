/**
 * The work of one file: compared where the plan says so, and sent unless the bucket has its content or the run only
 * verifies. What comes of it is its entry in the manifest. A fault of the file is recorded and makes the entry unknown;
 * one that concerns all files is thrown.
 */
import type { ManifestEntry } from "#shared/entry.ts";
import type { Target } from "#shared/target.ts";
import { concernsAll } from "./aws-errors.ts";
import { locationOf } from "./byte-path.ts";
import { hasChecksum, hasContent } from "./content.ts";
import { Failure } from "./errors.ts";
import { BUFFER_PLACES, Limit } from "./limit.ts";
import { PartBuffers } from "./part-buffers.ts";
import type { Action, FileAction } from "./plan.ts";
import type { BytePath, Ports } from "./ports.ts";
import type { PassRecord } from "./record.ts";
import type { FileSource } from "./steady-read.ts";
import { send } from "./transfer.ts";
import type { FileMarks } from "./walk.ts";

/** After so many uploads in a row have failed, the fault is not with the files. */
const MAX_FAILURES_IN_A_ROW = 20;
/** In a manifest of verify-only, for an object that is not there or of another size: no object has this ETag. */
const NO_ETAG = "-";

export interface FileWorkRequest {
  readonly root: BytePath;
  readonly target: Target;
  readonly mode: "sync" | "upload-only" | "verify-only";
  readonly checksum: boolean;
}

/** What a pass does the work of its files with. */
interface Means {
  readonly ports: Pick<Ports, "disk" | "bucket">;
  readonly record: PassRecord;
  /** Throws when the pass must end. */
  readonly check: () => void;
}

export class FileWork {
  readonly #request: FileWorkRequest;
  readonly #means: Means;
  readonly #buffers = new Limit(BUFFER_PLACES);
  readonly #partBuffers = new PartBuffers();
  #failuresInARow = 0;

  constructor(request: FileWorkRequest, means: Means) {
    this.#request = request;
    this.#means = means;
  }

  async do(action: FileAction): Promise<ManifestEntry> {
    const { file } = action;
    const { record } = this.#means;
    const source = { location: locationOf(this.#request.root, file.path), isLocal: file.isLocal ?? false };
    let read: FileMarks = file;
    let etag = NO_ETAG;
    if (action.do === "compare") {
      const compared = await this.#compare(action, source);
      if (compared.state !== "compared") return record.untransferred(file, compared);
      read = { path: file.path, ...compared.facts };
      if (compared.same) return record.kept(read, action.etag);
      etag = compared.etag;
    }
    if (this.#request.mode === "verify-only") return record.different(read, etag);
    return this.#send(action, source);
  }

  /** Whether the object has the content of the file: by its ETag, or, asked for checksums, by those that S3 keeps. */
  async #compare({ file, etag }: Action & { do: "compare" }, source: FileSource): ReturnType<typeof hasContent> {
    const { target, checksum } = this.#request;
    const { disk, bucket } = this.#means.ports;
    const compared = await hasContent(source, file.sizeBytes, etag, { disk, limit: this.#buffers });
    if (compared.state !== "compared" || compared.same || !checksum) return compared;
    this.#means.check();
    const stored = await bucket.checksums(target.keyPrefix + file.path);
    // It must be the very object that has this ETag.
    if (stored?.etag !== etag) return compared;
    const proven = await hasChecksum(source, stored, { disk, limit: this.#buffers });
    if (proven === undefined) return compared;
    return proven.state === "compared" ? { ...compared, ...proven } : proven;
  }

  async #send(action: FileAction, source: FileSource): Promise<ManifestEntry> {
    const { file } = action;
    const { ports, record, check } = this.#means;
    const { disk, bucket } = ports;
    check();
    const key = this.#request.target.keyPrefix + file.path;
    try {
      const sent = await send(source, key, { disk, bucket, limit: this.#buffers, partBuffers: this.#partBuffers });
      if (sent.state !== "sent") return record.untransferred(file, sent);
      this.#failuresInARow = 0;
      return record.uploaded(action, sent);
    } catch (error) {
      this.#failuresInARow += 1;
      const denied = error instanceof Failure && error.outcome === "denied" && this.#deniedForAll(error);
      if (!(error instanceof Failure) || concernsAll(error) || denied) throw error;
      if (this.#failuresInARow >= MAX_FAILURES_IN_A_ROW) throw error;
      return record.failed(file, error.reason);
    }
  }

  /** Where nothing ever arrived, a denial is about the whole run; elsewhere it may be about this one object. */
  #deniedForAll(error: Failure): boolean {
    const { uploaded, unchanged } = this.#means.record.tally.counts;
    return uploaded + unchanged === 0 || !error.reason.startsWith("access denied");
  }
}

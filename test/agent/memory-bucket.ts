/**
 * A bucket in memory, as S3 behaves: keys in byte order, ETags from content, checksums and parts checked, every version
 * kept. It notes what is done to it, and lets a test step in before each call. Shares no code with what it tests.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Bucket, DeleteFault, StoredChecksums } from "#agent/ports.ts";
import { byBytes } from "../shared/arbitrary.ts";

export interface MemoryObject {
  readonly body: Buffer;
  /** Without quotes. */
  readonly etag: string;
  readonly modifiedMs: number;
}

export type Call = keyof Bucket;

export class MemoryBucket implements Bucket {
  readonly objects = new Map<string, MemoryObject>();
  /** What was done, in order: "put p/a", "putPart p/a 1", "delete p/b". */
  readonly events: string[] = [];
  /** The checksums that S3 keeps of the objects of other clients. */
  readonly stored = new Map<string, Pick<StoredChecksums, "crc32" | "sha256">>();
  readonly uploads = new Map<string, { key: string; parts: Map<number, Buffer> }>();
  /** Called before each call; what it throws, the call throws. */
  before: (call: Call, key: string) => void | Promise<void> = () => {};
  pageSize = 1_000;
  /** Whether objects are encrypted with KMS: then no ETag tells of the content. */
  encrypted = false;
  now: () => number = () => Date.now();
  #uploadCount = 0;
  #versionCount = 0;
  /** What was at each key before, the newest last; undefined: nothing. */
  readonly #older = new Map<string, (MemoryObject | undefined)[]>();

  /** Puts an object there as somebody else would. */
  place(key: string, content: string | Buffer, modifiedMs: number = this.now()): MemoryObject {
    const body = Buffer.from(content);
    const object = { body, etag: this.#etag(md5(body).toString("hex")), modifiedMs };
    this.#change(key, object);
    return object;
  }

  /** Deletes an object as anybody would: in a versioned bucket, what was there stays behind it. */
  delete(key: string): void {
    this.#change(key, undefined);
  }

  /** Whether something was at a key before what is there now. */
  hasOlder(key: string): boolean {
    return this.#older.has(key);
  }

  /** Deletes the newest version, be it an object or a delete marker: what was there before returns, with its old time. */
  deleteNewestVersion(key: string): void {
    const older = this.#older.get(key) ?? [];
    const object = older.pop();
    if (older.length === 0) this.#older.delete(key);
    if (object === undefined) this.objects.delete(key);
    else this.objects.set(key, object);
  }

  keys(keyPrefix = "", after = ""): string[] {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(keyPrefix));
    return (after === "" ? keys : keys.filter((key) => byBytes(key, after) > 0)).sort(byBytes);
  }

  async fetchPage({ keyPrefix, startAfter, token }: Parameters<Bucket["fetchPage"]>[0]) {
    await this.before("fetchPage", keyPrefix);
    const after = token === undefined ? (startAfter ?? "") : Buffer.from(token, "base64").toString("utf8");
    const rest = this.keys(keyPrefix, after);
    const shown = rest.slice(0, this.pageSize);
    const truncated = shown.length < rest.length;
    return {
      objects: shown.map((key) => {
        const { body, etag, modifiedMs } = this.objects.get(key) as MemoryObject;
        // S3 shows whole seconds.
        return { key, sizeBytes: body.length, etag, modifiedMs: Math.floor(modifiedMs / 1_000) * 1_000 };
      }),
      truncated,
      nextToken: truncated ? Buffer.from(shown.at(-1) ?? "", "utf8").toString("base64") : undefined,
    };
  }

  async put(key: string, body: Uint8Array, checksum: number) {
    await this.#note("put", key);
    if (crc32(body) !== checksum) throw new Error("BadDigest");
    return { etag: this.place(key, Buffer.from(body)).etag };
  }

  async startMultipart(key: string) {
    await this.#note("startMultipart", key);
    this.#uploadCount += 1;
    const uploadId = `upload-${this.#uploadCount}`;
    this.uploads.set(uploadId, { key, parts: new Map() });
    return { uploadId };
  }

  async putPart(key: string, uploadId: string, partNumber: number, body: Uint8Array, checksum: number) {
    await this.before("putPart", key);
    this.events.push(`putPart ${key} ${partNumber}`);
    if (crc32(body) !== checksum) throw new Error("BadDigest");
    this.#upload(uploadId).parts.set(partNumber, Buffer.from(body));
    return { partNumber, etag: `"${md5(body).toString("hex")}"`, crc32: String(checksum) };
  }

  async completeMultipart(
    key: string,
    uploadId: string,
    parts: readonly { partNumber: number; etag: string; crc32: string }[],
    sizeBytes: number,
  ) {
    await this.#note("completeMultipart", key);
    const { parts: known } = this.#upload(uploadId);
    const bodies = parts.map(({ partNumber, etag }) => {
      const body = known.get(partNumber);
      if (body === undefined || etag !== `"${md5(body).toString("hex")}"`) throw new Error("InvalidPart");
      return body;
    });
    const body = Buffer.concat(bodies);
    if (body.length !== sizeBytes) throw new Error("InvalidRequest");
    this.uploads.delete(uploadId);
    const etag = `${this.#etag(md5(Buffer.concat(bodies.map(md5))).toString("hex"))}-${bodies.length}`;
    this.#change(key, { body, etag, modifiedMs: this.now() });
    return { etag };
  }

  async abortMultipart(key: string, uploadId: string) {
    this.events.push(`abortMultipart ${key}`);
    this.uploads.delete(uploadId);
  }

  async remove(keys: readonly string[]): Promise<DeleteFault[]> {
    await this.before("remove", keys[0] ?? "");
    for (const key of keys) {
      this.events.push(`delete ${key}`);
      this.delete(key);
    }
    return [];
  }

  async checksums(key: string) {
    await this.before("checksums", key);
    const object = this.objects.get(key);
    return object && { etag: object.etag, crc32: undefined, sha256: undefined, ...this.stored.get(key) };
  }

  async read(key: string) {
    await this.before("read", key);
    return this.objects.get(key)?.body.toString("utf8");
  }

  async #note(call: Call, key: string): Promise<void> {
    await this.before(call, key);
    this.events.push(`${call} ${key}`);
  }

  #change(key: string, object: MemoryObject | undefined): void {
    const now = this.objects.get(key);
    if (now === undefined && object === undefined) return;
    this.#older.set(key, [...(this.#older.get(key) ?? []), now]);
    if (object === undefined) this.objects.delete(key);
    else this.objects.set(key, object);
  }

  #etag(digest: string): string {
    if (!this.encrypted) return digest;
    this.#versionCount += 1;
    return md5(Buffer.from(`${digest} ${this.#versionCount}`)).toString("hex");
  }

  #upload(uploadId: string) {
    const upload = this.uploads.get(uploadId);
    if (upload === undefined) throw new Error("NoSuchUpload");
    return upload;
  }
}

function md5(body: Uint8Array): Buffer {
  return createHash("md5").update(body).digest();
}

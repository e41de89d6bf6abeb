/**
 * A bucket in memory, as S3 behaves: keys in byte order, ETags from content, checksums and parts checked. It notes what
 * is done to it, and lets a test step in before each call. Shares no code with what it tests.
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
  now: () => number = () => Date.now();
  #uploadCount = 0;

  /** Puts an object there as somebody else would. */
  place(key: string, content: string | Buffer, modifiedMs: number = this.now()): MemoryObject {
    const body = Buffer.from(content);
    const object = { body, etag: md5(body).toString("hex"), modifiedMs };
    this.objects.set(key, object);
    return object;
  }

  keys(): string[] {
    return [...this.objects.keys()].sort(byBytes);
  }

  async fetchPage({ keyPrefix, startAfter, token }: Parameters<Bucket["fetchPage"]>[0]) {
    await this.before("fetchPage", keyPrefix);
    const after = token === undefined ? (startAfter ?? "") : Buffer.from(token, "base64").toString("utf8");
    const rest = this.keys().filter((key) => key.startsWith(keyPrefix) && byBytes(key, after) > 0);
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
    const etag = `${md5(Buffer.concat(bodies.map(md5))).toString("hex")}-${bodies.length}`;
    this.objects.set(key, { body, etag, modifiedMs: this.now() });
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
      this.objects.delete(key);
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

  #upload(uploadId: string) {
    const upload = this.uploads.get(uploadId);
    if (upload === undefined) throw new Error("NoSuchUpload");
    return upload;
  }
}

function md5(body: Uint8Array): Buffer {
  return createHash("md5").update(body).digest();
}

/** The bucket, through the SDK: only this file and direct-puts.ts call S3. Explains each error before it goes on. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { ListingError } from "#shared/listing.ts";
import { readPage, withoutQuotes } from "#shared/page.ts";
import { DamagedAnswer, explain, isUnreadableAnswer, nameOf, type Request, statusOf } from "./aws-errors.ts";
import type { DirectPuts } from "./direct-puts.ts";
import { type Failure, UploadLost } from "./errors.ts";
import { asLargeContent } from "./large-content.ts";
import type { Bucket, DeleteFault } from "./ports.ts";

/** How often something is asked for that arrives damaged: the SDK only asks again when no answer came. */
const READ_ATTEMPTS = 4;
/** A request that carries content may take as long as this needs, for a slow line is shared by all requests. */
const LEAST_BYTES_PER_SECOND = 8 * 1024;
const LEAST_CONTENT_TIMEOUT_MS = 120_000;
/** What is not aborted by then, the bucket's lifecycle rule removes. */
const ABORT_TIMEOUT_MS = 10_000;
/** How many keys S3 deletes with one request. */
const DELETE_BATCH_KEYS = 1_000;
/** How long an interrupted run waits for an answer without which it cannot clean up. */
const PATIENCE_MS = 3_000;

/**
 * @param connections already know region, endpoint, retries and time limits
 * @param signal ends all requests but those that clean up
 */
export function openBucket(
  connections: { readonly s3: S3Client; readonly puts: DirectPuts },
  bucket: string,
  signal: AbortSignal,
): Bucket {
  const { s3: client, puts } = connections;
  const Bucket = bucket;
  const abortSignal = signal;
  const patientSignal = delayed(signal, PATIENCE_MS);

  const about = (operation: string, action: string, key?: string): Request => ({
    operation,
    subject: key === undefined ? `s3://${bucket}` : `s3://${bucket}/${key}`,
    action,
    resource: key === undefined ? `arn:aws:s3:::${bucket}` : `arn:aws:s3:::${bucket}/${key}`,
  });

  const noBucket = {
    reason: "no such bucket, or no right to list it",
    hint: `Check the bucket's name, and whose it is; \`npx cdk deploy -c bucket=${bucket}\` makes it with its validator.`,
  };

  async function explained<T>(request: Request, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (signal.aborted) throw interrupted(request);
      const failure = explain(error, request);
      throw isUploadLost(error) ? new UploadLost(failure) : failure;
    }
  }

  /** What S3 gave to an object or part. A login page of a network, or a broken proxy, answers 200 too. */
  function etagIn(output: { readonly ETag?: string | undefined }, request: Request): string {
    const etag = withoutQuotes(output.ETag ?? "");
    if (etag === "") throw explain(new DamagedAnswer("the answer has no ETag"), request);
    return etag;
  }

  /** Only the time for an answer grows with the content: a connection without any traffic ends after its idle time. */
  const withContent = (body: Uint8Array) => ({
    abortSignal,
    requestTimeout: LEAST_CONTENT_TIMEOUT_MS + (body.length / LEAST_BYTES_PER_SECOND) * 1_000,
  });

  async function removeOne(key: string): Promise<DeleteFault[]> {
    try {
      await client.send(new DeleteObjectCommand({ Bucket, Key: key }), { abortSignal });
      return [];
    } catch (error) {
      if (signal.aborted) throw interrupted(about("delete", "s3:DeleteObject", key));
      return [deleteFault(key, error)];
    }
  }

  function deleteFault(key: string, error: unknown): DeleteFault {
    const { outcome, reason, hint } = explain(error, about("delete", "s3:DeleteObject", key));
    return { key, reason: outcome === "denied" ? `${reason}. ${hint.replace(/\.$/, "")}` : reason };
  }

  async function removeBatch(keys: readonly string[]): Promise<DeleteFault[]> {
    if (keys.length === 0) return [];
    // Not quiet: an answer that names no key would then be one that names no fault.
    const Delete = { Objects: keys.map((Key) => ({ Key })) };
    const { Deleted = [], Errors = [] } = await explained(
      about("delete objects in", "s3:DeleteObject"),
      client.send(new DeleteObjectsCommand({ Bucket, Delete }), { abortSignal }),
    );
    const deleted = new Set(Deleted.map(({ Key }) => Key));
    const errors = new Map(Errors.map((error) => [error.Key, error]));
    return keys
      .filter((key) => !deleted.has(key))
      .map((key) => {
        const { Code = "", Message = "S3 does not say that it is gone" } = errors.get(key) ?? {};
        return deleteFault(key, Object.assign(new Error(Message), { name: Code }));
      });
  }

  /**
   * Whether there is certainly no object of a key. S3 answers a read of one with 404 only to those who may list the
   * whole bucket; a host with a prefix of its own is denied, and may list what it may read.
   */
  async function isAbsent(key: string, abortSignal: AbortSignal): Promise<boolean> {
    const command = new ListObjectsV2Command({ Bucket, Prefix: key, MaxKeys: 1, EncodingType: "url" });
    try {
      const page = readPage(await client.send(command, { abortSignal }));
      return page.objects[0]?.key !== key;
    } catch (error) {
      if (isDenied(error)) return false;
      throw explain(error, about("list", "s3:ListBucket"));
    }
  }

  return {
    async fetchPage({ keyPrefix, startAfter, token }) {
      const command = new ListObjectsV2Command({
        Bucket,
        Prefix: keyPrefix,
        StartAfter: startAfter,
        ContinuationToken: token,
        // Keys may hold characters that XML cannot.
        EncodingType: "url",
      });
      for (let attempt = 1; ; attempt++) {
        try {
          return readPage(await client.send(command, { abortSignal }));
        } catch (error) {
          if (attempt < READ_ATTEMPTS && isDamaged(error)) continue;
          if (error instanceof ListingError) throw error;
          const request = { ...about("list", "s3:ListBucket"), prefix: keyPrefix, hidden: noBucket };
          throw signal.aborted ? interrupted(request) : explain(error, request);
        }
      }
    },

    async put(key, body, crc32) {
      const request = about("write", "s3:PutObject", key);
      const put = puts.send({ Bucket, Key: key, Body: body, ChecksumCRC32: checksum(crc32) }, withContent(body));
      return { etag: etagIn(await explained(request, put), request) };
    },

    async startMultipart(key) {
      const { UploadId } = await explained(
        about("write", "s3:PutObject", key),
        client.send(new CreateMultipartUploadCommand({ Bucket, Key: key, ChecksumAlgorithm: "CRC32" }), {
          // Whoever leaves before the answer never learns the id, and the upload stays open.
          abortSignal: patientSignal,
        }),
      );
      if (UploadId === undefined)
        throw explain(new DamagedAnswer("the answer has no upload id"), about("write", "s3:PutObject", key));
      return { uploadId: UploadId };
    },

    async putPart(key, uploadId, partNumber, body, crc32) {
      const command = new UploadPartCommand({
        Bucket,
        Key: key,
        UploadId: uploadId,
        PartNumber: partNumber,
        Body: body,
        ChecksumCRC32: checksum(crc32),
      });
      const request = about("write", "s3:PutObject", key);
      const etag = etagIn(await explained(request, client.send(asLargeContent(command), withContent(body))), request);
      return { partNumber, etag, crc32: checksum(crc32) };
    },

    async completeMultipart(key, uploadId, parts, sizeBytes) {
      const command = new CompleteMultipartUploadCommand({
        Bucket,
        Key: key,
        UploadId: uploadId,
        MultipartUpload: {
          Parts: parts.map(({ partNumber, etag, crc32 }) => ({
            PartNumber: partNumber,
            ETag: etag,
            ChecksumCRC32: crc32,
          })),
        },
        MpuObjectSize: sizeBytes,
      });
      const request = about("write", "s3:PutObject", key);
      return { etag: etagIn(await explained(request, client.send(command, { abortSignal })), request) };
    },

    async abortMultipart(key, uploadId) {
      try {
        // Not ended by an interruption: this is what an interruption must leave behind.
        await client.send(new AbortMultipartUploadCommand({ Bucket, Key: key, UploadId: uploadId }), {
          abortSignal: AbortSignal.timeout(ABORT_TIMEOUT_MS),
        });
      } catch {
        // What is left then, the bucket's lifecycle rule removes; the failure that led here is the one to tell.
      }
    },

    async remove(keys) {
      const faults: DeleteFault[] = [];
      // The batch request names its keys in XML, which cannot hold every character of a key.
      const plain = keys.filter(fitsXml);
      for (let from = 0; from < plain.length; from += DELETE_BATCH_KEYS)
        faults.push(...(await removeBatch(plain.slice(from, from + DELETE_BATCH_KEYS))));
      for (const key of keys) if (!fitsXml(key)) faults.push(...(await removeOne(key)));
      return faults;
    },

    async checksums(key) {
      const command = new HeadObjectCommand({ Bucket, Key: key, ChecksumMode: "ENABLED" });
      const request = about("read the checksum of", "s3:GetObject", key);
      try {
        const output = await client.send(command, { abortSignal });
        const isWhole = output.ChecksumType !== "COMPOSITE";
        const whole = (checksum: string | undefined) => (isWhole && !checksum?.includes("-") ? checksum : undefined);
        const [crc32, sha256] = [whole(output.ChecksumCRC32), whole(output.ChecksumSHA256)];
        return { etag: etagIn(output, request), crc32, sha256 };
      } catch (error) {
        if (signal.aborted) throw interrupted(request);
        // An answer to HEAD has no body that could say more.
        if (statusOf(error) === 403 || statusOf(error) === 404) return undefined;
        throw explain(error, request);
      }
    },

    async read(key, limitMs) {
      const request = about("read", "s3:GetObject", key);
      const late = limitMs === undefined ? undefined : AbortSignal.timeout(Math.ceil(limitMs));
      const abortSignal = late === undefined ? signal : AbortSignal.any([signal, late]);
      for (let attempt = 1; ; attempt++) {
        let answered = false;
        try {
          const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: key }), { abortSignal });
          answered = true;
          return (await Body?.transformToString()) ?? "";
        } catch (error) {
          if (signal.aborted) throw interrupted(request);
          if (late?.aborted) throw explain(Object.assign(new Error("late"), { name: "TimeoutError" }), request);
          // The connection broke within the body, which the SDK has handed out by then.
          if (answered && attempt < READ_ATTEMPTS) continue;
          if (nameOf(error) === "NoSuchKey" || (statusOf(error) === 404 && nameOf(error) !== "NoSuchBucket"))
            return undefined;
          if (isDenied(error) && (await isAbsent(key, abortSignal))) return undefined;
          throw explain(error, request);
        }
      }
    },
  };
}

function interrupted(request: Request): Failure {
  return explain(Object.assign(new Error("interrupted"), { name: "AbortError" }), request);
}

/** Whether a multipart upload, or a part of it, is gone: a lifecycle rule or somebody else has ended it. */
function isUploadLost(error: unknown): boolean {
  return nameOf(error) === "NoSuchUpload" || nameOf(error) === "InvalidPart";
}

function isDenied(error: unknown): boolean {
  return nameOf(error) === "AccessDenied";
}

/** A signal that comes some time after another. */
function delayed(signal: AbortSignal, delayMs: number): AbortSignal {
  const controller = new AbortController();
  const abort = () => void setTimeout(() => controller.abort(signal.reason), delayMs).unref();
  signal.addEventListener("abort", abort, { once: true });
  return controller.signal;
}

/** Whether an answer came that is none: the SDK does not retry those. */
function isDamaged(error: unknown): boolean {
  return error instanceof ListingError || statusOf(error) === 200 || isUnreadableAnswer(error);
}

/** A CRC32 as S3 takes it: four bytes, the highest first, in base64. */
function checksum(crc32: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32);
  return bytes.toString("base64");
}

// Not the characters that XML 1.0 has no way to write, nor the carriage return that its readers turn into a newline; nor
// what is white space alone, which the SDK takes for layout in the answer.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for here
const NOT_IN_XML = /[\u0000-\u0008\u000b-\u001f\ufffe\uffff]|^\s*$/;

function fitsXml(key: string): boolean {
  return !NOT_IN_XML.test(key);
}

/**
 * The validator's bucket: the only file that calls S3. It lists any key and touches objects only under the reserved
 * prefix, as the role allows. It knows nothing of shards, parts or reports.
 */

import { setTimeout as sleep } from "node:timers/promises";
import {
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { readContentsFirst } from "#shared/contents.ts";
import { compareKeys } from "#shared/key.ts";
import { ListingError, type Page, type PageRequest } from "#shared/listing.ts";
import { readPage } from "#shared/page.ts";

/** A page that cannot be right is asked for this often; what the network does is already retried by the SDK. */
const PAGE_ATTEMPTS = 3;
/** How often a write is tried that S3 puts off because another one is under way. */
const CONFLICT_ATTEMPTS = 5;
const RETRY_DELAY_MS = 100;

/** S3 refused, or could not be reached. The message says what was tried and why it failed. */
export class BucketError extends Error {
  override readonly name = "BucketError";
  /** Whether the function's role lacks a permission. */
  readonly denied: boolean;
  constructor(operation: string, cause: unknown) {
    super(`could not ${operation}: ${reasonOf(cause)}`, { cause });
    this.denied = cause instanceof S3ServiceException && cause.$metadata.httpStatusCode === 403;
  }
}

export interface StoredText {
  readonly text: string;
  /** As S3 gave it, for a conditional write. */
  readonly etag: string;
}

export interface BucketSettings {
  readonly name: string;
  /** The account that must own the bucket: a name alone may have passed to somebody else. */
  readonly ownerAccountId: string;
  /** Standard settings of the SDK, where its own defaults do not do. */
  readonly client?: S3ClientConfig;
}

export class Bucket {
  readonly #client: S3Client;
  readonly #target: { readonly Bucket: string; readonly ExpectedBucketOwner: string };

  constructor({ name, ownerAccountId, client }: BucketSettings) {
    this.#client = new S3Client({
      maxAttempts: 5,
      requestHandler: {
        connectionTimeout: 3_000,
        requestTimeout: 10_000,
        // Otherwise the time-out is only a warning.
        throwOnRequestTimeout: true,
      },
      ...client,
    });
    readContentsFirst(this.#client);
    this.#target = { Bucket: name, ExpectedBucketOwner: ownerAccountId };
  }

  /**
   * One page of a listing. A page that is torn is asked for again, and never taken for an empty rest.
   *
   * @throws {BucketError} when S3 does not answer
   * @throws {ListingError} when what it answers is no whole page
   */
  async fetchPage({ keyPrefix, startAfter, token }: PageRequest, signal?: AbortSignal): Promise<Page> {
    const command = new ListObjectsV2Command({
      ...this.#target,
      Prefix: keyPrefix,
      StartAfter: startAfter,
      ContinuationToken: token,
      // XML cannot carry every character that a key can.
      EncodingType: "url",
    });
    for (let attempt = 1; ; attempt++) {
      try {
        return readPage(await this.#client.send(command, signal === undefined ? {} : { abortSignal: signal }));
      } catch (error) {
        if (signal?.aborted) throw new BucketError("list the bucket", new Error("the function's time was up"));
        const torn = error instanceof ListingError || isUnreadableAnswer(error);
        if (!torn) throw new BucketError("list the bucket", error);
        if (attempt === PAGE_ATTEMPTS)
          throw error instanceof ListingError ? error : new ListingError(`a page is torn (${reasonOf(error)})`);
        await sleep(attempt * RETRY_DELAY_MS);
      }
    }
  }

  /** The keys that begin with a prefix and have no further "/", in key order. */
  async keysBelow(prefix: string): Promise<string[]> {
    return (await this.keysFrom(prefix)).filter((key) => !key.includes("/", prefix.length));
  }

  /** All keys that begin with a prefix, in key order. */
  async keysFrom(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    let token: string | undefined;
    do {
      const page = await this.fetchPage({ keyPrefix: prefix, startAfter: undefined, token });
      for (const { key } of page.objects) {
        const previous = keys.at(-1);
        // Else a listing that begins again would never end.
        if (previous !== undefined && compareKeys(previous, key) >= 0) throw new ListingError("its keys do not ascend");
        keys.push(key);
      }
      if (page.truncated && (page.nextToken === undefined || page.nextToken === token))
        throw new ListingError("it goes on but gives no new token");
      token = page.truncated ? page.nextToken : undefined;
    } while (token !== undefined);
    return keys;
  }

  /** The text of an object, or undefined when there is none. */
  async read(key: string): Promise<StoredText | undefined> {
    try {
      const { Body, ETag } = await this.#client.send(new GetObjectCommand({ ...this.#target, Key: key }));
      if (Body === undefined || ETag === undefined) throw new Error("the answer has no body or no ETag");
      return { text: await Body.transformToString("utf8"), etag: ETag };
    } catch (error) {
      // Without the permission to list, a missing object would be a 403: the role has it.
      if (hasCode(error, "NoSuchKey")) return undefined;
      throw new BucketError(`read ${key}`, error);
    }
  }

  /** Writes an object, whatever is there. */
  async write(key: string, body: Buffer, contentType: string): Promise<void> {
    try {
      await this.#client.send(
        new PutObjectCommand({ ...this.#target, Key: key, Body: body, ContentType: contentType }),
      );
    } catch (error) {
      throw new BucketError(`write ${key}`, error);
    }
  }

  /**
   * Writes JSON if the object is still the one with this ETag, or still not there when `etag` is undefined.
   *
   * @returns whether it was written; false when somebody else was faster
   */
  async writeIfUnchanged(key: string, json: string, etag: string | undefined): Promise<boolean> {
    const command = new PutObjectCommand({
      ...this.#target,
      Key: key,
      Body: json,
      ContentType: "application/json",
      ...(etag === undefined ? { IfNoneMatch: "*" } : { IfMatch: etag }),
    });
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#client.send(command);
        return true;
      } catch (error) {
        // When the answer to a successful write is lost, the SDK's own retry ends here too: it then was us.
        if (hasCode(error, "PreconditionFailed")) return false;
        if (etag !== undefined && hasCode(error, "NoSuchKey")) return false;
        if (!hasCode(error, "ConditionalRequestConflict") || attempt === CONFLICT_ATTEMPTS)
          throw new BucketError(`write ${key}`, error);
        await sleep(attempt * RETRY_DELAY_MS);
      }
    }
  }
}

/** Whether S3 answered, but with something that the SDK could not read: it marks such errors with the answer. */
function isUnreadableAnswer(error: unknown): boolean {
  return error instanceof Error && "$response" in error && !(error instanceof S3ServiceException);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof S3ServiceException && error.name === code;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof S3ServiceException)) return error.message === "" ? error.name : error.message;
  const text = error.message === "" || error.message === error.name ? error.name : `${error.name}, ${error.message}`;
  return `${text.replace(/\.$/, "")} (HTTP ${error.$metadata.httpStatusCode ?? "unknown"})`;
}

/**
 * Reads one answer of ListObjectsV2, asked for with URL encoding. Knows the fields of the answer, not the SDK that
 * brought it. A page that did not arrive whole must never be taken for the end of a listing.
 */
import { type ListedObject, ListingError, type Page } from "#shared/listing.ts";

interface ObjectAnswer {
  readonly Key?: string | undefined;
  readonly Size?: number | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
}

/** The fields of the answer, as the S3 API reference names them. */
export interface PageAnswer {
  readonly Contents?: readonly ObjectAnswer[] | undefined;
  readonly IsTruncated?: boolean | undefined;
  readonly KeyCount?: number | undefined;
  readonly NextContinuationToken?: string | undefined;
  readonly EncodingType?: string | undefined;
}

/** @throws {ListingError} when the page is torn; it may be whole when it is asked for again */
export function readPage(answer: PageAnswer): Page {
  const { Contents = [], IsTruncated, KeyCount, NextContinuationToken, EncodingType } = answer;
  if (typeof IsTruncated !== "boolean") throw new ListingError("a page does not say whether it is the last");
  if (KeyCount !== Contents.length) throw new ListingError("a page does not hold as many keys as it says");
  const objects = Contents.map((object) => readObject(object, EncodingType === "url"));
  return { objects, truncated: IsTruncated, nextToken: NextContinuationToken };
}

/** A size or time that is no number would pass for a small one, and for an old one, in each comparison. */
function readObject({ Key = "", Size = -1, ETag = "", LastModified }: ObjectAnswer, isEncoded: boolean): ListedObject {
  const key = isEncoded ? decodeKey(Key) : Key;
  const etag = withoutQuotes(ETag);
  const modifiedMs = LastModified?.getTime() ?? Number.NaN;
  if (key === "" || !Number.isSafeInteger(Size) || Size < 0 || etag === "" || Number.isNaN(modifiedMs))
    throw new ListingError("a page shows an object without key, size, ETag or time");
  return { key, sizeBytes: Size, etag, modifiedMs };
}

/** S3 encodes keys as forms do: a space becomes "+", a plus sign "%2B". */
function decodeKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded.includes("+") ? encoded.replaceAll("+", " ") : encoded);
  } catch {
    throw new ListingError("a page shows a key that is not URL encoded UTF-8");
  }
}

/** An ETag as manifests and listings hold it. */
export function withoutQuotes(etag: string): string {
  return etag.length > 1 && etag.startsWith('"') && etag.endsWith('"') ? etag.slice(1, -1) : etag;
}

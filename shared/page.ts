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
  if (IsTruncated === undefined) throw new ListingError("a page does not say whether it is the last");
  if (KeyCount !== Contents.length) throw new ListingError("a page does not hold as many keys as it says");
  const objects = Contents.map(({ Key, Size, ETag, LastModified }): ListedObject => {
    if (Key === undefined || Size === undefined || ETag === undefined || LastModified === undefined)
      throw new ListingError("a page shows an object without key, size, ETag or time");
    const key = EncodingType === "url" ? decodeKey(Key) : Key;
    return { key, sizeBytes: Size, etag: withoutQuotes(ETag), modifiedMs: LastModified.getTime() };
  });
  return { objects, truncated: IsTruncated, nextToken: NextContinuationToken };
}

/** S3 encodes keys as forms do: a space becomes "+", a plus sign "%2B". */
function decodeKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll("+", " "));
  } catch {
    throw new ListingError("a page shows a key that is not URL encoded UTF-8");
  }
}

/** An ETag as manifests and listings hold it. */
export function withoutQuotes(etag: string): string {
  return etag.replace(/^"(.*)"$/, "$1");
}

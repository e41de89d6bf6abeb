/**
 * Each request of the permission table, as it really is sent. What it needs (an object, an upload, a message) the
 * engine's root key makes first; then the request can be sent any number of times, by whoever is asked for.
 */
import type { RequestKind } from "./permission-request-kind.ts";
import { S3_REQUESTS } from "./permission-requests-s3.ts";
import { SERVICE_REQUESTS } from "./permission-requests-services.ts";

const REQUESTS = { ...S3_REQUESTS, ...SERVICE_REQUESTS };

export type RequestName = keyof typeof REQUESTS;

/** First those of S3, then the others. */
export const REQUEST_NAMES = Object.keys(REQUESTS) as RequestName[];

export function requestKind(name: RequestName): RequestKind {
  return REQUESTS[name];
}

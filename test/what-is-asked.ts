/** What a request to AWS asks for, told from its head alone, as a proxy sees it pass. Buckets stand in the path. */
import type { IncomingMessage } from "node:http";

export interface Asked {
  /** As AWS calls it: "PutObject", "ListObjectsV2", "SendMessage". */
  readonly operation: string;
  /** The key of an object, "" for a bucket or a queue. */
  readonly key: string;
}

export function whatIsAsked({
  method = "",
  url = "/",
  headers,
}: Pick<IncomingMessage, "method" | "url" | "headers">): Asked {
  const target = String(headers["x-amz-target"] ?? "");
  if (target !== "") return { operation: target.slice(target.indexOf(".") + 1), key: "" };
  const { pathname, searchParams } = new URL(url, "https://any");
  const [, , ...segments] = pathname.split("/");
  const key = decodeURIComponent(segments.join("/"));
  const has = (name: string) => searchParams.has(name);
  const verb = `${method.charAt(0)}${method.slice(1).toLowerCase()}`;
  if (key === "") {
    if (has("delete")) return { operation: "DeleteObjects", key };
    if (method !== "GET") return { operation: `${verb}Bucket`, key };
    if (has("list-type")) return { operation: "ListObjectsV2", key };
    return { operation: has("location") ? "GetBucketLocation" : "ListObjects", key };
  }
  if (method === "POST")
    return { operation: has("uploads") ? "CreateMultipartUpload" : "CompleteMultipartUpload", key };
  if (has("uploadId")) return { operation: method === "DELETE" ? "AbortMultipartUpload" : "UploadPart", key };
  return { operation: `${verb}Object`, key };
}

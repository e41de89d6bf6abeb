/**
 * A server in a process of its own that lists a bucket, page by page, as S3 writes its answers; what they say of each
 * object is made before they are asked for. The bucket holds numbered keys, or the files of a directory of plain names.
 */
import { createHash } from "node:crypto";
import type { AddressInfo } from "node:net";
import { startServerProcess } from "./server-process.ts";

/** The size of each numbered object. */
export const LISTED_BYTES = 4_096;

export function numberedKey(index: number): string {
  return `some/directory/file-${String(index).padStart(8, "0")}.txt`;
}

export function listedEtag(key: string): string {
  return createHash("md5").update(key).digest("hex");
}

type Listed = { readonly count: number } | { readonly directory: string };

/** @param pageMs how long each page takes, beside what making it takes */
export function startListServer(listed: Listed, pageMs = 0): Promise<{ stop(): void }> {
  return startServerProcess(`(${serve})(${JSON.stringify(listed)}, ${numberedKey}, ${LISTED_BYTES}, ${pageMs})`);
}

/** Runs there, and so may use nothing of this module but what is handed over. */
function serve(listed: Listed, keyOf: (index: number) => string, numberedBytes: number, pageMs: number): void {
  const { createHash: hash } = process.getBuiltinModule("node:crypto");
  const { readdirSync, statSync } = process.getBuiltinModule("node:fs");
  const PAGE_KEYS = 1_000;
  let keys: string[];
  let sizeOf = (_key: string) => numberedBytes;
  if ("count" in listed) keys = Array.from({ length: listed.count }, (_, index) => keyOf(index));
  else {
    const { directory } = listed;
    sizeOf = (key) => statSync(`${directory}/${key}`).size;
    keys = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file) => `${file.parentPath}/${file.name}`.slice(directory.length + 1))
      .sort();
  }
  /** The first key after another one. */
  const after = (key: string): number => {
    let from = 0;
    let to = keys.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((keys[middle] ?? "") <= key) from = middle + 1;
      else to = middle;
    }
    return from;
  };
  const contents = (key: string) =>
    `<Contents><Key>${encodeURIComponent(key)}</Key><LastModified>${new Date().toISOString()}</LastModified>` +
    `<ETag>&quot;${hash("md5").update(key).digest("hex")}&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>` +
    `<Size>${sizeOf(key)}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
  const objects = keys.map(contents);
  const page = (from: number) => {
    const end = Math.min(from + PAGE_KEYS, keys.length);
    const more = end < keys.length;
    return (
      `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
      `<Name>bench</Name><Prefix></Prefix><KeyCount>${end - from}</KeyCount><MaxKeys>${PAGE_KEYS}</MaxKeys>` +
      `<EncodingType>url</EncodingType><IsTruncated>${more}</IsTruncated>` +
      `${more ? `<NextContinuationToken>${end}</NextContinuationToken>` : ""}` +
      `${objects.slice(from, end).join("")}</ListBucketResult>`
    );
  };
  const server = process.getBuiltinModule("node:http").createServer((request, response) => {
    const query = new URL(request.url ?? "/", "http://localhost").searchParams;
    const token = query.get("continuation-token");
    const from = token === null ? after(query.get("start-after") ?? "") : Number(token);
    setTimeout(() => response.writeHead(200, { "content-type": "application/xml" }).end(page(from)), pageMs);
  });
  process.on("disconnect", () => process.exit());
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
}

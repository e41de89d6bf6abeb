/**
 * What a program of fifty lines costs that does the same with the SDK's client: lists the prefix, walks the directory,
 * puts what is missing or of another size. It retries as the SDK does, and checks nothing.
 *
 *     node plain-sdk.mjs DIRECTORY s3://BUCKET/PREFIX/
 */
import { createReadStream } from "node:fs";
import { opendir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";

const REQUESTS_IN_FLIGHT = 32;
const PART_BYTES = 16 * 1024 * 1024;
const PARTS_IN_FLIGHT = 4;

const [directory = "", url = ""] = process.argv.slice(2);
const [, Bucket = "", prefix = ""] = /^s3:\/\/([^/]+)\/(.*)$/.exec(url) ?? [];
const client = new S3Client({});
const sizes = new Map<string, number>();
for await (const page of paginateListObjectsV2({ client }, { Bucket, Prefix: prefix }))
  for (const { Key = "", Size = 0 } of page.Contents ?? []) sizes.set(Key, Size);

async function* files(folder: string, keyPrefix: string): AsyncGenerator<{ path: string; Key: string }> {
  for await (const item of await opendir(folder)) {
    const path = join(folder, item.name);
    if (item.isDirectory()) yield* files(path, `${keyPrefix}${item.name}/`);
    else if (item.isFile()) yield { path, Key: `${keyPrefix}${item.name}` };
  }
}

async function sync({ path, Key }: { path: string; Key: string }): Promise<void> {
  const { size } = await stat(path);
  if (sizes.get(Key) === size) return;
  if (size <= PART_BYTES) await client.send(new PutObjectCommand({ Bucket, Key, Body: await readFile(path) }));
  else await putParts(path, Key, size);
}

async function putParts(path: string, Key: string, size: number): Promise<void> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const numbers = Array.from({ length: Math.ceil(size / PART_BYTES) }, (_, index) => index + 1);
  const Parts = numbers.map((PartNumber) => ({ PartNumber, ETag: "" as string | undefined }));
  await inFlight(PARTS_IN_FLIGHT, Parts.values(), async (part) => {
    const start = (part.PartNumber - 1) * PART_BYTES;
    const Body = createReadStream(path, { start, end: Math.min(start + PART_BYTES, size) - 1 });
    const ContentLength = Math.min(PART_BYTES, size - start);
    const { PartNumber } = part;
    const sent = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ContentLength }));
    part.ETag = sent.ETag;
  });
  await client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
}

async function inFlight<T>(most: number, items: AsyncIterator<T> | Iterator<T>, work: (item: T) => Promise<void>) {
  const worker = async () => {
    for (let next = await items.next(); !next.done; next = await items.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: most }, worker));
}

await inFlight(REQUESTS_IN_FLIGHT, files(directory, prefix), sync);
client.destroy();

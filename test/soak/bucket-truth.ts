/** The soak's bucket, past the proxy: what it holds, what other clients do to it, and what its lifecycle rules would do. */
import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  paginateListObjectsV2,
  S3Client,
} from "@aws-sdk/client-s3";
import { REPORTS_PREFIX } from "#shared/names.ts";
import { BucketView } from "#test/e2e/bucket-view.ts";
import { liveEngine } from "#test/live-engine.ts";
import type { Random } from "#test/sim/random.ts";
import type { SourceTree } from "./source-tree.ts";

interface Version {
  readonly Key?: string | undefined;
  readonly VersionId?: string | undefined;
}

export class SoakBucket {
  readonly view: BucketView;
  readonly #s3 = new S3Client(liveEngine().administrator);
  /** Digests of what was sent in parts, whose ETags are none. */
  readonly #known = new Map<string, string>();

  constructor(scope: { after(hook: () => void): void }, prefix: string) {
    this.view = new BucketView(scope, prefix);
    scope.after(() => this.#s3.destroy());
  }

  /** How the bucket differs from the tree, one line each: names, sizes, content. */
  async differences(tree: SourceTree): Promise<string[]> {
    const expected = tree.digests();
    const found: string[] = [];
    for (const { path, sizeBytes, etag } of await this.view.objects()) {
      const file = expected.get(path);
      expected.delete(path);
      const name = JSON.stringify(path);
      if (file === undefined) found.push(`unexpected: ${name}`);
      else if (file.sizeBytes !== sizeBytes) found.push(`${file.sizeBytes} bytes, but ${sizeBytes} there: ${name}`);
      else if (file.md5 !== (await this.#md5Of(path, etag))) found.push(`of other content: ${name}`);
    }
    return [...found, ...[...expected.keys()].map((path) => `missing: ${JSON.stringify(path)}`)];
  }

  /** Something that another client does. */
  async drift(random: Random): Promise<void> {
    const objects = await this.view.objects();
    for (let left = random.between(1, 4); left > 0 && objects.length > 0; left--) {
      const { path, sizeBytes } = random.pick(objects);
      const change = random.weighted({ remove: 2, replace: 2, "replace in the same size": 2, add: 2 });
      const content = (bytes: number) =>
        random
          .bytes(Math.min(bytes, 20_000))
          .toString("latin1")
          .replaceAll(/[^a-z]/g, "x");
      if (change === "remove") await this.view.remove(path);
      else if (change === "replace") await this.view.put(path, content(random.below(3_000)));
      else if (change === "add") await this.view.put(`foreign/${random.below(50)}`, content(200));
      else await this.view.put(path, content(sizeBytes));
    }
  }

  /** Gives up all uploads that are open, as the lifecycle rule does after days. @returns how many there were */
  async abortUploads(): Promise<number> {
    const Bucket = this.view.bucket;
    const { Uploads = [] } = await this.#s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: this.view.prefix }));
    for (const { Key, UploadId } of Uploads)
      await this.#s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    return Uploads.length;
  }

  /** Likewise, versions that were replaced or deleted: the engine keeps them in memory. */
  async expireOldVersions(): Promise<void> {
    const Bucket = this.view.bucket;
    const [versions, markers]: [Version[], Version[]] = [[], []];
    let page: Partial<ListObjectVersionsCommandOutput> = {};
    do {
      const { NextKeyMarker, NextVersionIdMarker: VersionIdMarker } = page;
      const marker = NextKeyMarker === undefined ? {} : { KeyMarker: keyIn(page, NextKeyMarker), VersionIdMarker };
      const request = { Bucket, Prefix: this.view.prefix, EncodingType: "url" as const, ...marker };
      page = await this.#s3.send(new ListObjectVersionsCommand(request));
      const { Versions = [], DeleteMarkers = [] } = page;
      const read = ({ Key, VersionId }: Version) => ({ Key: keyIn(page, Key), VersionId });
      versions.push(...Versions.filter(({ IsLatest }) => !IsLatest).map(read));
      markers.push(...DeleteMarkers.map(read));
    } while (page.IsTruncated === true);
    // One by one: not every name can stand in the XML of a request for many. What is marked as deleted goes before its mark.
    for (const { Key, VersionId } of [...versions, ...markers])
      await this.#s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
  }

  async reports(): Promise<number> {
    let count = 0;
    const request = { Bucket: this.view.bucket, Prefix: REPORTS_PREFIX + this.view.prefix };
    for await (const { KeyCount = 0 } of paginateListObjectsV2({ client: this.#s3 }, request)) count += KeyCount;
    return count;
  }

  async #md5Of(path: string, etag: string): Promise<string> {
    const token = etag.replaceAll('"', "");
    if (!token.includes("-")) return token;
    const place = `${path} ${token}`;
    const digest =
      this.#known.get(place) ??
      createHash("md5")
        .update(await this.view.read(path))
        .digest("hex");
    this.#known.set(place, digest);
    return digest;
  }
}

/** The engine lists versions as they are, whatever was asked for. */
function keyIn({ EncodingType }: { EncodingType?: string | undefined }, key = ""): string {
  return EncodingType === "url" ? decodeURIComponent(key.replaceAll("+", " ")) : key;
}

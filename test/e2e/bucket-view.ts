/**
 * The bucket below a key prefix, seen and changed by the engine's administrator: another client than the agent, whom
 * no policy binds.
 */
import { randomBytes } from "node:crypto";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { decodePart, decodeReport, type Part, partsPrefix, type Report } from "#shared/report.ts";
import { liveEngine } from "#test/live-engine.ts";

/** A key prefix that no other test has, nor an earlier run of the same test on the same engine. */
export function ownPrefix(name: string): string {
  return `${name}-${randomBytes(4).toString("hex")}/`;
}

interface Scope {
  after(hook: () => void): void;
}

export interface SeenObject {
  readonly path: string;
  readonly sizeBytes: number;
  readonly etag: string;
}

export class BucketView {
  readonly #s3: S3Client;
  readonly prefix: string;
  readonly bucket: string;

  /** @param prefix "" or ends in "/" */
  constructor(scope: Scope, prefix: string, bucket: string = liveEngine().bucket) {
    this.#s3 = new S3Client(liveEngine().administrator);
    this.prefix = prefix;
    this.bucket = bucket;
    scope.after(() => this.#s3.destroy());
  }

  /** The target's URL, with a slash at its end where there is a prefix. */
  get url(): string {
    return `s3://${this.bucket}/${this.prefix}`;
  }

  /** All objects in the order of the listing, by what follows the prefix. */
  async objects(): Promise<SeenObject[]> {
    const objects: SeenObject[] = [];
    let token: string | undefined;
    do {
      const page = await this.#s3.send(
        new ListObjectsV2Command({
          ...{ Bucket: this.bucket, Prefix: this.prefix, ContinuationToken: token },
          EncodingType: "url",
        }),
      );
      for (const { Key = "", Size = 0, ETag = "" } of page.Contents ?? []) {
        const key = decodeURIComponent(Key.replaceAll("+", " "));
        objects.push({ path: key.slice(this.prefix.length), sizeBytes: Size, etag: ETag });
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
    return objects;
  }

  async paths(): Promise<string[]> {
    return (await this.objects()).map(({ path }) => path);
  }

  /** How often objects were written and deleted below the prefix since there is a bucket. */
  async changes(): Promise<number> {
    const { Versions = [], DeleteMarkers = [] } = await this.#s3.send(
      new ListObjectVersionsCommand({ Bucket: this.bucket, Prefix: this.prefix }),
    );
    return Versions.length + DeleteMarkers.length;
  }

  async uploads(): Promise<number> {
    const { Uploads = [] } = await this.#s3.send(
      new ListMultipartUploadsCommand({ Bucket: this.bucket, Prefix: this.prefix }),
    );
    return Uploads.length;
  }

  async read(path: string): Promise<Buffer> {
    return this.#read(this.prefix + path);
  }

  async put(path: string, content: string): Promise<void> {
    await this.#s3.send(
      new PutObjectCommand({ Bucket: this.bucket, Key: this.prefix + path, Body: Buffer.from(content) }),
    );
  }

  async remove(path: string): Promise<void> {
    await this.#s3.send(new DeleteObjectCommand({ Bucket: this.bucket, Key: this.prefix + path }));
  }

  /** Takes the newest version away, as whoever names it can: the one before is the object again. */
  async removeNewestVersion(path: string): Promise<void> {
    const Key = this.prefix + path;
    const { Versions = [] } = await this.#s3.send(new ListObjectVersionsCommand({ Bucket: this.bucket, Prefix: Key }));
    const { VersionId } = Versions.find((version) => version.Key === Key && version.IsLatest) ?? {};
    if (VersionId === undefined) throw new Error(`${Key} has no version`);
    await this.#s3.send(new DeleteObjectCommand({ Bucket: this.bucket, Key, VersionId }));
  }

  /** The report that a run's output names, as it lies in the bucket. */
  async reportText(output: { readonly stdout: string }): Promise<string> {
    const [, key] = new RegExp(`^Report: s3://${this.bucket}/(.*)$`, "m").exec(output.stdout) ?? [];
    if (key === undefined) throw new Error(`no report is named in\n${output.stdout}`);
    return (await this.#read(key)).toString();
  }

  async report(output: { readonly stdout: string }): Promise<Report> {
    return decodeReport(await this.reportText(output));
  }

  /** The parts of a report, in the order of their shards. */
  async parts({ prefix, run }: Pick<Report, "prefix" | "run">): Promise<Part[]> {
    const { Contents = [] } = await this.#s3.send(
      new ListObjectsV2Command({ Bucket: this.bucket, Prefix: `${partsPrefix(prefix, run)}part-` }),
    );
    return Promise.all(Contents.map(async ({ Key = "" }) => decodePart((await this.#read(Key)).toString())));
  }

  async #read(key: string): Promise<Buffer> {
    const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: this.bucket, Key: key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }
}

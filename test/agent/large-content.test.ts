/** How a large content goes: over TLS without its hash in the signature, in slices, and again as a whole. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { suite, test } from "node:test";
import { PutObjectCommand, S3Client, UploadPartCommand } from "@aws-sdk/client-s3";
import { asLargeContent } from "#agent/large-content.ts";

const CONTENT = randomBytes(600_000);
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");
const CHECKSUM = "AAAAAQ==";

interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly slices: number[];
}

/** Sends a command by a client whose server answers with these statuses, one after the other. */
async function send(
  command: PutObjectCommand | UploadPartCommand,
  endpoint: string,
  ...statuses: number[]
): Promise<Sent[]> {
  const sent: Sent[] = [];
  const client = new S3Client({
    ...{ endpoint, region: "eu-central-1", forcePathStyle: true, requestChecksumCalculation: "WHEN_REQUIRED" },
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "example" },
    requestHandler: {
      async handle({ headers, body }: { headers: Record<string, string>; body: unknown }) {
        const slices: number[] = [];
        if (body instanceof Readable) {
          const push = body.push.bind(body);
          body.push = (slice: Uint8Array | null) => {
            if (slice !== null) slices.push(slice.length);
            return push(slice);
          };
        }
        sent.push({ headers: { ...headers }, body: await buffer(body as Readable), slices });
        const statusCode = statuses[sent.length - 1] ?? 200;
        return { response: { statusCode, headers: { etag: '"e"' }, body: Readable.from([]) } };
      },
    } as never,
  });
  await client.send(asLargeContent(command) as PutObjectCommand);
  client.destroy();
  return sent;
}

const given = { Bucket: "data", Key: "k", Body: CONTENT, ChecksumCRC32: CHECKSUM };
const COMMANDS = {
  object: () => new PutObjectCommand(given),
  part: () => new UploadPartCommand({ ...given, PartNumber: 1, UploadId: "u" }),
};

for (const [name, command] of Object.entries(COMMANDS)) {
  suite(`A large ${name}`, () => {
    test("over TLS is not hashed for the signature, which covers its checksum", async () => {
      const [sent] = await send(command(), "https://s3.example");
      assert.equal(sent?.headers["x-amz-content-sha256"], "UNSIGNED-PAYLOAD");
      assert.equal(sent?.headers["x-amz-checksum-crc32"], CHECKSUM);
      const [, signed = ""] = /SignedHeaders=([^,]+)/.exec(sent?.headers.authorization ?? "") ?? [];
      assert.deepEqual(
        ["x-amz-checksum-crc32", "x-amz-content-sha256"].filter((header) => !signed.split(";").includes(header)),
        [],
      );
    });

    test("without TLS is", async () => {
      const [sent] = await send(command(), "http://s3.example");
      assert.equal(sent?.headers["x-amz-content-sha256"], SHA256);
    });

    test("goes slice by slice, whole again at each try", async () => {
      const sent = await send(command(), "https://s3.example", 503, 500);
      assert.equal(sent.length, 3);
      for (const { headers, body, slices } of sent) {
        assert.ok(body.equals(CONTENT));
        assert.deepEqual(slices, [262_144, 262_144, 75_712]);
        assert.equal(headers["content-length"], "600000");
        assert.equal(headers["x-amz-content-sha256"], "UNSIGNED-PAYLOAD");
      }
    });
  });
}

/** What the agent reads from an answer to a listing, which is given to the SDK's client as if it came from S3. */
import { Readable } from "node:stream";
import { S3Client } from "@aws-sdk/client-s3";
import { openBucket } from "#agent/bucket.ts";
import { DirectPuts } from "#agent/direct-puts.ts";
import type { Page } from "#shared/listing.ts";

/**
 * @param body what arrives, piece by piece; an error where it breaks off
 * @param prepare what is done to the client before it is used
 */
export function pageOfAnswer(
  body: readonly (string | Buffer | Error)[],
  prepare: (client: S3Client) => void = () => {},
): Promise<Page> {
  async function* pieces() {
    for (const piece of body) {
      // A new one each time: the SDK marks those that it sees.
      if (piece instanceof Error) throw Object.assign(new Error(piece.message), piece);
      yield Buffer.from(piece);
    }
  }
  const headers = { "content-type": "application/xml" };
  const handle = async () => ({ response: { statusCode: 200, headers, body: Readable.from(pieces()) } });
  const client = new S3Client({
    ...{ region: "eu-central-1", endpoint: "http://localhost", maxAttempts: 1 },
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
    requestHandler: { handle } as never,
  });
  prepare(client);
  const puts = new DirectPuts(client, (_, send) => send());
  const bucket = openBucket({ s3: client, puts }, "bucket", new AbortController().signal);
  return bucket.fetchPage({ keyPrefix: "", startAfter: undefined, token: undefined });
}

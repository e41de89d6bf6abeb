/** A shard of numbered keys, as the list server has them in its bucket, and its check by the validator's own code. */
import { Bucket } from "#lambda/bucket.ts";
import { checkShard } from "#lambda/check-shard.ts";
import { encodeManifest } from "#shared/manifest.ts";
import { decodeMessage, encodeMessage } from "#shared/message.ts";
import { LISTED_BYTES, listedEtag, numberedKey } from "./list-server.ts";

/** @returns the message about it, as text */
export function numberedShard(index: number, shards: number, shardEntries: number): string {
  const first = index * shardEntries;
  const entries = Array.from({ length: shardEntries }, (_, entry) => ({
    path: numberedKey(first + entry),
    sizeBytes: LISTED_BYTES,
    etag: listedEtag(numberedKey(first + entry)),
  }));
  const last = index === shards - 1;
  return encodeMessage({
    run: `20240229T123456Z-${"0".repeat(32)}`,
    bucket: "bench",
    prefix: "",
    shard: {
      ...{ index, last },
      after: index === 0 ? null : numberedKey(first - 1),
      through: last ? null : (entries.at(-1)?.path ?? null),
    },
    extras: "mismatch",
    repairs: null,
    source: { host: "host", directory: "/srv" },
    agentVersion: "0",
    manifest: encodeManifest(entries),
  });
}

export function openBenchBucket(): Bucket {
  return new Bucket({ name: "bench", ownerAccountId: "000000000000" });
}

/** @throws when not all of its entries match */
export async function checkNumberedShard(text: string, bucket: Bucket, shardEntries: number): Promise<void> {
  const context = { validatorVersion: "0", senderId: "AROAEXAMPLE:host", now: () => new Date() };
  const { part } = await checkShard(decodeMessage(text), bucket, "", context, new AbortController().signal);
  if (part.totals.matched !== shardEntries) throw new Error(`${part.totals.matched} entries matched`);
}

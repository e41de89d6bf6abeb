/**
 * CPU and memory of the validator's own part: one shard after the other, read, listed by the real client from a server in
 * another process, compared. Beside it, in turns, what the SDK alone takes to fetch and parse the same pages.
 *
 *     node --max-old-space-size=230 --max-semi-space-size=12 test/bench/bundled.ts one-validator.ts [SHARDS [ENTRIES]]
 *
 * The options are those with which Lambda starts Node in 256 MiB. The peak of the first round is the validator's alone.
 */
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { numberedKey, startListServer } from "./list-server.ts";
import { checkNumberedShard, numberedShard, openBenchBucket } from "./numbered-shard.ts";

const [shards = 50, shardEntries = 20_000] = process.argv.slice(2).map(Number);
const ROUNDS = 3;
const keyCount = shards * shardEntries;

const server = await startListServer({ count: keyCount });
const bucket = openBenchBucket();
const client = new S3Client({});

/** @returns CPU in microseconds, without that of making the messages */
async function validateAll(): Promise<number> {
  let cpu = 0;
  for (let index = 0; index < shards; index++) {
    const text = numberedShard(index, shards, shardEntries);
    cpu += await cpuOf(() => checkNumberedShard(text, bucket, shardEntries));
  }
  return cpu;
}

async function cpuOf(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** The same keys, in ranges of four pages, one page after the other, and nothing done with them. */
async function listAll(): Promise<void> {
  for (let from = 0; from < keyCount; from += 4_000) {
    let token: string | undefined;
    let left = Math.min(4_000, keyCount - from);
    while (left > 0) {
      const StartAfter = token === undefined && from > 0 ? numberedKey(from - 1) : undefined;
      const page = await client.send(
        new ListObjectsV2Command({
          Bucket: "bench",
          Prefix: "",
          StartAfter,
          ContinuationToken: token,
          EncodingType: "url",
        }),
      );
      left -= page.Contents?.length ?? 0;
      token = page.NextContinuationToken;
    }
  }
}

const each = (cpu: number) => `${(cpu / keyCount).toFixed(2)} µs of CPU a key`;
const peak = () => `peak so far ${Math.round((process.resourceUsage().maxRSS * 1024) / 1e6)} MB`;
for (let round = 1; round <= ROUNDS; round++) {
  console.log(`round ${round}, validator: ${each(await validateAll())}, ${peak()}`);
  console.log(`round ${round}, SDK alone: ${each(await cpuOf(listAll))}, ${peak()}`);
}
server.stop();

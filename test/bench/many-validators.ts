/**
 * Whether validators that work at once wait for each other: one shard alone, then all at once, each in a process of its own,
 * listed from a server whose pages take long, so that the processors of this machine, which Lambda would have one each of,
 * say little.
 *
 *     node test/bench/bundled.ts many-validators.ts [SHARDS [MILLISECONDS-A-PAGE]]
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { MAX_SHARD_ENTRIES } from "#shared/shard.ts";
import { startListServer } from "./list-server.ts";
import { checkNumberedShard, numberedShard, openBenchBucket } from "./numbered-shard.ts";

const [shards = 50, pageMs = 5_000] = process.argv.slice(2).map(Number);

if (process.send === undefined) await measure();
else await validate(Number(process.env.BENCH_SHARD));

async function measure(): Promise<void> {
  const server = await startListServer({ count: shards * MAX_SHARD_ENTRIES }, pageMs);
  try {
    for (const count of [1, shards])
      console.log(`${count} at once: ${((await checkedIn(count)) / 1_000).toFixed(1)} s`);
  } finally {
    server.stop();
  }
}

/** @returns milliseconds from the first one's start to the last one's end, all being ready */
async function checkedIn(count: number): Promise<number> {
  const children: ChildProcess[] = [];
  // One after the other: a message takes a processor to make.
  for (let index = 0; index < count; index++) {
    const child = fork(process.argv[1] ?? "", process.argv.slice(2), {
      env: { ...process.env, BENCH_SHARD: String(index) },
    });
    children.push(child);
    await once(child, "message");
  }
  const started = performance.now();
  const ended = children.map((child) => once(child, "exit"));
  for (const child of children) child.send("begin");
  for (const [code] of await Promise.all(ended)) if (code !== 0) throw new Error("a shard did not match");
  return performance.now() - started;
}

async function validate(index: number): Promise<void> {
  const text = numberedShard(index, shards, MAX_SHARD_ENTRIES);
  const bucket = openBenchBucket();
  process.send?.("ready");
  await once(process, "message");
  await checkNumberedShard(text, bucket, MAX_SHARD_ENTRIES);
  process.disconnect();
}

/**
 * CPU of one put of a small object: the agent's own way, beside the SDK's client alone, in turns, against a server in
 * another process that reads and answers at once.
 *
 *     node test/bench/put.ts [BYTES [PUTS]]
 */
import { crc32 } from "node:zlib";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { openBucket } from "#agent/bucket.ts";
import { connect } from "#agent/connect.ts";
import { startPutServer } from "./put-server.ts";

const AT_ONCE = 16;
const ROUNDS = 5;

const [sizeBytes = 4_096, puts = 4_000] = process.argv.slice(2).map(Number);
const server = await startPutServer();
const connections = connect({ request() {}, warn: console.warn });
const abortSignal = new AbortController().signal;
const bucket = openBucket(connections, "bench", abortSignal);
const body = Buffer.alloc(sizeBytes, "content");
const ways: Record<string, (key: string) => Promise<unknown>> = {
  client: (Key) => {
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(body));
    const ChecksumCRC32 = checksum.toString("base64");
    const command = new PutObjectCommand({ Bucket: "bench", Key, Body: body, ChecksumCRC32 });
    return connections.s3.send(command, { abortSignal });
  },
  agent: (key) => bucket.put(key, body, crc32(body)),
};
for (let round = 1; round <= ROUNDS; round++)
  for (const [name, put] of Object.entries(ways)) {
    const cpu = process.cpuUsage();
    let next = 0;
    const work = async () => {
      while (next < puts) await put(`directory/file-${next++}.txt`);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const { user, system } = process.cpuUsage(cpu);
    console.log(`round ${round}, ${name}: ${Math.round((user + system) / puts)} µs of CPU a put`);
  }
connections.close();
server.stop();

/**
 * `node test/lambda/deliver-alone.ts FILE`: delivers the message in a file, in a process that does nothing else, to a
 * bucket that is empty and forgets what it is given. Prints how the delivery ended, and the most memory of the process.
 */
import { readFileSync } from "node:fs";
import { deliver } from "#lambda/delivery.ts";
import type { BucketPort } from "#lambda/ports.ts";
import { record } from "./delivering.ts";
import { BUCKET } from "./store.ts";

export interface DeliveredAlone {
  readonly event: string;
  readonly findingsBytes: number;
  /** Of this process and all that it loads, in MB. */
  readonly mostMemoryMb: number;
}

const [, , path = ""] = process.argv;
let findingsBytes = 0;
const bucket: BucketPort = {
  fetchPage: async () => ({ objects: [], truncated: false, nextToken: undefined }),
  keysBelow: async () => [],
  keysFrom: async () => [],
  read: async () => undefined,
  write: async (_, body) => {
    findingsBytes = body.length;
  },
  writeIfUnchanged: async () => true,
};
const { counted } = await deliver(
  record(readFileSync(path, "utf8")),
  {
    config: { bucket: BUCKET, queueUrl: "", maxReceiveCount: 5, packageVersion: "9.9.9" },
    bucket,
    queue: { deliverAgainAfter: async () => {} },
    now: () => new Date(0),
  },
  AbortSignal.timeout(60_000),
);
const mostMemoryMb = Math.round((process.resourceUsage().maxRSS * 1024) / 1e6);
console.log(JSON.stringify({ event: counted.event, findingsBytes, mostMemoryMb } satisfies DeliveredAlone));

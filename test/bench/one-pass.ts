/**
 * The agent's own part of a run: walk, plan, manifest, baseline, on the real disk, while bucket and queue answer at once
 * and without the network.
 *
 *     node test/bench/bundled.ts one-pass.ts DIRECTORY [STATE-DIRECTORY [send|listed|http|https]]
 *
 * With a state directory the baseline is kept there: the second time nothing is sent. `listed`: the bucket holds
 * everything, and no baseline knows it; the real client lists it from a server in another process. `http`, `https`:
 * the real client puts small files to one.
 */
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBaselines } from "#agent/baseline-store.ts";
import { openBucket } from "#agent/bucket.ts";
import { AdaptiveLimit, FILES_IN_FLIGHT } from "#agent/concurrency.ts";
import { connect } from "#agent/connect.ts";
import { disk } from "#agent/disk.ts";
import type { Log } from "#agent/log.ts";
import { collectEarly } from "#agent/memory.ts";
import { readRequest } from "#agent/options.ts";
import type { Bucket, Ports } from "#agent/ports.ts";
import { run } from "#agent/run.ts";
import { decodeMessage } from "#shared/message.ts";
import { NO_TOTALS, type Report, reportKey, runDigest } from "#shared/report.ts";
import { CONTRACT_VERSION } from "#shared/version.ts";
import { encodeVersioned } from "#shared/versioned.ts";
import { startListServer } from "./list-server.ts";
import { startPutServer } from "./put-server.ts";

collectEarly();
const [directory = ".", stateDirectory = join(tmpdir(), `bench-${process.pid}`), what = "send"] = process.argv.slice(2);
const digests: string[] = [];
let header: Omit<Report, "totals" | "verdict"> | undefined;
let putCount = 0;

const quiet = () => {};

function etagOf(text: string | Uint8Array): string {
  return createHash("md5").update(text).digest("hex");
}

const server = what.startsWith("http")
  ? await startPutServer(what === "https")
  : what === "listed"
    ? await startListServer({ directory })
    : undefined;
const connections = server && connect({ request: quiet, warn: console.warn });
const real = connections && openBucket(connections, "bench", new AbortController().signal);

const bucket: Partial<Bucket> = {
  async put(key, body, crc32) {
    putCount += 1;
    return real?.put(key, body, crc32) ?? { etag: etagOf(body) };
  },
  async fetchPage(request) {
    const isEmpty = real === undefined || what !== "listed";
    return isEmpty ? { objects: [], truncated: false, nextToken: undefined } : real.fetchPage(request);
  },
  async read(key) {
    if (header === undefined || key !== reportKey(header.prefix, header.run)) return undefined;
    const report = { ...header, verdict: "match" as const, totals: NO_TOTALS, shards: digests.length };
    return encodeVersioned({ ...report, digest: runDigest(digests) });
  },
};

const ports = {
  disk,
  bucket,
  files: new AdaptiveLimit(FILES_IN_FLIGHT),
  queue: {
    async send(body: string) {
      const { run: name, bucket: own, prefix, shard, extras, source, manifest } = decodeMessage(body);
      digests[shard.index] = manifest.digest;
      const now = new Date().toISOString();
      header = {
        ...{ version: CONTRACT_VERSION, run: name, bucket: own, prefix, findings: [], findingsObjects: [], errors: [] },
        ...{ shards: 0, digest: "", extras, repairs: null, source, agentVersion: "0", validatorVersion: "0" },
        ...{ senderIds: [], listedFrom: now, listedThrough: now },
      };
    },
  },
  clock: { now: () => new Date(), monotonicMs: () => performance.now(), sleep: async () => {} },
  baselines: openBaselines(stateDirectory),
  randomBytes: (count: number) => Buffer.alloc(count, 1),
  diagnose: async () => [],
} satisfies Partial<Record<keyof Ports, unknown>> as unknown as Ports;

const log: Log = {
  debug: quiet,
  info: quiet,
  warn: console.warn,
  error: console.error,
  request: quiet,
  result: console.log,
};
const request = readRequest([directory, "s3://bench"], process.env);
if (request.kind !== "run") throw new Error("these arguments do not run");
const started = performance.now();
const cpu = process.cpuUsage();
const surroundings = { endpoint: "none", host: "host", directory, agentVersion: "0", check() {}, enter() {} };
const outcome = await run(request.options, ports, log, surroundings);
const { user, system } = process.cpuUsage(cpu);
console.log(
  `${outcome}: ${Math.round(performance.now() - started)} ms, CPU ${(user / 1e6).toFixed(1)} + ${(system / 1e6).toFixed(1)} s, ` +
    `peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB, ${putCount} puts`,
);
connections?.close();
server?.stop();

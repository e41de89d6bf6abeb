/** The agent's ports in a simulated world: each call waits for its turn, and may fail as the plan of the run says. */
import { explain } from "#agent/aws-errors.ts";
import { AdaptiveLimit, FILES_IN_FLIGHT } from "#agent/concurrency.ts";
import { type Failure, UploadLost } from "#agent/errors.ts";
import type { Bucket, Disk, OpenFile, Ports } from "#agent/ports.ts";
import { ListingError } from "#shared/listing.ts";
import { stream } from "#test/stream.ts";
import { newContent } from "./changes.ts";
import { factsOf, type Node, systemError } from "./memory-disk.ts";
import type { RunWatch } from "./observer.ts";
import type { RunPlan } from "./run-plan.ts";
import type { Process } from "./scheduler.ts";
import type { World } from "./world.ts";

interface Agent {
  readonly world: World;
  readonly process: Process;
  readonly plan: RunPlan;
  readonly watch: RunWatch;
  readonly isInterrupted: () => boolean;
}

export function agentPorts(agent: Agent): Omit<Ports, "baselines"> {
  const { world, process, plan } = agent;
  world.files.gate = (name, work) =>
    world.scheduler.call(process, name, () => {
      if (world.random.chance(plan.hostFaults)) throw systemError(world.random.pick(["ENOSPC", "EIO", "EACCES"]));
      return work();
    });
  return {
    disk: diskOf(agent),
    bucket: bucketOf(agent),
    files: new AdaptiveLimit(FILES_IN_FLIGHT, { nowMs: () => world.scheduler.nowMs, workedMs: () => 0 }),
    queue: { send: (body) => request(agent, "send", () => agent.watch.send(body), undefined) },
    clock: {
      now: () => new Date(world.hostNowMs),
      monotonicMs: () => world.scheduler.nowMs,
      sleep: (delayMs) => (agent.isInterrupted() ? Promise.resolve() : world.scheduler.sleep(process, delayMs)),
    },
    randomBytes: (count) => world.random.bytes(count),
    diagnose: async () => ["The queue holds some messages."],
  };
}

export function interruption(): Failure {
  return explain(
    Object.assign(new Error("interrupted"), { name: "AbortError" }),
    requestAbout("go on with", "the run"),
  );
}

function diskOf({ world, process, plan }: Agent): Disk {
  const { disk, random, scheduler } = world;
  const call = <T>(name: string, work: () => T): Promise<T> =>
    scheduler.call(process, name, () => {
      if (random.chance(plan.readFaults)) throw systemError(random.pick(["EIO", "EACCES", "ESTALE"]));
      return work();
    });
  return {
    async *directory(path) {
      yield* stream(await call(`read directory ${path}`, () => disk.items(path)));
    },
    facts: (path, follow) => call(`facts ${path}`, () => disk.facts(path, follow)),
    async open(path) {
      const node = await call(`open ${path}`, () => disk.openFile(path));
      return openFile(node, (name, work) =>
        call(`${name} ${path}`, () => {
          const result = work();
          if (node.kind === "file" && random.chance(plan.rewrites)) {
            disk.write(path, newContent(random, node.content.length));
            world.observer.sourceChanged();
          }
          return result;
        }),
      );
    },
  };
}

/** Reads in two pieces: between them the file may change. */
function openFile(node: Node, call: <T>(name: string, work: () => T) => Promise<T>): OpenFile {
  let position = 0;
  const read = (buffer: Uint8Array, from: number, to: number) =>
    call("read", () => {
      if (node.kind !== "file") throw systemError("EISDIR");
      const filled = node.content.copy(buffer, from, position, position + to - from);
      position += filled;
      return filled;
    });
  return {
    facts: () => call("facts of open", () => factsOf(node)),
    async read(buffer) {
      const half = Math.floor(buffer.length / 2);
      const first = half === 0 ? 0 : await read(buffer, 0, half);
      return first < half ? first : first + (await read(buffer, half, buffer.length));
    },
    // Takes no turn: nothing depends on it.
    close: async () => {},
  };
}

function bucketOf(agent: Agent): Bucket {
  const { world, watch } = agent;
  const { bucket, random } = world;
  return {
    fetchPage: (page) =>
      request(
        agent,
        "fetchPage",
        async () => {
          watch.list();
          const answer = await bucket.fetchPage(page);
          // As a proxy between may cut it: the agent must see that it is not whole.
          return random.chance(agent.plan.requestFaults / 4)
            ? { ...answer, truncated: true, nextToken: undefined }
            : answer;
        },
        undefined,
        () => new ListingError("a page is torn"),
      ),
    put: (key, body, crc32) =>
      request(
        agent,
        `put ${key}`,
        () => {
          watch.put(key, body);
          return bucket.put(key, body, crc32);
        },
        key,
      ),
    async startMultipart(key) {
      const work = () => bucket.startMultipart(key);
      const started = await request(agent, `startMultipart ${key}`, work, undefined, undefined, [], true);
      watch.uploads.add(started.uploadId);
      return started;
    },
    putPart: (key, ...part) =>
      request(
        agent,
        `putPart ${key}`,
        () => bucket.putPart(key, ...part),
        undefined,
        () => lost(key),
      ),
    completeMultipart: (key, uploadId, parts, sizeBytes) =>
      request(
        agent,
        `completeMultipart ${key}`,
        async () => {
          const answer = await bucket.completeMultipart(key, uploadId, parts, sizeBytes);
          watch.put(key, bucket.objects.get(key)?.body ?? Buffer.alloc(0));
          return answer;
        },
        key,
        () => lost(key),
      ),
    // Never fails, and goes out also when the run is interrupted.
    abortMultipart: (key, uploadId) =>
      world.scheduler.call(agent.process, `abortMultipart ${key}`, () => bucket.abortMultipart(key, uploadId)),
    remove: (keys) =>
      request(
        agent,
        `remove ${keys.join(" ")}`,
        async () => {
          const refused = keys.filter(() => random.chance(agent.plan.refusals));
          const removed = keys.filter((key) => !refused.includes(key));
          for (const key of removed) watch.remove(key);
          await bucket.remove(removed);
          return refused.map((key) => ({ key, reason: "S3 does not say that it is gone" }));
        },
        undefined,
        undefined,
        keys,
      ),
    checksums: (key) => request(agent, `checksums ${key}`, () => bucket.checksums(key), undefined),
    read: (key) => request(agent, "read", () => bucket.read(key), undefined),
  };
}

/**
 * One request over the network: it may fail before or after it had its effect.
 *
 * @param key of the object that it changes; or `keys`
 * @param special another error than the usual ones
 * @param isPatient whether its answer is waited for, also when the run is interrupted meanwhile
 */
function request<T>(
  { world, process, plan, watch, isInterrupted }: Agent,
  name: string,
  work: () => T | Promise<T>,
  key: string | undefined,
  special?: () => Error,
  keys: readonly string[] = key === undefined ? [] : [key],
  isPatient = false,
): Promise<T> {
  const { random, scheduler } = world;
  if (isInterrupted()) return Promise.reject(interruption());
  return scheduler.call(process, name, async () => {
    const fails = random.chance(plan.requestFaults);
    const isEnded = isInterrupted() && !isPatient;
    // Whoever does not hear the answer cannot know.
    if (!process.alive || isEnded || fails) watch.uncertain(keys);
    if (!isEnded && !fails) return work();
    if (random.chance(0.4)) await work();
    throw isEnded ? interruption() : faultOf(name, random.chance(0.3) ? special : undefined, random.below(4));
  });
}

function faultOf(name: string, special: (() => Error) | undefined, kind: number): Error {
  if (special !== undefined) return special();
  const [code = "", status = 0] =
    (
      [
        ["SlowDown", 503],
        ["AccessDenied", 403],
        ["NoSuchBucket", 404],
        ["TimeoutError", undefined],
      ] as const
    )[kind] ?? [];
  const error = Object.assign(new Error("in a simulation"), { name: code, $metadata: { httpStatusCode: status } });
  return explain(error, requestAbout(name, "the bucket"));
}

function lost(key: string): UploadLost {
  return new UploadLost(
    explain(Object.assign(new Error("gone"), { name: "NoSuchUpload" }), requestAbout("write", key)),
  );
}

function requestAbout(operation: string, subject: string) {
  return { operation, subject, action: "s3:Any", resource: "arn:aws:s3:::data" };
}

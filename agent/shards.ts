/**
 * One pass over the shards of a source: plan, upload, send each shard's manifest; deletions last. A few shards are in
 * flight at a time, so memory does not grow with the number of files.
 */
import type { ManifestEntry, ObjectEntry } from "#shared/entry.ts";
import { ListingError, listRange } from "#shared/listing.ts";
import { encodeManifest, ManifestScale } from "#shared/manifest.ts";
import { encodeMessage, type Message } from "#shared/message.ts";
import { runDigest } from "#shared/report.ts";
import { cutIntoShards, type Shard, type ShardRange } from "#shared/shard.ts";
import type { Target } from "#shared/target.ts";
import { concernsAll } from "./aws-errors.ts";
import { Failure } from "./errors.ts";
import { textOfBytes } from "./escape.ts";
import { Limit, REQUESTS_IN_FLIGHT } from "./limit.ts";
import type { Log } from "./log.ts";
import { type Action, type Evidence, plan } from "./plan.ts";
import type { BytePath, FileFacts, Ports } from "./ports.ts";
import { PassRecord, type RecordRequest } from "./record.ts";
import { type Deletion, type HeldShard, Spool } from "./spool.ts";
import { codeOf, reasonOf } from "./system-error.ts";
import type { Tally } from "./tally.ts";
import { hasContent, send } from "./transfer.ts";
import { bytePathOf, join, type WalkEntry, walk } from "./walk.ts";

const SHARDS_IN_FLIGHT = 3;
/** How many files are open at once: more than requests, so that the next one is read while others travel. */
const FILES_IN_FLIGHT = 24;
/** After so many uploads in a row have failed, the fault is not with the files. */
const MAX_FAILURES_IN_A_ROW = 20;
/** In a manifest of verify-only, for an object that is not there or of another size: no object has this ETag. */
const NO_ETAG = "-";

export interface ShardsRequest extends RecordRequest {
  readonly root: BytePath;
  readonly target: Target;
  readonly mode: "sync" | "upload-only" | "verify-only";
  readonly allowEmptySource: boolean;
  readonly shardEntries: number | undefined;
  readonly run: string;
  readonly evidence: Evidence;
  readonly source: Message["source"];
  readonly agentVersion: string;
  /** Throws when the run was interrupted. */
  readonly check: () => void;
}

export interface ShardsResult {
  /** Digest of the run's manifests. */
  readonly digest: string;
  readonly shardCount: number;
  readonly tally: Tally;
  /** Objects that were to be deleted and were not, because the walk was not complete. */
  readonly deletionsWithheld: number;
}

/** @throws {Failure} when the pass could not be ended; what was uploaded is in the bucket, nothing else was deleted */
export async function syncShards(
  request: ShardsRequest,
  ports: Ports,
  log: Pick<Log, "warn" | "info" | "debug">,
): Promise<ShardsResult> {
  const pass = new Pass(request, ports, log);
  try {
    return await pass.run();
  } finally {
    await pass.close();
  }
}

class Pass {
  readonly #request: ShardsRequest;
  readonly #ports: Ports;
  readonly #log: Pick<Log, "warn" | "info" | "debug">;
  readonly #record: PassRecord;
  readonly #digests: string[] = [];
  readonly #spool = new Spool();
  readonly #files = new Limit(FILES_IN_FLIGHT);
  readonly #requests = new Limit(REQUESTS_IN_FLIGHT);
  #failuresInARow = 0;
  #fault: { readonly cause: unknown } | undefined;

  constructor(request: ShardsRequest, ports: Ports, log: Pick<Log, "warn" | "info" | "debug">) {
    this.#request = request;
    this.#ports = ports;
    this.#log = log;
    this.#record = new PassRecord(request, log);
  }

  async run(): Promise<ShardsResult> {
    const { root, target, shardEntries } = this.#request;
    const { disk } = this.#ports;
    const before = await disk.facts(root, true);
    const walked = walk({
      root,
      keyPrefix: target.keyPrefix,
      disk,
      notice: (notice) => this.#record.notice(notice),
      check: () => this.#check(),
    });
    const shards = new Limit(SHARDS_IN_FLIGHT);
    const working: Promise<void>[] = [];
    try {
      for await (const shard of cutIntoShards(walked, () => new ManifestScale(shardEntries), target.keyPrefix)) {
        const release = await shards.acquire();
        if (this.#fault !== undefined) break;
        working.push(
          this.#workShard(shard)
            .catch((cause: unknown) => this.#stop(cause))
            .finally(release),
        );
      }
    } catch (cause) {
      this.#stop(this.#rootFault(cause));
    }
    // Also after a fault: nothing of this run may still be under way when it ends.
    await Promise.all(working);
    if (this.#fault !== undefined) throw this.#fault.cause;
    await this.#checkRoot(before);
    const deletionsWithheld = await this.#deleteAndSendHeld();
    return {
      digest: runDigest(this.#digests),
      shardCount: this.#digests.length,
      tally: this.#record.tally,
      deletionsWithheld,
    };
  }

  close(): Promise<void> {
    return this.#spool.close();
  }

  /** A file system that was taken away leaves a directory behind, and files that only seem to have vanished. */
  async #checkRoot(before: FileFacts): Promise<void> {
    const after = await this.#ports.disk.facts(this.#request.root, true).catch((cause: unknown) => cause);
    if (after instanceof Error) throw this.#rootFault(after);
    if ((after as FileFacts).identity === before.identity) return;
    throw new Failure({
      outcome: "failed",
      operation: "walk the source",
      subject: textOfBytes(this.#request.root),
      reason: "it became another directory meanwhile",
      hint: "Nothing was deleted. Check that it is still mounted, then run again: what was sent stays.",
    });
  }

  /** The walk throws only what concerns its root: the source was there when the run began. */
  #rootFault(cause: unknown): unknown {
    if (codeOf(cause) === undefined) return cause;
    return new Failure({
      outcome: "failed",
      operation: "walk the source",
      subject: textOfBytes(this.#request.root),
      reason: reasonOf(cause),
      hint: "Nothing was deleted. Check that it is still mounted, then run again: what was sent stays.",
      cause,
    });
  }

  #stop(cause: unknown): void {
    this.#fault ??= { cause };
  }

  /** Ends the work at hand when the run was interrupted or something has failed that concerns all of it. */
  #check(): void {
    this.#request.check();
    if (this.#fault !== undefined) throw this.#fault.cause;
  }

  async #workShard(shard: Shard<WalkEntry>): Promise<void> {
    const held = this.#spool.shard(shard.range.index);
    try {
      const entries = await this.#workEntries(shard, held);
      this.#check();
      const message = this.#message(shard.range, entries);
      // A shard with deletions is only checked when they are done.
      if (held.count > 0) await held.hold(message);
      else await this.#ports.queue.send(message);
      this.#log.debug(`Shard ${shard.range.index}: ${entries.length} entries, ${held.count} deletions.`);
    } finally {
      await held.close();
    }
  }

  /** Does what the plan of a shard says, but for its deletions, and returns the manifest's entries. */
  async #workEntries(shard: Shard<WalkEntry>, held: HeldShard): Promise<ManifestEntry[]> {
    const { target, evidence, mode } = this.#request;
    const entries: (ManifestEntry | Promise<ManifestEntry>)[] = [];
    try {
      for await (const action of plan(shard.entries, this.#listed(shard.range), evidence)) {
        this.#check();
        switch (action.do) {
          case "note":
            entries.push(this.#record.unknown(action.unknown));
            break;
          case "keep":
            entries.push(this.#record.kept(action.file, action.object.etag));
            break;
          case "remove":
            if (mode === "sync")
              await held.add({
                key: target.keyPrefix + action.object.path,
                foreign: await this.#isForeign(action.object),
              });
            break;
          default: {
            const release = await this.#files.acquire();
            const entry = this.#transfer(action).finally(release);
            // Awaited below; until then a rejection must not count as unhandled.
            entry.catch((cause: unknown) => this.#stop(cause));
            entries.push(entry);
          }
        }
      }
    } finally {
      await Promise.allSettled(entries);
    }
    return Promise.all(entries);
  }

  /** Only for telling it: a directory that has not changed since the last proof has not lost a file since. */
  async #isForeign(object: ObjectEntry): Promise<boolean> {
    const { root, driftSinceMs = 0 } = this.#request;
    const known = this.#record.isForeign(object);
    if (known !== undefined) return known;
    const directories = object.path.split("/").slice(0, -1);
    // No walk yields such a path.
    if (directories.some((name) => name === "" || name === "." || name === "..")) return true;
    const facts = await this.#ports.disk
      .facts(join(root, bytePathOf(directories.join("/"))), true)
      .catch(() => undefined);
    return facts !== undefined && facts.modifiedMs < driftSinceMs;
  }

  #message(range: ShardRange, entries: readonly ManifestEntry[]): string {
    const { target, mode, run, repairs, source, agentVersion } = this.#request;
    const manifest = encodeManifest(entries);
    this.#digests[range.index] = manifest.digest;
    return encodeMessage({
      run,
      bucket: target.bucket,
      prefix: target.keyPrefix,
      shard: range,
      extras: mode === "upload-only" ? "listed" : "mismatch",
      repairs,
      source,
      agentVersion,
      manifest,
    });
  }

  async *#listed(range: ShardRange): AsyncGenerator<ObjectEntry, void, undefined> {
    const { target } = this.#request;
    try {
      yield* listRange((page) => this.#ports.bucket.fetchPage(page), target.keyPrefix, range);
    } catch (cause) {
      if (!(cause instanceof ListingError)) throw cause;
      throw new Failure({
        outcome: "failed",
        operation: "compare with",
        subject: `s3://${target.bucket}/${target.keyPrefix}`,
        reason: cause.message,
        hint: "Nothing was deleted because of it. Run again; if this comes back, something changes S3's answers on their way.",
        cause,
      });
    }
  }

  /** @returns how many deletions were withheld */
  async #deleteAndSendHeld(): Promise<number> {
    const count = this.#spool.deletionCount;
    const complete = this.#record.walkErrors === 0;
    if (count > 0 && complete) this.#guard(count);
    await this.#spool.replay({
      remove: async (deletions) => {
        this.#check();
        if (complete) await this.#remove(deletions);
      },
      send: (message) => this.#ports.queue.send(message),
    });
    if (count === 0 || complete) return 0;
    this.#log.warn(
      `${count} objects that the source does not hold were not deleted: the source could not be read as a whole.`,
    );
    return count;
  }

  async #remove(deletions: readonly Deletion[]): Promise<void> {
    const faults = await this.#ports.bucket.remove(deletions.map(({ key }) => key));
    const kept = new Set(faults.map(({ key }) => key));
    for (const { key, reason } of faults) this.#log.warn(`Cannot delete [${key}]: ${reason}.`);
    for (const { key, foreign } of deletions) {
      if (kept.has(key)) continue;
      this.#record.deleted(key.slice(this.#request.target.keyPrefix.length), foreign);
    }
  }

  /** An empty source is more likely a file system that is not mounted than a wish to empty the bucket. */
  #guard(deletions: number): void {
    const { target, allowEmptySource, root } = this.#request;
    if (this.#record.filesSeen > 0 || allowEmptySource) return;
    throw new Failure({
      outcome: "safety-stop",
      operation: "sync",
      subject: textOfBytes(root),
      reason: `the source has no file, but s3://${target.bucket}/${target.keyPrefix} has ${deletions} objects`,
      hint: "Nothing was deleted. Check that the source is mounted; --allow-empty-source deletes them.",
    });
  }

  /** Sends a file, or compares it first; what comes of it is the manifest's entry. */
  async #transfer(action: Action & { do: "send" | "compare" }): Promise<ManifestEntry> {
    const { file, object } = action;
    const { target, mode } = this.#request;
    const { disk, bucket } = this.#ports;
    const limit = this.#requests;
    let etag: string | undefined;
    if (action.do === "compare") {
      const compared = await hasContent(file, action.object.etag, { disk, limit });
      if (compared.state !== "compared") return this.#record.untransferred(file, compared);
      if (compared.same) return this.#record.kept(file, compared.etag);
      etag = compared.etag;
    }
    if (mode === "verify-only") {
      return this.#record.different(file, etag ?? NO_ETAG);
    }
    this.#check();
    const key = target.keyPrefix + file.path;
    try {
      const sent = await send({ location: file.location, key }, { disk, bucket, limit });
      if (sent.state !== "sent") return this.#record.untransferred(file, sent);
      this.#failuresInARow = 0;
      return this.#record.uploaded(file, sent, object);
    } catch (error) {
      this.#failuresInARow += 1;
      const denied = error instanceof Failure && error.outcome === "denied" && this.#deniedForAll(error);
      if (!(error instanceof Failure) || concernsAll(error) || denied) throw error;
      if (this.#failuresInARow >= MAX_FAILURES_IN_A_ROW) throw error;
      return this.#record.failed(file, error.reason);
    }
  }

  /** Where nothing ever arrived, a denial is about the whole run; elsewhere it may be about this one object. */
  #deniedForAll(error: Failure): boolean {
    const { uploaded, unchanged } = this.#record.tally.counts;
    return uploaded + unchanged === 0 || !error.reason.startsWith("access denied");
  }
}

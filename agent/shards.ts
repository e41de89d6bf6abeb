/**
 * One pass over the shards of a source: plan, upload, send each shard's manifest; deletions last. A few shards are in
 * flight at a time, so memory does not grow with the number of files.
 */
import { isUnknown, type ManifestEntry, type ObjectEntry } from "#shared/entry.ts";
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
import type { BytePath, Ports } from "./ports.ts";
import { type Deletion, type HeldShard, Spool } from "./spool.ts";
import { type Repair, type State, Tally } from "./tally.ts";
import { hasContent, send, type Untransferred } from "./transfer.ts";
import { codeOf, type WalkEntry, type WalkedFile, type WalkNotice, walk } from "./walk.ts";

const SHARDS_IN_FLIGHT = 3;
/** How many files are open at once: more than requests, so that the next one is read while others travel. */
const FILES_IN_FLIGHT = 24;
/** After so many uploads in a row have failed, the fault is not with the files. */
const MAX_FAILURES_IN_A_ROW = 20;
/** In a manifest of verify-only, for an object that is not there or of another size: no object has this ETag. */
const NO_ETAG = "-";

export interface ShardsRequest {
  readonly root: BytePath;
  readonly target: Target;
  readonly mode: "sync" | "upload-only" | "verify-only";
  readonly allowEmptySource: boolean;
  readonly shardEntries: number | undefined;
  readonly run: string;
  /** The run whose findings this pass repairs. */
  readonly repairs: string | null;
  readonly evidence: Evidence;
  /** When the last proven run of this very source was; what changed in the bucket since then is drift. */
  readonly driftSinceMs: number | undefined;
  readonly source: Message["source"];
  readonly agentVersion: string;
  /** Throws when the run was interrupted. */
  readonly check: () => void;
}

export interface ShardsResult {
  /** Digest of the run's manifests. */
  readonly digest: string;
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
  readonly #tally = new Tally();
  readonly #digests: string[] = [];
  readonly #spool = new Spool();
  readonly #files = new Limit(FILES_IN_FLIGHT);
  readonly #requests = new Limit(REQUESTS_IN_FLIGHT);
  #walkErrors = 0;
  #failuresInARow = 0;
  #fault: { readonly cause: unknown } | undefined;

  constructor(request: ShardsRequest, ports: Ports, log: Pick<Log, "warn" | "info" | "debug">) {
    this.#request = request;
    this.#ports = ports;
    this.#log = log;
  }

  async run(): Promise<ShardsResult> {
    const { root, target, shardEntries } = this.#request;
    const { disk } = this.#ports;
    const walked = walk({
      root,
      keyPrefix: target.keyPrefix,
      disk,
      notice: (notice) => this.#notice(notice),
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
    const deletionsWithheld = await this.#deleteAndSendHeld();
    return { digest: runDigest(this.#digests), tally: this.#tally, deletionsWithheld };
  }

  close(): Promise<void> {
    return this.#spool.close();
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
            entries.push({ path: action.unknown.path, unknown: true });
            this.#noteUnknown(action.unknown);
            break;
          case "keep":
            entries.push(this.#kept(action.file, action.object.etag));
            break;
          case "remove":
            if (mode === "sync")
              await held.add({ key: target.keyPrefix + action.object.path, foreign: this.#isForeign(action.object) });
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
    const complete = this.#walkErrors === 0;
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
      this.#tally.deleted += 1;
      this.#log.info(`Deleted [${key}].`);
      if (foreign) this.#repaired("unexpected", key.slice(this.#request.target.keyPrefix.length));
    }
  }

  /** An empty source is more likely a file system that is not mounted than a wish to empty the bucket. */
  #guard(deletions: number): void {
    const { target, allowEmptySource, root } = this.#request;
    if (this.#tally.files > 0 || allowEmptySource) return;
    throw new Failure({
      outcome: "safety-stop",
      operation: "empty the bucket for",
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
      if (compared.state !== "compared") return this.#untransferred(file, compared);
      if (compared.same) return this.#kept(file, compared.etag);
      etag = compared.etag;
    }
    if (mode === "verify-only") {
      this.#tally.count("different");
      return { path: file.path, sizeBytes: file.sizeBytes, etag: etag ?? NO_ETAG };
    }
    this.#check();
    const key = target.keyPrefix + file.path;
    try {
      const sent = await send({ location: file.location, key }, { disk, bucket, limit });
      if (sent.state !== "sent") return this.#untransferred(file, sent);
      this.#failuresInARow = 0;
      this.#tally.count("uploaded");
      this.#tally.uploadedBytes += sent.sizeBytes;
      this.#tally.fileBytes += sent.sizeBytes;
      this.#log.info(`Uploaded [${file.path}], ${sent.sizeBytes} bytes.`);
      this.#noteRepair(file, object);
      return { path: file.path, sizeBytes: sent.sizeBytes, etag: sent.etag };
    } catch (error) {
      this.#failuresInARow += 1;
      const denied = error instanceof Failure && error.outcome === "denied" && this.#deniedForAll(error);
      if (!(error instanceof Failure) || concernsAll(error) || denied) throw error;
      if (this.#failuresInARow >= MAX_FAILURES_IN_A_ROW) throw error;
      return this.#problem(file, "failed", error.reason);
    }
  }

  /** Where nothing ever arrived, a denial is about the whole run; elsewhere it may be about this one object. */
  #deniedForAll(error: Failure): boolean {
    const { uploaded, unchanged } = this.#tally.counts;
    return uploaded + unchanged === 0 || !error.reason.startsWith("access denied");
  }

  #kept(file: WalkedFile, etag: string): ManifestEntry {
    this.#tally.count("unchanged");
    this.#tally.fileBytes += file.sizeBytes;
    return { path: file.path, sizeBytes: file.sizeBytes, etag };
  }

  #untransferred(file: WalkedFile, outcome: Untransferred): ManifestEntry {
    switch (outcome.state) {
      case "vanished":
        return this.#problem(file, "vanished", "it is gone");
      case "unreadable":
        return this.#problem(file, "unreadable", reasonOf(outcome.cause));
      case "unstable":
        return this.#problem(file, "unstable", "it changes while it is read");
      case "too-large":
        return this.#problem(file, "unrepresentable", "it is larger than any object can be");
      case "special":
        return this.#problem(file, "skipped", "it is no file any more");
    }
  }

  #problem(file: { readonly path: string; readonly location: BytePath }, state: State, reason: string): ManifestEntry {
    this.#name(state, file.location, reason);
    return { path: file.path, unknown: true };
  }

  #name(state: State, location: BytePath, reason: string): void {
    const name = textOfBytes(location);
    this.#tally.problem({ state, name, reason });
    this.#log.debug(`[${name}]: ${reason}.`);
  }

  #noteUnknown(entry: WalkEntry): void {
    if (!("unknown" in entry) || !isUnknown(entry)) return;
    switch (entry.reason) {
      case "vanished":
        this.#name("vanished", entry.location, "it is gone");
        return;
      case "broken-link":
        // It stands in the stream twice, as what it may have led to: a file, a directory.
        if (!entry.path.endsWith("/"))
          this.#name("unreadable", entry.location, `the link leads nowhere (${reasonOf(entry.cause)})`);
        return;
      default:
        this.#walkErrors += 1;
        this.#name("unreadable", entry.location, reasonOf(entry.cause));
    }
  }

  #notice({ location, what }: WalkNotice): void {
    switch (what) {
      case "special":
        this.#tally.count("skipped");
        this.#log.info(`Skipped [${textOfBytes(location)}]: it is neither a file nor a directory.`);
        return;
      case "link-loop":
        this.#tally.count("skipped");
        this.#log.info(`Skipped [${textOfBytes(location)}]: the link leads to a directory that it lies in.`);
        return;
      case "name-not-utf8":
        this.#name("unrepresentable", location, "its name is not UTF-8");
        return;
      case "name-too-long":
        this.#name("unrepresentable", location, "its key would be longer than 1,024 bytes");
    }
  }

  /** Whether somebody else put an object there that the source does not hold. */
  #isForeign(object: { readonly modifiedMs: number }): boolean {
    // The pass before this one has just deleted what the source does not hold.
    return this.#request.repairs !== null || this.#isDrift(object);
  }

  /** Whether an object was written after the last proven run of this source. S3 shows whole seconds. */
  #isDrift(object: { readonly modifiedMs: number }): boolean {
    const { driftSinceMs } = this.#request;
    return driftSinceMs !== undefined && object.modifiedMs + 1_000 > driftSinceMs;
  }

  /** Whoever finds a file unchanged since the last proof and its object not, has found and mended a drift. */
  #noteRepair(file: WalkedFile, object: { readonly modifiedMs: number } | undefined): void {
    const { driftSinceMs, repairs } = this.#request;
    const fileAsProven = driftSinceMs !== undefined && file.changedMs < driftSinceMs;
    if (repairs === null && !(fileAsProven && (object === undefined || this.#isDrift(object)))) return;
    this.#repaired(object === undefined ? "missing" : "changed", file.path);
  }

  #repaired(kind: Repair["kind"], path: string): void {
    this.#tally.repaired({ kind, path });
    this.#log.debug(`Repaired [${path}]: it was ${kind}.`);
  }
}

function reasonOf(cause: unknown): string {
  const code = codeOf(cause);
  const known: Record<string, string> = {
    EACCES: "permission denied",
    EPERM: "permission denied",
    EIO: "input/output error",
    ELOOP: "too many links",
    ENOENT: "no such file",
    ENAMETOOLONG: "its path is too long",
  };
  return known[code ?? ""] ?? (cause instanceof Error ? cause.message : String(cause));
}

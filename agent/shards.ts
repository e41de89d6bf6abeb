/**
 * One pass over the shards of a source: plan, upload, send each shard's manifest. A few shards are in flight at a time,
 * so memory does not grow with the number of files. Deletions come last, and are not done here (`deletions.ts`).
 */
import type { ManifestEntry } from "#shared/entry.ts";
import { encodeManifest } from "#shared/manifest.ts";
import { encodeMessage, type Message } from "#shared/message.ts";
import { runDigest } from "#shared/report.ts";
import { cutIntoShards, type Shard, type ShardRange } from "#shared/shard.ts";
import { counted } from "./amounts.ts";
import { correct } from "./baseline.ts";
import { Deletions, type DeletionsRequest } from "./deletions.ts";
import { Failure } from "./errors.ts";
import { textOfBytes } from "./escape.ts";
import { FileWork } from "./file-work.ts";
import { Limit } from "./limit.ts";
import type { Log } from "./log.ts";
import type { BaselineDraft, BytePath, FileFacts, Ports } from "./ports.ts";
import { PassRecord, type RecordRequest } from "./record.ts";
import { ShardWork, type ShardWorkMeans, type ShardWorkRequest } from "./shard-work.ts";
import { StepScale } from "./step-scale.ts";
import { type Step, stepsOf } from "./steps.ts";
import { codeOf, reasonOf } from "./system-error.ts";
import type { Tally } from "./tally.ts";
import { walk } from "./walk.ts";

const SHARDS_IN_FLIGHT = 2;

export interface ShardsRequest extends RecordRequest, DeletionsRequest, ShardWorkRequest {
  readonly shardEntries: number | undefined;
  readonly run: string;
  /** Takes what this pass has to remember, also when it fails. */
  readonly draft: BaselineDraft;
  readonly oneFileSystem: boolean;
  readonly source: Message["source"];
  readonly agentVersion: string;
  /** Throws when the run was interrupted. */
  readonly check: () => void;
  /** Asked when all is sent, before the first deletion and the last message; throws when the target is another's by now. */
  readonly beforeClosing: () => Promise<void>;
}

export interface ShardsResult {
  /** Digest of the run's manifests. */
  readonly digest: string;
  readonly shardCount: number;
  readonly tally: Tally;
  /** Whether the source could be read as a whole; otherwise nothing was deleted. */
  readonly isWhole: boolean;
  /** Whether no file was there. */
  readonly isEmpty: boolean;
  /** Whether all that was to be deleted is gone. */
  readonly allDeleted: boolean;
  /** Whether an object was to be deleted, and is still there; of a great many, not all are told apart. */
  readonly isUndeleted: (path: string) => boolean;
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
  readonly #deletions: Deletions;
  readonly #means: ShardWorkMeans;
  /** Aborted by the first thing that ends the pass. */
  readonly #fault = new AbortController();
  /** With it the validator knows the run as a whole, and the status names it: it waits for the very end. */
  #lastMessage: string | undefined;
  /** What became of the steps so far goes to the draft by shards; undefined: no shard was begun. */
  #lastBegun: ShardRange | undefined;

  constructor(request: ShardsRequest, ports: Ports, log: Pick<Log, "warn" | "info" | "debug">) {
    this.#request = request;
    this.#ports = ports;
    this.#log = log;
    this.#record = new PassRecord(request, log);
    const means = { ports, record: this.#record, check: () => this.#check() };
    this.#deletions = new Deletions(request, { ...means, log });
    const fileWork = new FileWork(request, means);
    this.#means = { ...means, fileWork, deletions: this.#deletions, fault: this.#fault };
  }

  async run(): Promise<ShardsResult> {
    const { root, target, shardEntries, baseline, corrections, oneFileSystem } = this.#request;
    const { disk } = this.#ports;
    const { keyPrefix } = target;
    const before = await this.#rootFacts();
    const walked = walk({
      root,
      keyPrefix,
      disk,
      notice: (notice) => this.#record.notice(notice),
      check: () => this.#check(),
      oneFileSystem,
    });
    const known = baseline?.items() ?? [];
    const remembered = corrections === undefined ? known : correct(known, corrections, keyPrefix);
    const steps = stepsOf(walked, remembered, keyPrefix);
    const shards = new Limit(SHARDS_IN_FLIGHT);
    const working: Promise<void>[] = [];
    try {
      const cut = cutIntoShards(steps, () => new StepScale(shardEntries), keyPrefix);
      // The next one is cut when there is a place for it: its steps take memory too.
      let release = await shards.acquire();
      for await (const shard of cut) {
        if (this.#fault.signal.aborted) break;
        this.#lastBegun = shard.range;
        working.push(
          this.#workShard(shard)
            .catch((cause: unknown) => this.#fault.abort(cause))
            .finally(release),
        );
        release = await shards.acquire();
      }
    } catch (cause) {
      this.#fault.abort(this.#rootFault(cause));
    }
    // Also after a fault: nothing of this run may still be under way when it ends.
    await Promise.all(working);
    await this.#rememberRest();
    this.#fault.signal.throwIfAborted();
    await this.#checkRoot(before);
    await this.#request.beforeClosing();
    await this.#deletions.doAndSendHeld();
    if (this.#lastMessage !== undefined) await this.#ports.queue.send(this.#lastMessage);
    const isWhole = this.#record.walkErrors === 0;
    return {
      digest: runDigest(this.#digests),
      shardCount: this.#digests.length,
      tally: this.#record.tally,
      isWhole,
      isEmpty: this.#record.filesSeen === 0,
      allDeleted: this.#request.mode !== "upload-only" && isWhole && this.#deletions.areDone,
      isUndeleted: (path) => this.#deletions.isUndeleted(path),
    };
  }

  /** Of what this pass did not come to, the earlier baseline is still right. */
  async #rememberRest(): Promise<void> {
    const { baseline, draft } = this.#request;
    const reached = this.#lastBegun;
    if (baseline !== undefined && !reached?.last) await draft.takeOver(baseline, reached?.through ?? null);
  }

  close(): Promise<void> {
    return this.#deletions.close();
  }

  /** A file system that was taken away leaves a directory behind, and files that only seem to have vanished. */
  async #checkRoot(before: FileFacts): Promise<void> {
    const after = await this.#rootFacts();
    if (after.identity !== before.identity)
      throw sourceFault(this.#request.root, "it became another directory meanwhile");
  }

  async #rootFacts(): Promise<FileFacts> {
    try {
      return await this.#ports.disk.facts(this.#request.root, true);
    } catch (cause) {
      throw this.#rootFault(cause);
    }
  }

  /** The walk throws only what concerns its root: the source was there when the run began. */
  #rootFault(cause: unknown): unknown {
    return codeOf(cause) === undefined ? cause : sourceFault(this.#request.root, reasonOf(cause), cause);
  }

  /** Ends the work at hand when the run was interrupted or something has failed that concerns all of it. */
  #check(): void {
    this.#request.check();
    this.#fault.signal.throwIfAborted();
  }

  async #workShard(shard: Shard<Step>): Promise<void> {
    const held = this.#deletions.shard(shard.range.index);
    try {
      const entries = await new ShardWork(shard, this.#request, { ...this.#means, held }).do();
      this.#check();
      const message = this.#message(shard.range, entries);
      // A shard with deletions is only checked when they are done.
      if (held.count > 0) await held.hold(message);
      else if (shard.range.last) this.#lastMessage = message;
      else await this.#ports.queue.send(message);
      const amounts = `${counted(entries.length, "entry", "entries")}, ${counted(held.count, "deletion")}`;
      this.#log.debug(`Shard ${shard.range.index}: ${amounts}.`);
    } finally {
      await held.close();
    }
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
      ...(mode === "verify-only" ? { check: true } : {}),
      source,
      agentVersion,
      manifest,
    });
  }
}

/** What ends the run, for the source is not what it was when the run began. */
function sourceFault(root: BytePath, reason: string, cause?: unknown): Failure {
  return new Failure({
    outcome: "failed",
    operation: "walk the source",
    subject: textOfBytes(root),
    reason,
    hint: "Nothing was deleted. Check that it is still mounted, then run again: what was sent stays.",
    cause,
  });
}

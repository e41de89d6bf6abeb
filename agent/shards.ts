/**
 * One pass over the shards of a source: plan, upload, send each shard's manifest. A few shards are in flight at a time,
 * so memory does not grow with the number of files. Deletions come last, and are not done here (`deletions.ts`).
 */
import type { ManifestEntry } from "#shared/entry.ts";
import { compareKeys } from "#shared/key.ts";
import { encodeManifest } from "#shared/manifest.ts";
import { encodeMessage, type Message } from "#shared/message.ts";
import { runDigest } from "#shared/report.ts";
import { cutIntoShards, MAX_SHARD_ENTRIES, type Shard, type ShardRange } from "#shared/shard.ts";
import { counted } from "./amounts.ts";
import { concernsAll } from "./aws-errors.ts";
import { type BaselineItem, correct, type KnownFile, leaving } from "./baseline.ts";
import { locationOf } from "./byte-path.ts";
import { hasChecksum, hasContent } from "./content.ts";
import { Deletions, type DeletionsRequest } from "./deletions.ts";
import { Failure } from "./errors.ts";
import { textOfBytes } from "./escape.ts";
import { BUFFER_PLACES, Limit } from "./limit.ts";
import { listShard } from "./list-shard.ts";
import type { Log } from "./log.ts";
import { PartBuffers } from "./part-buffers.ts";
import { type Action, type Doubts, planKnown, planListed } from "./plan.ts";
import type { Baseline, BaselineDraft, BytePath, FileFacts, Ports } from "./ports.ts";
import { PassRecord, type RecordRequest } from "./record.ts";
import type { HeldShard } from "./spool.ts";
import type { FileSource } from "./steady-read.ts";
import { StepScale } from "./step-scale.ts";
import { leftItemOf, type Step, stepsOf } from "./steps.ts";
import { codeOf, reasonOf } from "./system-error.ts";
import type { Tally } from "./tally.ts";
import { send } from "./transfer.ts";
import { walk } from "./walk.ts";

const SHARDS_IN_FLIGHT = 2;
/** How many objects that a listing shows are remembered as to be deleted, of each shard. */
const MOST_LISTED_REMOVALS = MAX_SHARD_ENTRIES;
/** After so many uploads in a row have failed, the fault is not with the files. */
const MAX_FAILURES_IN_A_ROW = 20;
/** In a manifest of verify-only, for an object that is not there or of another size: no object has this ETag. */
const NO_ETAG = "-";

export interface ShardsRequest extends RecordRequest, DeletionsRequest {
  readonly mode: "sync" | "upload-only" | "verify-only";
  readonly shardEntries: number | undefined;
  readonly run: string;
  /** What the last run remembers; undefined: nothing. */
  readonly baseline: Baseline | undefined;
  /** Takes what this pass has to remember, also when it fails. */
  readonly draft: BaselineDraft;
  /** Whether the bucket is listed even where the baseline knows it. */
  readonly listsAll: boolean;
  /** For what is listed. */
  readonly doubts: Doubts;
  readonly checksum: boolean;
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
  /** With it the validator knows the run as a whole, and the status names it: it waits for the very end. */
  #lastMessage: string | undefined;
  readonly #buffers = new Limit(BUFFER_PLACES);
  readonly #partBuffers = new PartBuffers();
  /** What became of the steps so far goes to the draft by shards; undefined: no shard was begun. */
  #lastBegun: ShardRange | undefined;
  #failuresInARow = 0;
  #fault: { readonly cause: unknown } | undefined;

  constructor(request: ShardsRequest, ports: Ports, log: Pick<Log, "warn" | "info" | "debug">) {
    this.#request = request;
    this.#ports = ports;
    this.#log = log;
    this.#record = new PassRecord(request, log);
    this.#deletions = new Deletions(request, { ports, record: this.#record, log, check: () => this.#check() });
  }

  async run(): Promise<ShardsResult> {
    const { root, target, shardEntries, baseline, corrections, oneFileSystem } = this.#request;
    const { disk } = this.#ports;
    const before = await this.#rootFacts();
    const walked = walk({
      root,
      keyPrefix: target.keyPrefix,
      disk,
      notice: (notice) => this.#record.notice(notice),
      check: () => this.#check(),
      oneFileSystem,
    });
    const known = baseline?.items() ?? [];
    const { keyPrefix } = target;
    const remembered = corrections === undefined ? known : correct(known, corrections, keyPrefix);
    const steps = stepsOf(walked, remembered, keyPrefix);
    const shards = new Limit(SHARDS_IN_FLIGHT);
    const working: Promise<void>[] = [];
    try {
      const cut = cutIntoShards(steps, () => new StepScale(shardEntries), target.keyPrefix);
      // The next one is cut when there is a place for it: its steps take memory too.
      let release = await shards.acquire();
      for await (const shard of cut) {
        if (this.#fault !== undefined) break;
        this.#lastBegun = shard.range;
        working.push(
          this.#workShard(shard)
            .catch((cause: unknown) => this.#stop(cause))
            .finally(release),
        );
        release = await shards.acquire();
      }
    } catch (cause) {
      this.#stop(this.#rootFault(cause));
    }
    // Also after a fault: nothing of this run may still be under way when it ends.
    await Promise.all(working);
    await this.#rememberRest();
    if (this.#fault !== undefined) throw this.#fault.cause;
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

  #stop(cause: unknown): void {
    this.#fault ??= { cause };
  }

  /** Ends the work at hand when the run was interrupted or something has failed that concerns all of it. */
  #check(): void {
    this.#request.check();
    if (this.#fault !== undefined) throw this.#fault.cause;
  }

  async #workShard(shard: Shard<Step>): Promise<void> {
    const held = this.#deletions.shard(shard.range.index);
    try {
      const entries = await this.#workEntries(shard, held);
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

  /** Does what the plan of a shard says, but for its deletions, and returns the manifest's entries. */
  async #workEntries({ range, entries: steps }: Shard<Step>, held: HeldShard): Promise<ManifestEntry[]> {
    const { target, mode, draft, checksum, doubts } = this.#request;
    const isListed = this.#mustList(range, steps);
    const listing = { bucket: this.#ports.bucket, target, check: () => this.#check() };
    const actions = isListed
      ? planListed(steps, listShard(range, steps, listing), doubts)
      : [planKnown(steps, { checksum })];
    // Of a transfer only what comes of it is kept, not its promise: a shard has 10,000 of them.
    const entries: (ManifestEntry | undefined)[] = [];
    const items: (BaselineItem | undefined)[] = [];
    const working = new Set<Promise<void>>();
    let reached: string | undefined;
    let removals = 0;
    let ended = false;
    try {
      for await (const batch of actions) {
        for (const action of batch) {
          this.#check();
          this.#deletions.note(action);
          switch (action.do) {
            case "note": {
              const entry = this.#record.unknown(action.entry);
              reached = entry.path;
              entries.push(entry);
              items.push(action.known ?? entry);
              break;
            }
            case "keep": {
              const entry = this.#record.kept(action.file, action.etag);
              reached = entry.path;
              entries.push(entry);
              items.push(entry);
              break;
            }
            case "remove":
              reached = action.path;
              removals += 1;
              // A listing may show more than memory holds: then it is asked again, should they not be deleted.
              if (!isListed || removals <= MOST_LISTED_REMOVALS) items.push(leaving(action));
              if (mode === "sync") await held.add(target.keyPrefix + action.path);
              break;
            default:
              reached = action.file.path;
              await this.#begin(action, { entries, items, working });
          }
        }
      }
      ended = true;
    } finally {
      await Promise.all(working);
      ended &&= this.#fault === undefined;
      const left = ended ? [] : steps.filter(({ path }) => reached === undefined || compareKeys(reached, path) < 0);
      const settled = [...items, ...left.map(leftItemOf)];
      await draft.add(
        range,
        settled.filter((item) => item !== undefined),
        !isListed || (ended && removals <= MOST_LISTED_REMOVALS),
      );
    }
    if (this.#fault !== undefined) throw this.#fault.cause;
    return entries as ManifestEntry[];
  }

  /** Begins a transfer. What comes of it takes the place that is kept for it; a fault ends the pass. */
  async #begin(action: Action & { do: "send" | "compare" }, { entries, items, working }: Outcomes): Promise<void> {
    const { path, sizeBytes } = action.file;
    const release = await this.#ports.files.acquire();
    // Of a file that was not sent, the bucket may hold what nobody remembers. Not so after an interruption, but for what
    // a listing has shown: many new files do not make the old ones be listed.
    const hole = { path, unknown: true as const };
    const isShown = action.do === "compare" || action.was === "changed";
    const unsettled = action.known ?? (isShown ? hole : undefined);
    const [position, itemPosition] = [entries.push(undefined) - 1, items.push(unsettled) - 1];
    const work = this.#transfer(action)
      .then(
        (entry) => {
          entries[position] = entry;
          items[itemPosition] = knownFileOf(entry) ?? action.known ?? hole;
        },
        (cause: unknown) => this.#stop(cause),
      )
      .finally(() => {
        release(sizeBytes);
        working.delete(work);
      });
    working.add(work);
  }

  /** Whether the baseline leaves open what the bucket holds in a shard. */
  #mustList(range: ShardRange, steps: readonly Step[]): boolean {
    const { baseline, listsAll, mode } = this.#request;
    if (listsAll || baseline === undefined || !baseline.covers(range)) return true;
    // A check sends nothing, and so must see what is there of a file that is not as it was.
    return steps.some(
      (step) => step.what === "unlisted" || (step.what === "file" && (step.inHole || mode === "verify-only")),
    );
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

  /** Sends a file, or compares it first; what comes of it is the manifest's entry. */
  async #transfer(action: Action & { do: "send" | "compare" }): Promise<ManifestEntry> {
    const { file } = action;
    const { root, target, mode } = this.#request;
    const { disk, bucket } = this.#ports;
    const limit = this.#buffers;
    const source = { location: locationOf(root, file.path), isLocal: file.isLocal ?? false };
    let etag: string | undefined;
    if (action.do === "compare") {
      const compared = await hasContent(source, file.sizeBytes, action.etag, { disk, limit });
      if (compared.state !== "compared") return this.#record.untransferred(file, compared);
      if (compared.same) return this.#record.kept(file, action.etag);
      const proven = await this.#hasStoredChecksum(file.path, source, action.etag);
      if (proven.state !== "compared") return this.#record.untransferred(file, proven);
      if (proven.same) return this.#record.kept(file, action.etag);
      etag = compared.etag;
    }
    if (mode === "verify-only") {
      return this.#record.different(file, etag ?? NO_ETAG);
    }
    this.#check();
    const key = target.keyPrefix + file.path;
    try {
      const sent = await send(source, key, { disk, bucket, limit, partBuffers: this.#partBuffers });
      if (sent.state !== "sent") return this.#record.untransferred(file, sent);
      this.#failuresInARow = 0;
      return this.#record.uploaded(action, sent);
    } catch (error) {
      this.#failuresInARow += 1;
      const denied = error instanceof Failure && error.outcome === "denied" && this.#deniedForAll(error);
      if (!(error instanceof Failure) || concernsAll(error) || denied) throw error;
      if (this.#failuresInARow >= MAX_FAILURES_IN_A_ROW) throw error;
      return this.#record.failed(file, error.reason);
    }
  }

  /** Where the ETag proves nothing, and --checksum is given: whether the very object that has it has our content. */
  async #hasStoredChecksum(path: string, source: FileSource, etag: string): ReturnType<typeof hasChecksum> {
    const { target, checksum } = this.#request;
    const { disk, bucket } = this.#ports;
    if (!checksum) return { state: "compared", same: false };
    this.#check();
    const stored = await bucket.checksums(target.keyPrefix + path);
    if (stored?.etag !== etag) return { state: "compared", same: false };
    return hasChecksum(source, stored, { disk, limit: this.#buffers });
  }

  /** Where nothing ever arrived, a denial is about the whole run; elsewhere it may be about this one object. */
  #deniedForAll(error: Failure): boolean {
    const { uploaded, unchanged } = this.#record.tally.counts;
    return uploaded + unchanged === 0 || !error.reason.startsWith("access denied");
  }
}

/** What comes of a shard, in key order; undefined where a transfer has not come to its end. */
interface Outcomes {
  readonly entries: (ManifestEntry | undefined)[];
  readonly items: (BaselineItem | undefined)[];
  readonly working: Set<Promise<void>>;
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

/** What to remember of an entry that was transferred or compared; undefined where it was neither. */
function knownFileOf(entry: ManifestEntry): KnownFile | undefined {
  return "inode" in entry ? (entry as KnownFile) : undefined;
}

/**
 * One pass over the shards of a source: plan, upload, send each shard's manifest; deletions last. A few shards are in
 * flight at a time, so memory does not grow with the number of files.
 */
import type { ManifestEntry, ObjectEntry } from "#shared/entry.ts";
import { compareKeys } from "#shared/key.ts";
import { ListingError, listRange } from "#shared/listing.ts";
import { encodeManifest, ManifestScale } from "#shared/manifest.ts";
import { encodeMessage, type Message } from "#shared/message.ts";
import { runDigest } from "#shared/report.ts";
import { cutIntoShards, MAX_SHARD_ENTRIES, type Shard, type ShardRange, type ShardScale } from "#shared/shard.ts";
import type { Target } from "#shared/target.ts";
import { concernsAll } from "./aws-errors.ts";
import { type BaselineItem, correct, type KnownFile } from "./baseline.ts";
import { Failure } from "./errors.ts";
import { escapeText, textOfBytes } from "./escape.ts";
import { deletionFault, type GuardOptions, leavesObject } from "./guard.ts";
import { BUFFER_PLACES, LISTINGS_IN_FLIGHT, Limit } from "./limit.ts";
import { listAhead, subRanges } from "./list-ahead.ts";
import type { Log } from "./log.ts";
import { type Action, type Doubts, planKnown, planListed } from "./plan.ts";
import type { Baseline, BaselineDraft, FileFacts, Ports } from "./ports.ts";
import { PassRecord, type RecordRequest } from "./record.ts";
import { type HeldShard, Spool } from "./spool.ts";
import { type Step, stepsOf } from "./steps.ts";
import { codeOf, reasonOf } from "./system-error.ts";
import type { Tally } from "./tally.ts";
import { hasChecksum, hasContent, send } from "./transfer.ts";
import { locationOf, walk } from "./walk.ts";

const SHARDS_IN_FLIGHT = 2;
/** How many objects that a listing shows are remembered as to be deleted, of each shard. */
const MOST_LISTED_REMOVALS = MAX_SHARD_ENTRIES;
/** How many objects are remembered that could not be deleted. */
const MOST_UNDELETED = 1_000;
/** After so many uploads in a row have failed, the fault is not with the files. */
const MAX_FAILURES_IN_A_ROW = 20;
/** How many of the objects that must not be deleted are shown on the screen. */
const MAX_SHOWN_WITHHELD = 10;
/** In a manifest of verify-only, for an object that is not there or of another size: no object has this ETag. */
const NO_ETAG = "-";

export interface ShardsRequest extends RecordRequest, GuardOptions {
  readonly target: Target;
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
  /** Told when the deletions begin. */
  readonly enter: (phase: "deleting") => void;
  /** Asked just before the first deletion; throws when source or target are not what they were any more. */
  readonly beforeDeleting: () => Promise<void>;
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
  readonly #spool = new Spool();
  readonly #buffers = new Limit(BUFFER_PLACES);
  readonly #listings = new Limit(LISTINGS_IN_FLIGHT);
  /** What became of the steps so far goes to the draft by shards; undefined: no shard was begun. */
  #lastBegun: ShardRange | undefined;
  /** Objects that were there before and stay. */
  #staying = 0;
  readonly #undeleted = new Set<string>();
  #failuresInARow = 0;
  #fault: { readonly cause: unknown } | undefined;

  constructor(request: ShardsRequest, ports: Ports, log: Pick<Log, "warn" | "info" | "debug">) {
    this.#request = request;
    this.#ports = ports;
    this.#log = log;
    this.#record = new PassRecord(request, log);
  }

  async run(): Promise<ShardsResult> {
    const { root, target, shardEntries, baseline, corrections, oneFileSystem } = this.#request;
    const { disk } = this.#ports;
    const before = await disk.facts(root, true).catch((cause: unknown) => Promise.reject(this.#rootFault(cause)));
    const walked = walk({
      root,
      keyPrefix: target.keyPrefix,
      disk,
      notice: (notice) => this.#record.notice(notice),
      check: () => this.#check(),
      oneFileSystem,
    });
    const known = baseline?.items() ?? NOTHING;
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
    await this.#deleteAndSendHeld();
    const isWhole = this.#record.walkErrors === 0;
    return {
      digest: runDigest(this.#digests),
      shardCount: this.#digests.length,
      tally: this.#record.tally,
      isWhole,
      isEmpty: this.#record.filesSeen === 0,
      allDeleted: this.#request.mode !== "upload-only" && isWhole && this.#undeleted.size === 0,
      isUndeleted: (path) => this.#undeleted.size >= MOST_UNDELETED || this.#undeleted.has(path),
    };
  }

  /** Of what this pass did not come to, the earlier baseline is still right. */
  async #rememberRest(): Promise<void> {
    const { baseline, draft } = this.#request;
    const reached = this.#lastBegun;
    if (baseline !== undefined && !reached?.last) await draft.takeOver(baseline, reached?.through ?? null);
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

  async #workShard(shard: Shard<Step>): Promise<void> {
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
  async #workEntries({ range, entries: steps }: Shard<Step>, held: HeldShard): Promise<ManifestEntry[]> {
    const { target, mode, draft, checksum } = this.#request;
    const isListed = this.#mustList(range, steps);
    const actions = isListed ? this.#planListed(range, steps) : planKnown(steps, { checksum });
    // Of a transfer only what comes of it is kept, not its promise: a shard has 20,000 of them.
    const entries: (ManifestEntry | undefined)[] = [];
    const items: (BaselineItem | undefined)[] = [];
    const working = new Set<Promise<void>>();
    let reached: string | undefined;
    let removals = 0;
    let ended = false;
    try {
      for await (const action of actions) {
        this.#check();
        if (leavesObject(action)) this.#staying += 1;
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
          default: {
            const { path, sizeBytes } = action.file;
            const release = await this.#ports.files.acquire();
            reached = path;
            // Of a file that was not sent, the bucket may hold what nobody remembers. Not so after an interruption, but
            // for what a listing has shown: many new files do not make the old ones be listed.
            const hole = { path, unknown: true as const };
            const isShown = action.do === "compare" || action.was === "changed";
            const unsettled = action.known ?? (isShown ? hole : undefined);
            const [position, itemPosition] = [entries.push(undefined) - 1, items.push(unsettled) - 1];
            const work = this.#transfer(action)
              .then(
                (entry) => {
                  entries[position] = entry;
                  items[itemPosition] = itemOf(entry) ?? action.known ?? hole;
                },
                (cause: unknown) => this.#stop(cause),
              )
              .finally(() => {
                release(sizeBytes);
                working.delete(work);
              });
            working.add(work);
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

  /** Whether the baseline leaves open what the bucket holds in a shard. */
  #mustList(range: ShardRange, steps: readonly Step[]): boolean {
    const { baseline, listsAll, mode } = this.#request;
    if (listsAll || baseline === undefined || !baseline.covers(range)) return true;
    // A check sends nothing, and so must see what is there of a file that is not as it was.
    return steps.some(
      (step) => step.what === "unlisted" || (step.what === "file" && (step.inHole || mode === "verify-only")),
    );
  }

  async *#planListed(range: ShardRange, steps: readonly Step[]): AsyncGenerator<Action, void, undefined> {
    const { doubts } = this.#request;
    const listing = listAhead(subRanges(range, steps), (part) => this.#listed(part));
    yield* planListed(steps, listing, doubts);
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

  async *#listed(range: Pick<ShardRange, "after" | "through">): AsyncGenerator<ObjectEntry, void, undefined> {
    const { target } = this.#request;
    try {
      const fetchPage: Ports["bucket"]["fetchPage"] = (page) =>
        this.#listings.run(() => {
          this.#check();
          return this.#ports.bucket.fetchPage(page);
        });
      yield* listRange(fetchPage, target.keyPrefix, range);
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

  async #deleteAndSendHeld(): Promise<void> {
    const count = this.#spool.deletionCount;
    const complete = this.#record.walkErrors === 0;
    if (count > 0 && complete) {
      await this.#guard(count);
      await this.#request.beforeDeleting();
      this.#request.enter("deleting");
      this.#request.draft.beginDeletions();
    }
    await this.#spool.replay({
      remove: async (keys) => {
        this.#check();
        if (complete) await this.#remove(keys);
        else for (const key of keys) this.#leave(key);
      },
      send: (message) => this.#ports.queue.send(message),
    });
    if (count === 0 || complete) return;
    this.#log.warn(
      `${count} objects that the source does not hold were not deleted: the source could not be read as a whole.`,
    );
  }

  async #remove(keys: readonly string[]): Promise<void> {
    const faults = await this.#ports.bucket.remove(keys);
    const kept = new Set(faults.map(({ key }) => key));
    for (const { key, reason } of faults) {
      this.#leave(key);
      this.#log.warn(`Cannot delete [${key}]: ${reason}.`);
    }
    for (const key of keys) if (!kept.has(key)) this.#record.deleted(this.#pathOf(key));
  }

  /** Notes an object that was to be deleted, and stays. */
  #leave(key: string): void {
    if (this.#undeleted.size < MOST_UNDELETED) this.#undeleted.add(this.#pathOf(key));
  }

  #pathOf(key: string): string {
    return key.slice(this.#request.target.keyPrefix.length);
  }

  /** @throws {Failure} when the deletions look like a mistake */
  async #guard(count: number): Promise<void> {
    const { target, root } = this.#request;
    const staying = this.#staying;
    const fault = deletionFault({ count, staying, filesSeen: this.#record.filesSeen }, this.#request);
    if (fault === undefined) return;
    const url = `s3://${target.bucket}/${target.keyPrefix}`;
    if (fault === "empty-source")
      throw new Failure({
        outcome: "safety-stop",
        operation: "sync",
        subject: textOfBytes(root),
        reason: `the source has no file, but ${url} has ${count} ${count === 1 ? "object" : "objects"}`,
        hint: "Nothing was deleted. Check that the source is mounted; --allow-empty-source deletes them.",
      });
    const shown = await this.#tellWithheld();
    throw new Failure({
      outcome: "safety-stop",
      operation: "delete from",
      subject: url,
      reason: `${count} of the ${count + staying} objects that were there would go, more than --max-delete allows`,
      hint: [
        "All that is new is in the bucket, nothing was deleted. These would go:",
        ...shown.map((path) => `  [${escapeText(path)}]`),
        ...(count > shown.length ? [`  and ${count - shown.length} more, in the log`] : []),
        `Check that nothing is missing in the source. If it is meant: --max-delete ${count}.`,
      ].join("\n"),
    });
  }

  /** Names all that was not deleted in the log, and returns the first of it. */
  async #tellWithheld(): Promise<string[]> {
    const shown: string[] = [];
    await this.#spool.replay({
      remove: async (keys) => {
        for (const key of keys) {
          const path = key.slice(this.#request.target.keyPrefix.length);
          if (shown.length < MAX_SHOWN_WITHHELD) shown.push(path);
          this.#log.warn(`Not deleted [${path}].`);
        }
      },
      send: async () => {},
    });
    return shown;
  }

  /** Sends a file, or compares it first; what comes of it is the manifest's entry. */
  async #transfer(action: Action & { do: "send" | "compare" }): Promise<ManifestEntry> {
    const { file } = action;
    const { root, target, mode } = this.#request;
    const { disk, bucket } = this.#ports;
    const limit = this.#buffers;
    const location = locationOf(root, file.path);
    let etag: string | undefined;
    if (action.do === "compare") {
      const compared = await hasContent({ location, sizeBytes: file.sizeBytes }, action.etag, { disk, limit });
      if (compared.state !== "compared") return this.#record.untransferred(file, compared);
      if (compared.same) return this.#record.kept(file, action.etag);
      const proven = await this.#hasStoredChecksum(file.path, action.etag);
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
      const sent = await send({ location, key }, { disk, bucket, limit });
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
  async #hasStoredChecksum(path: string, etag: string): ReturnType<typeof hasChecksum> {
    const { root, target, checksum } = this.#request;
    const { disk, bucket } = this.#ports;
    if (!checksum) return { state: "compared", same: false };
    this.#check();
    const stored = await bucket.checksums(target.keyPrefix + path);
    if (stored?.etag !== etag) return { state: "compared", same: false };
    return hasChecksum(locationOf(root, path), stored, { disk, limit: this.#buffers });
  }

  /** Where nothing ever arrived, a denial is about the whole run; elsewhere it may be about this one object. */
  #deniedForAll(error: Failure): boolean {
    const { uploaded, unchanged } = this.#record.tally.counts;
    return uploaded + unchanged === 0 || !error.reason.startsWith("access denied");
  }
}

/** No baseline. */
const NOTHING: AsyncIterable<BaselineItem> = { async *[Symbol.asyncIterator]() {} };

/** Weighs what goes into the manifest, and counts what does not: either may be many. */
class StepScale implements ShardScale<Step> {
  readonly #manifest: ManifestScale;
  readonly #most: number;
  #gone = 0;

  constructor(most: number = MAX_SHARD_ENTRIES) {
    this.#manifest = new ManifestScale(most);
    this.#most = most;
  }

  fits(step: Step): boolean {
    if (step.what !== "gone" && step.what !== "unlisted") return this.#manifest.fits(step);
    if (this.#gone >= this.#most) return false;
    this.#gone += 1;
    return true;
  }
}

/** What to remember of an entry that was transferred, compared or kept. */
function itemOf(entry: ManifestEntry): KnownFile | undefined {
  return "inode" in entry ? (entry as KnownFile) : undefined;
}

/** What to remember of an object that is to be deleted, until it is. */
function leaving({ path, known }: { path: string; known: KnownFile | undefined }): BaselineItem {
  return known === undefined ? { path, gone: true } : { ...known, leaving: true };
}

/** What to remember of a step that the pass did not come to. */
function leftItemOf(step: Step): BaselineItem | undefined {
  if (step.what === "gone") return leaving(step);
  // Its shard is listed, and not covered unless that came to its end.
  if (step.what === "unlisted") return undefined;
  if (step.what === "unknown") return step.known ?? { path: step.path, unknown: true };
  if (step.what === "same") return step.file;
  return step.known ?? (step.isThere ? { path: step.path, gone: true } : undefined);
}

/**
 * The work of one shard: what its plan says is done, but for deletions, which are held. What comes of it, for the manifest
 * and for the baseline, is gathered in key order, in whatever order transfers end.
 */
import type { ManifestEntry } from "#shared/entry.ts";
import { compareKeys } from "#shared/key.ts";
import { MAX_SHARD_ENTRIES, type Shard, type ShardRange } from "#shared/shard.ts";
import { type BaselineItem, type KnownFile, leaving } from "./baseline.ts";
import type { Deletions } from "./deletions.ts";
import type { FileWork, FileWorkRequest } from "./file-work.ts";
import { listShard } from "./list-shard.ts";
import { type Action, type Doubts, type FileAction, planKnown, planListed } from "./plan.ts";
import type { Baseline, BaselineDraft, Ports } from "./ports.ts";
import type { PassRecord } from "./record.ts";
import type { HeldShard } from "./spool.ts";
import { leftItemOf, type Step } from "./steps.ts";

/** How many objects that a listing shows are remembered as to be deleted, of each shard. */
const MOST_LISTED_REMOVALS = MAX_SHARD_ENTRIES;

export interface ShardWorkRequest extends FileWorkRequest {
  /** What the last run remembers; undefined: nothing. */
  readonly baseline: Baseline | undefined;
  /** Takes what there is to remember, also when the work fails. */
  readonly draft: Pick<BaselineDraft, "add">;
  /** Whether the bucket is listed even where the baseline knows it. */
  readonly listsAll: boolean;
  /** For what is listed. */
  readonly doubts: Doubts;
}

/** What a pass does the work of its shards with. */
export interface ShardWorkMeans {
  readonly ports: Pick<Ports, "bucket" | "files">;
  readonly record: PassRecord;
  readonly fileWork: FileWork;
  readonly deletions: Pick<Deletions, "note">;
  /** Throws when the pass must end. */
  readonly check: () => void;
  /** Aborted by what ends the pass. */
  readonly fault: AbortController;
}

export class ShardWork {
  readonly #range: ShardRange;
  readonly #steps: readonly Step[];
  readonly #request: ShardWorkRequest;
  readonly #means: ShardWorkMeans;
  readonly #held: HeldShard;
  readonly #isListed: boolean;
  // Of a transfer only what comes of it is kept, not its promise: a shard has 10,000 of them. While it is under way its
  // entry is undefined, and its item what to remember should it not end.
  readonly #entries: (ManifestEntry | undefined)[] = [];
  readonly #items: (BaselineItem | undefined)[] = [];
  readonly #working = new Set<Promise<void>>();
  #reached: string | undefined;
  #removals = 0;

  /** @param means.held takes the deletions */
  constructor(
    { range, entries: steps }: Shard<Step>,
    request: ShardWorkRequest,
    means: ShardWorkMeans & { held: HeldShard },
  ) {
    this.#range = range;
    this.#steps = steps;
    this.#request = request;
    this.#means = means;
    this.#held = means.held;
    this.#isListed = mustList(range, steps, request);
  }

  /** @returns the manifest's entries */
  async do(): Promise<ManifestEntry[]> {
    const { signal } = this.#means.fault;
    let ended = false;
    try {
      for await (const actions of this.#plan()) {
        for (const action of actions) {
          const begun = this.#take(action);
          if (begun !== undefined) await begun;
        }
      }
      ended = true;
    } finally {
      await Promise.all(this.#working);
      await this.#remember(ended && !signal.aborted);
    }
    signal.throwIfAborted();
    return this.#entries as ManifestEntry[];
  }

  #plan(): Iterable<Iterable<Action>> | AsyncIterable<Iterable<Action>> {
    const { target, checksum, doubts } = this.#request;
    const { ports, check } = this.#means;
    if (!this.#isListed) return [planKnown(this.#steps, { checksum })];
    const listed = listShard(this.#range, this.#steps, { bucket: ports.bucket, target, check });
    return planListed(this.#steps, listed, doubts);
  }

  /** Does what can be done at once; a promise where there is something to wait for before the next action. */
  #take(action: Action): Promise<void> | undefined {
    const { record, deletions, check } = this.#means;
    const { mode, target } = this.#request;
    check();
    deletions.note(action);
    this.#reached = pathOf(action);
    switch (action.do) {
      case "note": {
        const entry = record.unknown(action.entry);
        this.#entries.push(entry);
        this.#items.push(action.known ?? entry);
        return undefined;
      }
      case "keep": {
        const entry = record.kept(action.file, action.etag);
        this.#entries.push(entry);
        this.#items.push(entry);
        return undefined;
      }
      case "remove":
        this.#removals += 1;
        if (this.#remembersRemovals()) this.#items.push(leaving(action));
        return mode === "sync" ? this.#held.add(target.keyPrefix + action.path) : undefined;
      default:
        return this.#begin(action);
    }
  }

  /** Begins a file's work. What comes of it takes the place that is kept for it; a fault ends the pass. */
  async #begin(action: FileAction): Promise<void> {
    const { path, sizeBytes } = action.file;
    const { ports, fileWork, fault } = this.#means;
    const release = await ports.files.acquire();
    // Of a file that was not sent, the bucket may hold what nobody remembers. Not so after an interruption, but for what
    // a listing has shown: many new files do not make the old ones be listed.
    const hole = { path, unknown: true as const };
    const isShown = action.do === "compare" || action.was === "changed";
    const unsettled = action.known ?? (isShown ? hole : undefined);
    const [position, itemPosition] = [this.#entries.push(undefined) - 1, this.#items.push(unsettled) - 1];
    const work = fileWork
      .do(action)
      .then(
        (entry) => {
          this.#entries[position] = entry;
          this.#items[itemPosition] = knownFileOf(entry) ?? action.known ?? hole;
        },
        (cause: unknown) => fault.abort(cause),
      )
      .finally(() => {
        release(sizeBytes);
        this.#working.delete(work);
      });
    this.#working.add(work);
  }

  /** @param isDone whether nothing of the shard was left out */
  async #remember(isDone: boolean): Promise<void> {
    const reached = this.#reached;
    const left = isDone
      ? []
      : this.#steps.filter(({ path }) => reached === undefined || compareKeys(reached, path) < 0);
    const items = [...this.#items, ...left.map(leftItemOf)].filter((item) => item !== undefined);
    const knowsAll = !this.#isListed || (isDone && this.#remembersRemovals());
    await this.#request.draft.add(this.#range, items, knowsAll);
  }

  /** A listing may show more than memory holds: then it is asked again, should they not be deleted. */
  #remembersRemovals(): boolean {
    return !this.#isListed || this.#removals <= MOST_LISTED_REMOVALS;
  }
}

/** Whether the baseline leaves open what the bucket holds in a shard. */
function mustList(range: ShardRange, steps: readonly Step[], { baseline, listsAll, mode }: ShardWorkRequest): boolean {
  if (listsAll || baseline === undefined || !baseline.covers(range)) return true;
  // A check sends nothing, and so must see what is there of a file that is not as it was.
  return steps.some(
    (step) => step.what === "unlisted" || (step.what === "file" && (step.inHole || mode === "verify-only")),
  );
}

function pathOf(action: Action): string {
  if (action.do === "remove") return action.path;
  return action.do === "note" ? action.entry.path : action.file.path;
}

/** What to remember of an entry that was transferred or compared; undefined where it was neither. */
function knownFileOf(entry: ManifestEntry): KnownFile | undefined {
  return "inode" in entry ? (entry as KnownFile) : undefined;
}

/**
 * The deletions of a pass: held back while anything is uploaded, guarded once all of it is done, then done shard by
 * shard, each before its message is sent. Nothing else deletes objects.
 */
import { type Target, targetUrl } from "#shared/target.ts";
import { counted } from "./amounts.ts";
import { Failure } from "./errors.ts";
import { escapeText, textOfBytes } from "./escape.ts";
import { deletionFault, type GuardOptions, leavesObject } from "./guard.ts";
import type { Log } from "./log.ts";
import type { Action } from "./plan.ts";
import type { BaselineDraft, BytePath, Ports } from "./ports.ts";
import type { PassRecord } from "./record.ts";
import { type HeldShard, Spool } from "./spool.ts";

/** How many of the objects that must not be deleted are shown on the screen. */
const MAX_SHOWN_WITHHELD = 10;
/** How many objects are remembered that could not be deleted. */
const MOST_UNDELETED = 1_000;

export interface DeletionsRequest extends GuardOptions {
  readonly target: Target;
  readonly root: BytePath;
  readonly draft: Pick<BaselineDraft, "beginDeletions">;
  /** Told when the deletions begin. */
  readonly enter: (phase: "deleting") => void;
  /** Asked just before the first deletion; throws when the source is not what it was any more. */
  readonly beforeDeleting: () => Promise<void>;
}

/** What a pass does the deletions with. */
interface Means {
  readonly ports: Pick<Ports, "bucket" | "queue">;
  readonly record: PassRecord;
  readonly log: Pick<Log, "warn">;
  /** Throws when the pass must end. */
  readonly check: () => void;
}

export class Deletions {
  readonly #request: DeletionsRequest;
  readonly #means: Means;
  readonly #spool = new Spool();
  /** Objects that were there before and stay. */
  #staying = 0;
  readonly #undeleted = new Set<string>();

  constructor(request: DeletionsRequest, means: Means) {
    this.#request = request;
    this.#means = means;
  }

  /** Whether none was left undone. */
  get areDone(): boolean {
    return this.#undeleted.size === 0;
  }

  /** Whether an object was to be deleted, and is still there; of a great many, not all are told apart. */
  isUndeleted(path: string): boolean {
    return this.#undeleted.size >= MOST_UNDELETED || this.#undeleted.has(path);
  }

  /** Takes those of one shard, as they are found. */
  shard(index: number): HeldShard {
    return this.#spool.shard(index);
  }

  /** Counts what stays: the guard weighs the deletions against it. */
  note(action: Action): void {
    if (leavesObject(action)) this.#staying += 1;
  }

  /**
   * Does them, and sends the messages that were held behind them.
   *
   * @throws {Failure} before the first one when they must not be done
   */
  async doAndSendHeld(): Promise<void> {
    const { ports, record, log, check } = this.#means;
    const count = this.#spool.deletionCount;
    const complete = record.walkErrors === 0;
    if (count > 0 && complete) {
      await this.#guard(count);
      await this.#request.beforeDeleting();
      this.#request.enter("deleting");
      this.#request.draft.beginDeletions();
    }
    await this.#spool.replay({
      remove: async (keys) => {
        check();
        if (complete) await this.#remove(keys);
        else for (const key of keys) this.#leave(key);
      },
      send: (message) => ports.queue.send(message),
    });
    if (count === 0 || complete) return;
    log.warn(
      `${counted(count, "object")} that the source does not hold ${count === 1 ? "was" : "were"} not deleted: the source could not be read as a whole.`,
    );
  }

  close(): Promise<void> {
    return this.#spool.close();
  }

  async #remove(keys: readonly string[]): Promise<void> {
    const { ports, record, log } = this.#means;
    const faults = await ports.bucket.remove(keys);
    const kept = new Set(faults.map(({ key }) => key));
    for (const { key, reason } of faults) {
      this.#leave(key);
      log.warn(`Cannot delete [${key}]: ${reason}.`);
    }
    for (const key of keys) if (!kept.has(key)) record.deleted(this.#pathOf(key));
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
    const fault = deletionFault({ count, staying, filesSeen: this.#means.record.filesSeen }, this.#request);
    if (fault === undefined) return;
    const url = targetUrl(target);
    if (fault === "empty-source")
      throw new Failure({
        outcome: "safety-stop",
        operation: "sync",
        subject: textOfBytes(root),
        reason: `the source has no file, but ${url} has ${counted(count, "object")}`,
        hint: "Nothing was deleted. Check that the source is mounted; --allow-empty-source deletes them.",
      });
    const shown = await this.#tellWithheld();
    throw new Failure({
      outcome: "safety-stop",
      operation: "delete from",
      subject: url,
      reason: `${shareOf(count, count + staying)} would go, more than --max-delete allows`,
      hint: [
        `All that is new is in the bucket, nothing was deleted. ${count === 1 ? "This" : "These"} would go:`,
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
        for (const path of keys.map((key) => this.#pathOf(key))) {
          if (shown.length < MAX_SHOWN_WITHHELD) shown.push(path);
          this.#means.log.warn(`Not deleted [${path}].`);
        }
      },
      send: async () => {},
    });
    return shown;
  }
}

function shareOf(count: number, all: number): string {
  return all === 1 ? "the one object that was there" : `${count} of the ${all} objects that were there`;
}

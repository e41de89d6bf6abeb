/**
 * Holds back what must wait until all uploads are done: the deletions, and the messages of the shards that they are in.
 * On disk, for a bucket may hold millions of objects that the source does not.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "./errors.ts";

/** A shard that is held back. */
export interface HeldShard {
  readonly index: number;
  readonly message: string;
  readonly deletions: readonly Deletion[];
}

export interface Deletion {
  readonly key: string;
  /** Whether the object was written after the last proven run: by somebody else, for all we know. */
  readonly afterProof: boolean;
}

export class Spool {
  /** Made once, though several shards may be the first at the same time. */
  #folder: Promise<string> | undefined;
  readonly #files: string[] = [];
  #deletionCount = 0;

  get deletionCount(): number {
    return this.#deletionCount;
  }

  /** @throws {Failure} when there is no place for it */
  async hold(shard: HeldShard): Promise<void> {
    try {
      this.#folder ??= mkdtemp(join(tmpdir(), "cback-amazons3-sync-"));
      const file = join(await this.#folder, `shard-${shard.index}.json`);
      await writeFile(file, JSON.stringify(shard), { mode: 0o600 });
      this.#files.push(file);
    } catch (cause) {
      throw new Failure({
        outcome: "failed",
        operation: "keep the list of deletions below",
        subject: tmpdir(),
        reason: cause instanceof Error ? cause.message : String(cause),
        hint: "Nothing was deleted. Set TMPDIR to a directory with room, then run again: what was sent stays.",
        cause,
      });
    }
    this.#deletionCount += shard.deletions.length;
  }

  async *held(): AsyncGenerator<HeldShard, void, undefined> {
    for (const file of this.#files) yield JSON.parse(await readFile(file, "utf8")) as HeldShard;
  }

  async close(): Promise<void> {
    const folder = await this.#folder?.catch(() => undefined);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

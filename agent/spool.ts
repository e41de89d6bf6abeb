/**
 * Holds back what must wait until all uploads are done: the deletions, and the messages of the shards that they are in.
 * On disk, for a bucket may hold millions of objects that the source does not.
 */
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "./errors.ts";
import { reasonOf } from "./system-error.ts";

/** What is done with a shard that was held back, in this order. */
export interface HeldShardUse {
  remove(keys: readonly string[]): Promise<void>;
  send(message: string): Promise<void>;
}

/** How many deletions are in memory at a time, of each shard: as many as S3 takes with one request. */
const BATCH_DELETIONS = 1_000;

export class Spool {
  /** Made once, though several shards may be the first at the same time. */
  #folder: Promise<string> | undefined;
  readonly #files: string[] = [];
  #deletionCount = 0;

  get deletionCount(): number {
    return this.#deletionCount;
  }

  /** Takes the deletions of one shard, as they are found. */
  shard(index: number): HeldShard {
    return new HeldShard({
      create: () => this.#create(index),
      counted: (deletions) => {
        this.#deletionCount += deletions;
      },
    });
  }

  async #create(index: number): Promise<FileHandle> {
    this.#folder ??= mkdtemp(join(tmpdir(), "cback-amazons3-sync-"));
    const path = join(await this.#folder, `shard-${index}.ndjson`);
    this.#files.push(path);
    return open(path, "wx", 0o600);
  }

  /**
   * Goes through all that is held.
   *
   * @throws {Failure} when it cannot be read; and what its use throws
   */
  async replay({ remove, send }: HeldShardUse): Promise<void> {
    for (const path of this.#files) {
      for await (const held of heldIn(path)) {
        if (typeof held === "string") await send(held);
        else await remove(held);
      }
    }
  }

  async close(): Promise<void> {
    const folder = await this.#folder?.catch(() => undefined);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** One line is one batch, or at last the message. */
async function* heldIn(path: string): AsyncGenerator<readonly string[] | string, void, undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    for await (const line of file.readLines()) yield JSON.parse(line) as readonly string[] | string;
  } catch (cause) {
    throw new Failure({
      outcome: "failed",
      operation: "read the list of deletions in",
      subject: path,
      reason: reasonOf(cause),
      hint: "What was sent stays. Run again: the next run deletes what this one did not.",
      cause,
    });
  } finally {
    await file?.close();
  }
}

interface HeldShardPorts {
  create(): Promise<FileHandle>;
  counted(deletions: number): void;
}

/** One shard's deletions; without any, nothing is written and nothing held back. */
export class HeldShard {
  readonly #ports: HeldShardPorts;
  #file: FileHandle | undefined;
  #batch: string[] = [];
  #count = 0;

  constructor(ports: HeldShardPorts) {
    this.#ports = ports;
  }

  get count(): number {
    return this.#count;
  }

  /** @throws {Failure} when there is no place for it */
  async add(key: string): Promise<void> {
    this.#count += 1;
    this.#batch.push(key);
    if (this.#batch.length === BATCH_DELETIONS) await this.#flush();
  }

  /**
   * Holds the shard's message back, behind its deletions.
   *
   * @throws {Failure} when there is no place for it
   */
  async hold(message: string): Promise<void> {
    if (this.#batch.length > 0) await this.#flush();
    await this.#write(message);
    this.#ports.counted(this.#count);
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  async #flush(): Promise<void> {
    await this.#write(this.#batch);
    this.#batch = [];
  }

  async #write(held: readonly string[] | string): Promise<void> {
    try {
      this.#file ??= await this.#ports.create();
      await this.#file.appendFile(`${JSON.stringify(held).replace(/[\u2028\u2029]/g, escapeUnit)}\n`);
    } catch (cause) {
      throw new Failure({
        outcome: "failed",
        operation: "keep the list of deletions below",
        subject: tmpdir(),
        reason: reasonOf(cause),
        hint: "Nothing was deleted. Set TMPDIR to a directory with room, then run again: what was sent stays.",
        cause,
      });
    }
  }
}

/** Whoever reads lines takes U+2028 and U+2029 for the end of one; JSON does not. */
function escapeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16)}`;
}

/**
 * The findings of one shard: the first few for its part, and all of them as lines of JSON when there are more. Keeps
 * within the function's memory.
 */
import { type Finding, MAX_INLINE_FINDINGS } from "#shared/report.ts";
import type { FindingsSink } from "./validate.ts";

/** Beyond this nobody reads on, and a bucket that holds millions of strange objects must still get its verdict. */
const MOST_FINDINGS = 100_000;
/** The longest keys, escaped, take 6 kB each: by number alone they would not fit into the function's memory. */
const MOST_BYTES = 32 * 1024 * 1024;

export class Findings implements FindingsSink {
  readonly #first: Finding[] = [];
  readonly #lines: Buffer[] = [];
  readonly #mostFindings: number;
  readonly #mostBytes: number;
  #bytes = 0;

  constructor(mostFindings: number = MOST_FINDINGS, mostBytes: number = MOST_BYTES) {
    this.#mostFindings = mostFindings;
    this.#mostBytes = mostBytes;
  }

  add(finding: Finding): void {
    if (this.#first.length < MAX_INLINE_FINDINGS) this.#first.push(finding);
    const line = Buffer.from(`${JSON.stringify(finding)}\n`);
    this.#lines.push(line);
    this.#bytes += line.length;
  }

  get full(): boolean {
    return this.#lines.length >= this.#mostFindings || this.#bytes >= this.#mostBytes;
  }

  /** The first, as many as a part holds. */
  get first(): readonly Finding[] {
    return this.#first;
  }

  /** All of them, one JSON finding a line; undefined when `first` already has them all. */
  lines(): Buffer | undefined {
    return this.#lines.length > this.#first.length ? Buffer.concat(this.#lines) : undefined;
  }
}

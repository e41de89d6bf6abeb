/**
 * The findings of one shard: the first few for its part, and all of them as lines of JSON when there are more. Keeps
 * within the function's memory.
 */
import { type Finding, MAX_INLINE_FINDINGS } from "#shared/report.ts";
import { safeJson } from "#shared/safe-json.ts";
import type { FindingsSink } from "./validate.ts";

/** Beyond this nobody reads on, and a bucket that holds millions of strange objects must still get its verdict. */
const MOST_FINDINGS = 100_000;
/** The longest keys, escaped, take 6 kB each: by number alone they would not fit into the function's memory. */
const MOST_BYTES = 32 * 1024 * 1024;

export class Findings implements FindingsSink {
  /** Not as lines: what a finding tells is in memory already, as an entry of the manifest or as an object's key. */
  readonly #all: Finding[] = [];
  readonly #mostFindings: number;
  readonly #mostBytes: number;
  /** Of all lines. */
  #bytes = 0;

  constructor(mostFindings: number = MOST_FINDINGS, mostBytes: number = MOST_BYTES) {
    this.#mostFindings = mostFindings;
    this.#mostBytes = mostBytes;
  }

  add(finding: Finding): void {
    this.#all.push(finding);
    this.#bytes += Buffer.byteLength(lineOf(finding));
  }

  get full(): boolean {
    return this.#all.length >= this.#mostFindings || this.#bytes >= this.#mostBytes;
  }

  /** The first, as many as a part holds. */
  get first(): readonly Finding[] {
    return this.#all.slice(0, MAX_INLINE_FINDINGS);
  }

  /** All of them, one JSON finding a line; undefined when `first` already has them all. */
  lines(): Buffer | undefined {
    if (this.#all.length <= MAX_INLINE_FINDINGS) return undefined;
    // Each in its place at once: joined later, all would be in memory twice.
    const lines = Buffer.allocUnsafe(this.#bytes);
    let end = 0;
    for (const finding of this.#all) end += lines.write(lineOf(finding), end);
    return lines;
  }
}

function lineOf(finding: Finding): string {
  return `${safeJson(finding)}\n`;
}

/** What the bench has measured, as it is kept in a file: works by their names, each with the circumstances of its run. */
import { readFileSync, writeFileSync } from "node:fs";
import type { RequestCounts } from "./latency-proxy.ts";
import type { Figures } from "./measure.ts";

/** One tool at one piece of work. */
export interface Row {
  readonly tool: string;
  readonly isPeer: boolean;
  /** What was done, where a work has several things to do. */
  readonly step?: string;
  readonly files: number;
  /** One for each repetition. */
  readonly rounds: readonly Figures[];
  /** Of one round: what the tool asked for, and what the validator asked for. */
  readonly requests?: { readonly host: RequestCounts; readonly validator: RequestCounts };
  /** Of each round: from the answer to the last upload to the end of the tool. */
  readonly reportSeconds?: readonly number[];
  /** Why it has no figures. */
  readonly failed?: string;
}

/** What a figure depends on. */
export interface Circumstances {
  readonly measuredAt: string;
  readonly command: string;
  readonly machine: string;
  /** Average number of processes that wanted to run in the minute before. */
  readonly loadBefore: number;
  readonly server: string;
  readonly versions: Readonly<Record<string, string>>;
}

export interface WorkResult {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly circumstances: Circumstances;
}

export type Results = Readonly<Record<string, WorkResult>>;

/** Empty where there is no such file. */
export function readResults(path: string): Results {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
}

/** Keeps what the file has of other works. */
export function addResult(path: string, name: string, result: WorkResult): Results {
  const results = { ...readResults(path), [name]: result };
  writeFileSync(path, `${JSON.stringify(results, undefined, 2)}\n`);
  return results;
}

/** How many files may be worked on at once where the system lets a process have only so many open (`ulimit -n`). */
import { readFileSync } from "node:fs";
import { type ConcurrencyBounds, FILES_IN_FLIGHT } from "./concurrency.ts";

/** Where Linux says what a process may have. Elsewhere Node has raised the limit to more than any run needs. */
const OWN_LIMITS = "/proc/self/limits";
/** What is open beside the files that are worked on: Node, log, lock, spool, baseline, directories, listings, parts. */
const OPEN_BESIDE = 56;
/** A file that is worked on, and the connection that it is sent over. */
const OPEN_PER_FILE = 2;

/** How many files this process may have open. */
export function mostOpenFiles(): number {
  try {
    const [, most] = /^Max open files +(\d+)/m.exec(readFileSync(OWN_LIMITS, "utf8")) ?? [];
    return most === undefined ? Number.POSITIVE_INFINITY : Number(most);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** How many files may be worked on at once by a process that may have so many open. */
export function filesInFlight(openFiles: number): ConcurrencyBounds {
  const { least, first, most } = FILES_IN_FLIGHT;
  const affordable = Math.max(least, Math.min(most, Math.floor((openFiles - OPEN_BESIDE) / OPEN_PER_FILE)));
  return { least, first: Math.min(first, affordable), most: affordable };
}

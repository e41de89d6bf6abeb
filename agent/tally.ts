/** The tally of a run: in which state each entry of the source ended, exactly one each, and what was repaired. */

/** How an entry of the source can end. */
export const STATES = {
  uploaded: "uploaded",
  unchanged: "unchanged",
  /** Verify-only: the bucket has something else, or nothing. */
  different: "not as in the bucket",
  /** FIFO, socket, device; a link to a directory that it lies in; another file system. */
  skipped: "skipped by rule",
  vanished: "vanished meanwhile",
  unstable: "changed while being read",
  unreadable: "unreadable",
  unrepresentable: "without a possible key",
  failed: "failed",
} as const;
export type State = keyof typeof STATES;

export interface Problem {
  readonly state: State;
  /** Path on disk, as text. */
  readonly name: string;
  readonly reason: string;
}

export interface Repair {
  readonly kind: "missing" | "changed" | "unexpected";
  readonly path: string;
}

/** How many problems of a state, and repairs, are kept by name; all are counted, and all are in the log. */
const MAX_NAMES = 1_000;

export class Tally {
  readonly counts: Record<State, number>;
  readonly problems: Problem[] = [];
  readonly repairs: Repair[] = [];
  /** Bytes of the files that were uploaded or unchanged. */
  fileBytes = 0;
  deleted = 0;
  repairCount = 0;

  constructor() {
    this.counts = Object.fromEntries(Object.keys(STATES).map((state) => [state, 0])) as Record<State, number>;
  }

  count(state: State): void {
    this.counts[state] += 1;
  }

  problem(problem: Problem): void {
    this.count(problem.state);
    // Of each state: many of one must not hide the few of another.
    if (this.counts[problem.state] <= MAX_NAMES) this.problems.push(problem);
  }

  repaired(repair: Repair): void {
    this.repairCount += 1;
    if (this.repairs.length < MAX_NAMES) this.repairs.push(repair);
  }

  /** Entries of the source: the sum of all states. */
  get entries(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }
}

/** What a world is like, how a run in it goes, and how it ended: plain values. */
import type { Outcome } from "#agent/exit-code.ts";
import type { QueueHabits } from "./queue.ts";

export const BUCKET = "data";
export const SOURCE = "/source";
export const HOST = "host";

/** What a world is like, for all its time. */
export interface Traits {
  readonly prefix: string;
  readonly shardEntries: number;
  readonly pageSize: number;
  /** Whether the bucket encrypts with KMS. */
  readonly encrypted: boolean;
  /** How fine the times of files are. */
  readonly tickMs: number;
  readonly reusesInodes: boolean;
}

/** How a run goes. */
export interface RunPlan {
  /** What the host calls itself; one that is not {@link HOST} remembers nothing of what that one does. */
  readonly host: string;
  readonly switches: readonly string[];
  /** After how many of its calls the agent is killed. */
  readonly crashAfter: number | undefined;
  /** Whether the machine goes with it, and all that is not synced. */
  readonly losesPower: boolean;
  readonly interruptAfter: number | undefined;
  /** Whether it is interrupted as soon as it has deleted something. */
  readonly interruptsDeletions: boolean;
  /** How many of the agent's requests fail. */
  readonly requestFaults: number;
  /** How many of the objects that it deletes stay: a bucket's policy may forbid it, one by one. */
  readonly refusals: number;
  readonly readFaults: number;
  /** How often a file is rewritten in the same size while it is read. */
  readonly rewrites: number;
  /** How many calls for the host's own files fail. */
  readonly hostFaults: number;
  readonly validatorFaults: number;
  readonly validatorCrashes: number;
  readonly validatorWorks: boolean;
  readonly queueHabits: QueueHabits;
  /** Somebody sends messages in the name of this run. */
  readonly forges: boolean;
  /** What happens meanwhile, by the turn at which it does. */
  readonly meanwhile: ReadonlyMap<number, () => void>;
}

export const QUIET: RunPlan = {
  host: HOST,
  switches: [],
  crashAfter: undefined,
  losesPower: false,
  interruptAfter: undefined,
  interruptsDeletions: false,
  requestFaults: 0,
  refusals: 0,
  readFaults: 0,
  rewrites: 0,
  hostFaults: 0,
  validatorFaults: 0,
  validatorCrashes: 0,
  validatorWorks: true,
  queueHabits: { twice: 0.1, late: 0.1, latestMs: 10_000 },
  forges: false,
  meanwhile: new Map(),
};

/** "crashed": the process was killed, and has no outcome. */
export type Ending = Outcome | "crashed";

export interface Ran {
  readonly ending: Ending;
  readonly lines: readonly string[];
  /** Calls that the agent made. */
  readonly calls: number;
}

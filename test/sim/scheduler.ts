/**
 * Time and order in a simulated world. Every call that a process makes of the outside waits here until its turn, in an
 * order that the seed decides; nothing else takes time. A process that is killed never goes on: what it waits for
 * never comes.
 */
import type { Random } from "./random.ts";

/** An agent's run, or one delivery to the validator. */
export class Process {
  alive = true;
  /** Calls that were carried out. */
  calls = 0;
}

interface Waiting {
  readonly process: Process;
  readonly name: string;
  readonly work: () => unknown;
  readonly answer: (value: unknown) => void;
}

interface Sleeping {
  readonly process: Process;
  readonly dueMs: number;
  readonly wake: () => void;
}

/** How long a call takes, in milliseconds: never nothing, so that no two happen at the same time. */
const LEAST_CALL_MS = 0.25;
const MOST_CALL_MS = 12;
/** The world begins at some time; which one is of no importance. */
const BEGINNING_MS = Date.UTC(2026, 10, 22, 12);

export class Scheduler {
  /** The true time, which no clock need show. */
  nowMs = BEGINNING_MS;
  readonly #random: Random;
  #waiting: Waiting[] = [];
  #sleeping: Sleeping[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  call<T>(process: Process, name: string, work: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve) => {
      if (process.alive) this.#waiting.push({ process, name, work, answer: (value) => resolve(value as T) });
    });
  }

  sleep(process: Process, delayMs: number): Promise<void> {
    return new Promise((wake) => {
      if (process.alive) this.#sleeping.push({ process, dueMs: this.nowMs + delayMs, wake });
    });
  }

  /** Ends all waiting of a process at once, as an interruption does. */
  async wakeAll(process: Process): Promise<void> {
    for (const sleeper of this.#sleeping) if (sleeper.process === process) sleeper.wake();
    this.#sleeping = this.#sleeping.filter((sleeper) => sleeper.process !== process);
    await settled();
  }

  /** How many calls of a process are under way. */
  underWay(process: Process): number {
    return this.#waiting.filter((waiting) => waiting.process === process).length;
  }

  /** Ends a process for ever. Of its calls under way, some still have their effect. */
  async kill(process: Process): Promise<void> {
    process.alive = false;
    const underWay = this.#waiting.filter((waiting) => waiting.process === process);
    this.#waiting = this.#waiting.filter((waiting) => waiting.process !== process);
    this.#sleeping = this.#sleeping.filter((sleeper) => sleeper.process !== process);
    for (const { work } of underWay) {
      if (!this.#random.chance(0.5)) continue;
      try {
        await work();
      } catch {
        // Nobody is there to hear it.
      }
    }
    await settled();
  }

  /** When the next sleeper wakes. */
  get nextMs(): number {
    return this.#sleeping.reduce((least, { dueMs }) => Math.min(least, dueMs), Number.POSITIVE_INFINITY);
  }

  /**
   * Carries out one call, and lets all go on that then can.
   *
   * @returns the call's name, or undefined when none waits
   */
  async turn(): Promise<string | undefined> {
    const due = this.#sleeping.filter(({ dueMs }) => dueMs <= this.nowMs);
    if (due.length > 0) {
      this.#sleeping = this.#sleeping.filter(({ dueMs }) => dueMs > this.nowMs);
      for (const { wake } of due) wake();
      await settled();
    }
    const index = this.#random.below(this.#waiting.length);
    const [next] = this.#waiting.splice(index, 1);
    if (next === undefined) return undefined;
    this.nowMs += LEAST_CALL_MS + this.#random.fraction() * (MOST_CALL_MS - LEAST_CALL_MS);
    next.process.calls += 1;
    next.answer(answerOf(next.work));
    await settled();
    return next.name;
  }
}

function answerOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Resolves when nothing can go on without an answer from here: all is in memory, so nothing else is waited for. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

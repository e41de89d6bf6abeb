/**
 * Which calls to local file systems are made at once, in the main thread, and which are handed to one of Node's threads:
 * at once as long as they find in memory what they ask for (decision 0015).
 */
import { setImmediate } from "node:timers/promises";

/** From memory the kernel answers in a few µs; a disk takes 60 or more. */
const QUICK_MS = 0.05;
/**
 * After one that had to wait, so many go to threads, which wait for several at a time, before another is tried. Few, for it
 * may only have been interrupted.
 */
const HANDED_ON = 8;
/** Twice as many after each that waits again. */
const MOST_HANDED_ON = 4_096;
/** How many are made before signals, answers and timers have their turn. */
const MOST_IN_A_TURN = 64;

export class CallsAtOnce {
  readonly #nowMs: () => number;
  #inThisTurn = 0;
  #nextTurn: Promise<void> | undefined;
  #toHandOn = 0;
  /** How many the next one that has to wait hands on. */
  #handsOn = HANDED_ON;

  /** @param nowMs a clock that tells fractions of a millisecond and never goes back */
  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /**
   * Makes a call in one of two ways that come to the same. What is found at once is returned as it is, for to wait for a
   * promise takes as long as to find it; an error never is thrown at once.
   */
  make<T>(mayBeAtOnce: boolean, atOnce: () => T, byThread: () => Promise<T>): T | Promise<T> {
    if (!mayBeAtOnce) return byThread();
    if (this.#inThisTurn === MOST_IN_A_TURN) return this.#inNextTurn(() => this.make(true, atOnce, byThread));
    if (this.#toHandOn > 0) {
      this.#toHandOn -= 1;
      return byThread();
    }
    this.#inThisTurn += 1;
    const begunMs = this.#nowMs();
    try {
      return atOnce();
    } catch (cause) {
      return Promise.reject(cause);
    } finally {
      this.#tried(this.#nowMs() - begunMs);
    }
  }

  async #inNextTurn<T>(call: () => T | Promise<T>): Promise<T> {
    this.#nextTurn ??= this.#turn();
    await this.#nextTurn;
    return call();
  }

  async #turn(): Promise<void> {
    await setImmediate();
    this.#inThisTurn = 0;
    this.#nextTurn = undefined;
  }

  #tried(tookMs: number): void {
    const waited = tookMs > QUICK_MS;
    if (waited) this.#toHandOn = this.#handsOn;
    this.#handsOn = waited ? Math.min(2 * this.#handsOn, MOST_HANDED_ON) : HANDED_ON;
  }
}

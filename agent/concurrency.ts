/**
 * How many files are worked on at once: more while that sends more in the same time, half as many when S3 says that it is
 * asked too often. A slow line needs few, one with long ways needs many, and no setting knows which. Nor does a process
 * send more that has all its time filled already.
 */
import { Limit } from "./limit.ts";

export interface ConcurrencyBounds {
  readonly least: number;
  readonly first: number;
  readonly most: number;
}

/** Neither of them ever goes back. */
export interface ConcurrencyClock {
  nowMs(): number;
  /** How long the main thread has worked so far, rather than waited. */
  workedMs(): number;
}

export const PROCESS_CLOCK: ConcurrencyClock = {
  nowMs: () => performance.now(),
  workedMs: () => performance.eventLoopUtilization().active,
};

export const FILES_IN_FLIGHT: ConcurrencyBounds = { least: 4, first: 16, most: 64 };

/** What a file costs beside its content, as bytes of content. */
const FILE_BYTES = 64 * 1024;
/** One step up is half as much again, and is kept when it brings a fifth of that. */
const STEP = 1.5;
const WORTHWHILE = 0.2;
/** A window is measured when it is so long, and each place was used so often: fewer say little. */
const LEAST_WINDOW_MS = 200;
const LEAST_USES = 4;
/** After a step that brought nothing, or after a slow-down, the next one is tried so many windows later. */
const RESTING_WINDOWS = 20;
/** Requests that were on their way, and come again after their first delay, complain of the same load. */
const DEAF_MS = 2_000;

/** Is told what happens, and says how many places there are to be. */
export class Concurrency {
  readonly #bounds: ConcurrencyBounds;
  readonly #clock: ConcurrencyClock;
  #places: number;
  #window = { startMs: Number.NaN, startWorkedMs: 0, bytes: 0, ended: 0, waited: 0 };
  /** What there was before the last step, while its worth is not known. */
  #before: { readonly places: number; readonly bytesPerMs: number } | undefined;
  #restingWindows = 0;
  #deafUntilMs = Number.NEGATIVE_INFINITY;

  constructor(bounds: ConcurrencyBounds, clock: ConcurrencyClock) {
    this.#bounds = bounds;
    this.#clock = clock;
    this.#places = bounds.first;
  }

  get places(): number {
    return this.#places;
  }

  /** @param waited whether the file had to wait for a place: where none does, more places bring nothing */
  ended(sizeBytes: number, waited: boolean): void {
    const nowMs = this.#clock.nowMs();
    // The first file opens the first window.
    if (Number.isNaN(this.#window.startMs)) this.#startWindow(nowMs);
    const window = this.#window;
    window.bytes += FILE_BYTES + sizeBytes;
    window.ended += 1;
    if (waited) window.waited += 1;
    const lengthMs = nowMs - window.startMs;
    if (lengthMs < LEAST_WINDOW_MS || window.ended < LEAST_USES * this.#places) return;
    this.#startWindow(nowMs);
    // Were all of its waiting filled, it would send so many times as much.
    const mostGain = lengthMs / (this.#window.startWorkedMs - window.startWorkedMs) - 1;
    const isFull = window.waited > window.ended / 2;
    this.#weigh(window.bytes / lengthMs, isFull && mostGain > WORTHWHILE * (STEP - 1));
  }

  /** S3 says that it is asked too often. */
  slowDown(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#deafUntilMs) return;
    this.#deafUntilMs = nowMs + DEAF_MS;
    this.#places = Math.max(this.#bounds.least, Math.floor(this.#places / 2));
    this.#before = undefined;
    this.#restingWindows = RESTING_WINDOWS;
    this.#startWindow(nowMs);
  }

  #startWindow(startMs: number): void {
    this.#window = { startMs, startWorkedMs: this.#clock.workedMs(), bytes: 0, ended: 0, waited: 0 };
  }

  #weigh(bytesPerMs: number, mayGrow: boolean): void {
    const before = this.#before;
    const gain = before === undefined ? 0 : bytesPerMs / before.bytesPerMs - 1;
    if (before !== undefined && gain < WORTHWHILE * (this.#places / before.places - 1)) {
      this.#places = before.places;
      this.#before = undefined;
      this.#restingWindows = RESTING_WINDOWS;
    } else if (!mayGrow) this.#before = undefined;
    else if (this.#restingWindows > 0) this.#restingWindows -= 1;
    else {
      this.#before = { places: this.#places, bytesPerMs };
      this.#places = Math.min(Math.ceil(this.#places * STEP), this.#bounds.most);
    }
  }
}

/** A limit that follows what the files show. */
export class AdaptiveLimit {
  readonly #concurrency: Concurrency;
  readonly #limit: Limit;

  constructor(bounds: ConcurrencyBounds, clock = PROCESS_CLOCK) {
    this.#concurrency = new Concurrency(bounds, clock);
    this.#limit = new Limit(bounds.first);
  }

  get places(): number {
    return this.#concurrency.places;
  }

  /** Waits for a place and takes it; call what it returns once, to give it back. */
  async acquire(): Promise<(sizeBytes: number) => void> {
    const waited = this.#limit.isFull;
    const release = await this.#limit.acquire();
    return (sizeBytes) => {
      this.#concurrency.ended(sizeBytes, waited);
      this.#limit.resize(this.places);
      release();
    };
  }

  slowDown(): void {
    this.#concurrency.slowDown();
    this.#limit.resize(this.places);
  }
}

/** Whether what was measured again and again stayed as it was. Pure. */

/** What comes before is start-up: caches fill, the engine compiles, the first collections come. */
const WARM_UP_SHARE = 0.25;
/** Below, a quarter has too few for a median that means something. */
const LEAST_SAMPLES = 20;
export const MOST_GROWTH = 0.15;

export interface Quarters {
  /** Medians of the first quarter after the warm-up, and of the last one. */
  readonly first: number;
  readonly last: number;
  /** The last one is above the first by more than {@link MOST_GROWTH}, and by more than what says nothing. */
  readonly grew: boolean;
}

/**
 * Undefined where there are too few to judge.
 *
 * @param slack how much more may be chance, in the samples' own unit
 */
export function quartersOf(samples: readonly number[], slack = 0): Quarters | undefined {
  const warm = samples.slice(Math.ceil(samples.length * WARM_UP_SHARE));
  if (warm.length < LEAST_SAMPLES) return undefined;
  const size = Math.floor(warm.length / 4);
  const [first, last] = [median(warm.slice(0, size)), median(warm.slice(-size))];
  return { first, last, grew: last > Math.max(first * (1 + MOST_GROWTH), first + slack) };
}

/** The lower one in the middle; NaN of none. */
export function median(samples: readonly number[]): number {
  return samples.toSorted((left, right) => left - right)[(samples.length - 1) >> 1] ?? Number.NaN;
}

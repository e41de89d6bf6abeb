/** Seeds that have found a fault, each with what it was: played by every `npm test`. */

export const PINNED_SEEDS: readonly { readonly seed: number; readonly found: string }[] = [];

/** Seeds that have found a fault, each with what it was: played by every `npm test`. */

export const PINNED_SEEDS: readonly { readonly seed: number; readonly found: string }[] = [
  { seed: 353, found: "the object of a file that could not be read was forgotten" },
  { seed: 8614, found: "an object to be deleted was forgotten when its file came back and the run was interrupted" },
];

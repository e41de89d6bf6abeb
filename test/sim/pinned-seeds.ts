/**
 * Seeds that see a fault of earlier days, each with what it was: played by every `npm test`. What a seed plays changes with
 * the calls that agent and validator make; `npm run sim -- --mutants` tells which seeds see these faults now.
 */

export const PINNED_SEEDS: readonly { readonly seed: number; readonly found: string }[] = [
  { seed: 8, found: "what could not be deleted, or only a listing had shown, was forgotten" },
  { seed: 15, found: "a file changed in the second in which it was sent was taken for sent" },
  { seed: 20, found: "below a directory that could not be read, nothing was deleted first once it could" },
  { seed: 25, found: "a file that came back after its deletion was taken for one whose object is there" },
  { seed: 900, found: "what could not be deleted was called a repair when it could" },
  { seed: 2345, found: "the object of a file that could not be read was forgotten" },
];

/** Which of the known words somebody most likely meant, for messages about one that is not known. */

/** Undefined when none is near: a third of the letters may be wrong, in a short word one. Case does not count. */
export function nearest(given: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(given.length / 3));
  const [best] = [...known]
    // Each letter more is one to remove; whoever gives a hundred thousand does not wait for all of them to be compared.
    .filter((word) => Math.abs(word.length - given.length) <= limit)
    .map((word) => ({ word, distance: editDistance(given.toLowerCase(), word.toLowerCase()) }))
    .toSorted((left, right) => left.distance - right.distance);
  return best !== undefined && best.distance <= limit ? best.word : undefined;
}

/** Letters to insert, remove, replace or swap with their neighbour to get from one word to the other. */
function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const swapped =
        from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
          ? (beforePrevious[column - 2] ?? 0) + 1
          : Number.POSITIVE_INFINITY;
      current.push(Math.min((previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, replaced, swapped));
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[to.length] ?? 0;
}

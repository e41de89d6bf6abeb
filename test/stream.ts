/** Entries as they arrive: a few at a time, and now and then none. */
export async function* stream<E>(entries: readonly E[]): AsyncGenerator<readonly E[], void, undefined> {
  for (let at = 0; at < entries.length; at += 3) yield* [entries.slice(at, at + 2), [], entries.slice(at + 2, at + 3)];
}

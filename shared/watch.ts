/**
 * What the silence check is told to watch: the stack writes it into the scheduled rule, the check reads it from its
 * event. Not into the function's environment, where 4 KB would not hold the prefixes of many hosts.
 */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { keyBytes } from "#shared/key.ts";
import { keyPrefixFault } from "#shared/target.ts";

const Prefixes = Type.Array(Type.String());

const WatchSchema = Type.Object(
  {
    /** Every one must have a run, itself or below it; statuses elsewhere are ignored. Null: each status that exists. */
    prefixes: Type.Union([Prefixes, Type.Null()]),
    /** Not watched, nor what lies below; "" is only the whole bucket's own status. */
    unwatched: Prefixes,
    /** Hours without a run after which a prefix is silent. */
    maxSilenceHours: Type.Number(),
  },
  { additionalProperties: false },
);

export type Watch = Static<typeof WatchSchema>;

/** The most that a rule's target takes (EventBridge API reference, "Target", Input). */
export const MAX_WATCH_BYTES = 8_192;

/** A watch that cannot be: by the property, and why, as a phrase. */
export class WatchError extends Error {
  override readonly name = "WatchError";
  readonly property: keyof Watch;
  readonly reason: string;
  constructor(property: keyof Watch, reason: string) {
    super(`${property}: ${reason}`);
    this.property = property;
    this.reason = reason;
  }
}

/** @throws {WatchError} */
export function checkWatch(watch: Watch): Watch {
  const { prefixes, unwatched, maxSilenceHours } = watch;
  if (prefixes?.length === 0) throw new WatchError("prefixes", "an empty list watches nothing");
  for (const [property, list] of [
    ["prefixes", prefixes ?? []],
    ["unwatched", unwatched],
  ] as const) {
    for (const prefix of list) {
      const fault = keyPrefixFault(prefix);
      if (fault !== undefined) throw new WatchError(property, `[${prefix}] cannot be: ${fault}`);
    }
  }
  // Checked every hour: less could not be told apart.
  if (!(maxSilenceHours >= 1)) throw new WatchError("maxSilenceHours", `${maxSilenceHours} hours is less than one`);
  const bytes = keyBytes(JSON.stringify(watch));
  if (bytes > MAX_WATCH_BYTES) {
    const longer = JSON.stringify(prefixes).length > JSON.stringify(unwatched).length ? "prefixes" : "unwatched";
    throw new WatchError(
      longer,
      `the list is too long: with all else it takes ${bytes} bytes, a scheduled rule ${MAX_WATCH_BYTES}`,
    );
  }
  return watch;
}

/**
 * The watch in a scheduled event.
 *
 * @throws {WatchError} that names what is wrong with it
 */
export function decodeWatch(event: unknown): Watch {
  if (!Value.Check(WatchSchema, event)) {
    const given = typeof event === "object" && event !== null ? event : {};
    const property = (["prefixes", "unwatched", "maxSilenceHours"] as const).find(
      (name) => !Value.Check(WatchSchema.properties[name], (given as Record<string, unknown>)[name]),
    );
    throw property === undefined
      ? new WatchError("prefixes", "there are other properties beside it that are not known")
      : new WatchError(property, "it is missing or of another type");
  }
  return checkWatch(event);
}

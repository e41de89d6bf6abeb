/** How many steps make a shard: by what goes into its manifest, and by what does not. */
import { ManifestScale } from "#shared/manifest.ts";
import type { ShardScale } from "#shared/shard.ts";
import type { Step } from "./steps.ts";

/** Half of what a message may hold: its memory is released sooner, and the last shard is checked sooner. */
export const SHARD_ENTRIES = 10_000;

/** Weighs what goes into the manifest, and counts what does not: either may be many. */
export class StepScale implements ShardScale<Step> {
  readonly #manifest: ManifestScale;
  readonly #most: number;
  #gone = 0;

  constructor(most = SHARD_ENTRIES) {
    this.#manifest = new ManifestScale(most);
    this.#most = most;
  }

  fits(step: Step): boolean {
    if (step.what !== "gone" && step.what !== "unlisted") return this.#manifest.fits(step);
    if (this.#gone >= this.#most) return false;
    this.#gone += 1;
    return true;
  }
}

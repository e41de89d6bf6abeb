/**
 * The steps of a pass: the walk beside the baseline, path by path. Pure; what is to be done with a step is the plan's
 * to say, once it is known whether the bucket is listed as well.
 *
 *   walk      baseline                             step
 *   file      the same file                        same
 *   file      another one, none, or a gone object  file
 *   file      at or below a hole                   file, in a hole
 *   file      the same or another, leaving         file, in a hole: its object may be deleted, or not
 *   unknown   any                                  unknown
 *   none      below something unknown              none
 *   none      file or gone object                  gone
 *   none      hole                                 unlisted, where the hole ends
 */
import { isUnknown, UnknownDirectories } from "#shared/entry.ts";
import { keyBytes, lastKeyBelow, MAX_KEY_BYTES } from "#shared/key.ts";
import { type Entries, march } from "#shared/march.ts";
import { type BaselineItem, isGone, isHole, isSame, type KnownFile, leaving } from "./baseline.ts";
import type { WalkEntry, WalkedFile, WalkedUnknown } from "./walk.ts";

export type Step =
  | { readonly what: "same"; readonly path: string; readonly sizeBytes: number; readonly file: KnownFile }
  | {
      readonly what: "file";
      readonly path: string;
      readonly sizeBytes: number;
      readonly file: WalkedFile;
      /** What was there at the last run. */
      readonly known: KnownFile | undefined;
      /** Whether nobody knows what the bucket holds of it, though the baseline tells of all around it. */
      readonly inHole: boolean;
      /** An object lies there, and nobody knows of what content. */
      readonly isThere: boolean;
    }
  | {
      readonly what: "unknown";
      readonly path: string;
      readonly unknown: true;
      readonly entry: WalkedUnknown;
      readonly known: KnownFile | undefined;
    }
  | { readonly what: "gone"; readonly path: string; readonly known: KnownFile | undefined }
  /** All was read up to here, and nobody knows what the bucket holds before it, beside the files. */
  | { readonly what: "unlisted"; readonly path: string };

export async function* stepsOf(
  walked: Entries<WalkEntry>,
  baseline: Entries<BaselineItem>,
  keyPrefix: string,
): AsyncGenerator<readonly Step[], void, undefined> {
  const unknownDirectories = new UnknownDirectories();
  const holes = new UnknownDirectories();
  const maxPathBytes = MAX_KEY_BYTES - keyBytes(keyPrefix);
  let hole: string | undefined;
  /** The end of a hole that could be read this time. */
  const endHole = (steps: Step[]) => {
    if (hole !== undefined && !unknownDirectories.covers(hole))
      steps.push({ what: "unlisted", path: hole.endsWith("/") ? lastKeyBelow(hole, maxPathBytes) : hole });
    hole = undefined;
  };
  for await (const batch of march(walked, baseline)) {
    const steps: Step[] = [];
    for (const { source, target } of batch) {
      const { path } = source === undefined ? target : source;
      if (hole !== undefined && !(hole.endsWith("/") && path.startsWith(hole))) endHole(steps);
      if (target !== undefined && isHole(target)) {
        holes.pass(target);
        // A file that is there again is compared with what the bucket has.
        if (source === undefined) hole ??= target.path;
      }
      const known = target === undefined || isHole(target) || isGone(target) ? undefined : target;
      if (source === undefined) {
        if (!isHole(target) && !unknownDirectories.covers(target.path)) {
          steps.push({ what: "gone", path: target.path, known });
        }
      } else if (isUnknown(source)) {
        unknownDirectories.pass(source);
        steps.push({ what: "unknown", path: source.path, unknown: true, entry: source, known });
      } else {
        const { sizeBytes } = source;
        if (known !== undefined && !known.leaving && isSame(source, known))
          steps.push({ what: "same", path, sizeBytes, file: known });
        else {
          const isAtHole = known?.leaving === true || (target !== undefined && isHole(target));
          const inHole = isAtHole || (known === undefined && holes.covers(path));
          const isThere = target !== undefined && isGone(target);
          steps.push({ what: "file", path, sizeBytes, file: source, known, inHole, isThere });
        }
      }
    }
    yield steps;
  }
  const rest: Step[] = [];
  endHole(rest);
  yield rest;
}

/** What to remember of a step that the pass did not come to. */
export function leftItemOf(step: Step): BaselineItem | undefined {
  if (step.what === "gone") return leaving(step);
  // Its shard is listed, and not covered unless that came to its end.
  if (step.what === "unlisted") return undefined;
  if (step.what === "unknown") return step.known ?? { path: step.path, unknown: true };
  if (step.what === "same") return step.file;
  return step.known ?? (step.isThere ? { path: step.path, gone: true } : undefined);
}

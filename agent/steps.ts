/**
 * The steps of a pass: the walk beside the baseline, path by path. Pure; what is to be done with a step is the plan's
 * to say, once it is known whether the bucket is listed as well.
 *
 *   walk      baseline                             step
 *   file      the same file                        same
 *   file      another one, none, or a gone object  file
 *   file      at or below a hole                   file, in a hole
 *   unknown   any                                  unknown
 *   none      below something unknown              none
 *   none      file or gone object                  gone
 *   none      hole                                 none
 */
import { isUnknown, UnknownDirectories } from "#shared/entry.ts";
import { march } from "#shared/march.ts";
import { type BaselineItem, isGone, isHole, isSame, type KnownFile } from "./baseline.ts";
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
    }
  | {
      readonly what: "unknown";
      readonly path: string;
      readonly unknown: true;
      readonly entry: WalkedUnknown;
      readonly known: KnownFile | undefined;
    }
  | { readonly what: "gone"; readonly path: string; readonly known: KnownFile | undefined };

export async function* stepsOf(
  walked: AsyncIterable<WalkEntry>,
  baseline: AsyncIterable<BaselineItem>,
): AsyncGenerator<Step, void, undefined> {
  const unknownDirectories = new UnknownDirectories();
  const holes = new UnknownDirectories();
  for await (const { source, target } of march(walked, baseline)) {
    if (target !== undefined && isHole(target)) holes.pass(target);
    const known = target === undefined || isHole(target) || isGone(target) ? undefined : target;
    if (source === undefined) {
      if (!isHole(target) && !unknownDirectories.covers(target.path)) {
        yield { what: "gone", path: target.path, known };
      }
    } else if ("unknown" in source && isUnknown(source)) {
      unknownDirectories.pass(source);
      yield { what: "unknown", path: source.path, unknown: true, entry: source, known };
    } else {
      const file = source as WalkedFile;
      const { path, sizeBytes } = file;
      if (known !== undefined && isSame(file, known)) yield { what: "same", path, sizeBytes, file: known };
      else {
        const inHole = (target !== undefined && isHole(target)) || (known === undefined && holes.covers(path));
        yield { what: "file", path, sizeBytes, file, known, inHole };
      }
    }
  }
}

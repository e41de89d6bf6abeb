/**
 * The plan of one shard: what to do with each path, from the walk and the listing alone. Pure; does nothing of it.
 *
 *   source    target                                      action
 *   file      none                                        send
 *   file      other size                                  send
 *   file      same size, written after the last proof     compare
 *   file      same size, older than the file              compare
 *   file      same size, suspected by a finding           compare
 *   file      same size, otherwise                        keep (unchanged)
 *   unknown   any                                         note as unknown
 *   none      below something unknown, folder marker      leave alone
 *   none      object                                      extra
 *
 * "Compare" means: read the file and see whether the object's ETag is that of its content; send it if not. Without a
 * baseline on the host, a proof is the time of the last run whose verdict was a match (docs/decisions).
 */
import { isFolderMarker, isUnknown, type ObjectEntry, UnknownDirectories } from "#shared/entry.ts";
import { march } from "#shared/march.ts";
import type { WalkEntry, WalkedFile, WalkedUnknown } from "./walk.ts";

export type Action =
  | { readonly do: "send"; readonly file: WalkedFile; readonly object: ObjectEntry | undefined }
  | { readonly do: "compare"; readonly file: WalkedFile; readonly object: ObjectEntry }
  | { readonly do: "keep"; readonly file: WalkedFile; readonly object: ObjectEntry }
  | { readonly do: "note"; readonly unknown: WalkedUnknown }
  | { readonly do: "remove"; readonly object: ObjectEntry };

/** What is known of the bucket from earlier runs. */
export interface Evidence {
  /** Objects written before this time were as the files were, as a validator saw; undefined: nothing is proven. */
  readonly provenMs: number | undefined;
  /** Whether a finding says that the object at a path is not the one that should be there. */
  suspects(path: string): boolean;
}

/**
 * How far the clocks of validator and bucket may be apart, and how much later than shown an object may be written (S3
 * shows whole seconds). Too much only costs a comparison.
 */
const PROOF_TOLERANCE_MS = 5_000;

export async function* plan(
  entries: Iterable<WalkEntry>,
  listing: AsyncIterable<ObjectEntry>,
  evidence: Evidence,
): AsyncGenerator<Action, void, undefined> {
  const unknownDirectories = new UnknownDirectories();
  for await (const { source, target } of march(entries, listing)) {
    if (source === undefined) {
      if (!isFolderMarker(target) && !unknownDirectories.covers(target.path)) yield { do: "remove", object: target };
    } else if ("unknown" in source && isUnknown(source)) {
      unknownDirectories.pass(source);
      yield { do: "note", unknown: source };
    } else {
      yield actionOf(source as WalkedFile, target, evidence);
    }
  }
}

function actionOf(file: WalkedFile, object: ObjectEntry | undefined, evidence: Evidence): Action {
  if (object === undefined || object.sizeBytes !== file.sizeBytes) return { do: "send", file, object };
  const unproven = evidence.provenMs !== undefined && object.modifiedMs > evidence.provenMs - PROOF_TOLERANCE_MS;
  const fileNewer = file.modifiedMs > object.modifiedMs;
  return { do: unproven || fileNewer || evidence.suspects(file.path) ? "compare" : "keep", file, object };
}

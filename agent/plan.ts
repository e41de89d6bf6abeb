/**
 * The plan of one shard: what to do with each path, from the walk and the listing alone. Pure; does nothing of it.
 *
 *   source    target                                            action
 *   file      none                                              send
 *   file      other size                                        send
 *   file      same size, suspected by a finding                 compare
 *   file      same size, object written after the last proof    compare
 *   file      same size, file changed after its last proof      compare
 *   file      same size, no proof of the file, and it is newer  compare
 *   file      same size, otherwise                              keep (unchanged)
 *   unknown   any                                               note as unknown
 *   none      below something unknown, folder marker            leave alone
 *   none      object                                            remove
 *
 * "Compare" means: read the file and see whether the object's ETag is that of its content; send it if not. Without a
 * baseline on the host, a proof is the last run whose verdict was a match (docs/decisions/0002).
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

/** What is known from earlier runs. Times are of different clocks, and each is only held against its own. */
export interface Evidence {
  /** Objects written before this time of the validator's clock were as the files were; undefined: nothing is proven. */
  readonly objectsProvenMs: number | undefined;
  /** Files not changed since this time of the host's clock were as the objects were; undefined: nothing is proven. */
  readonly filesProvenMs: number | undefined;
  /** Whether a finding says that the object at a path is not the one that should be there. */
  suspects(path: string): boolean;
}

/**
 * How far clocks may be apart, of validator and bucket or of host and file server, and how much later than shown an
 * object may be written (S3 shows whole seconds). Too much only costs a comparison.
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
  const doubtful =
    evidence.suspects(file.path) || objectIsDoubtful(object, evidence) || fileIsDoubtful(file, object, evidence);
  return { do: doubtful ? "compare" : "keep", file, object };
}

function objectIsDoubtful({ modifiedMs }: ObjectEntry, { objectsProvenMs }: Evidence): boolean {
  return objectsProvenMs !== undefined && modifiedMs > objectsProvenMs - PROOF_TOLERANCE_MS;
}

/** The time of the change counts, not only that of the content, which `cp -p`, `tar` and `rsync -t` set back. */
function fileIsDoubtful(file: WalkedFile, object: ObjectEntry, { filesProvenMs }: Evidence): boolean {
  if (filesProvenMs !== undefined) return file.changedMs > filesProvenMs - PROOF_TOLERANCE_MS;
  return Math.max(file.modifiedMs, file.changedMs) > object.modifiedMs;
}

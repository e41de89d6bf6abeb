/**
 * The plan of one shard: what to do with each path. Pure; does nothing of it. From the steps alone where the baseline
 * tells what the bucket holds, otherwise from the steps beside a listing.
 *
 *   step               without a listing       object in the listing                       action
 *   same               as the baseline         with the ETag of the baseline               keep
 *   same               -                       none, or another one                        send (drift)
 *   file               no object known         none                                        send
 *   file               of another size         of another size                             send
 *   file               known, of the same size known, in a hole, or doubtful               compare
 *   file               -                       of the same size, newer than the file       keep (adopted)
 *   unknown            any                     any                                         note as unknown
 *   gone               -                       (the listing tells)                         remove
 *   unlisted           -                       any                                         none of its own
 *   none               -                       below something unknown, folder marker      leave alone
 *   none               -                       any other                                   remove
 *
 * "Compare" means: read the file and see whether the object's ETag is that of its content; send it if not. Asked for
 * checksums, what would be kept is compared as well. Why this is enough: docs/decisions/0007.
 */
import { isFolderMarker, type ObjectEntry, UnknownDirectories } from "#shared/entry.ts";
import { type Entries, march } from "#shared/march.ts";
import type { KnownFile } from "./baseline.ts";
import type { Step } from "./steps.ts";
import type { FileMarks, WalkedFile, WalkedUnknown } from "./walk.ts";

/** A file that may be sent. */
interface Sending {
  /** Of one that is as it was, nobody has kept what file system it lies on. */
  readonly file: FileMarks & Partial<Pick<WalkedFile, "isLocal">>;
  /** What was there at the last run. */
  readonly known: KnownFile | undefined;
  /** What is said of its object, by the listing or by the baseline; undefined where neither knows of one. */
  readonly was: "missing" | "changed" | undefined;
  /** Whether only the object has changed since the last run, and not the file. */
  readonly isDrift: boolean;
}

export type Action =
  | ({ readonly do: "send" } & Sending)
  | ({ readonly do: "compare"; readonly etag: string } & Sending)
  | { readonly do: "keep"; readonly file: FileMarks; readonly etag: string }
  | { readonly do: "note"; readonly entry: WalkedUnknown; readonly known: KnownFile | undefined }
  | { readonly do: "remove"; readonly path: string; readonly known: KnownFile | undefined };

/** What is to be done with a file that may have to be sent. */
export type FileAction = Action & { readonly do: "send" | "compare" };

/** What makes an object doubtful that no baseline knows. */
export interface Doubts {
  /** Objects written after this time of the validator's clock are in doubt; undefined: none is for its time. */
  readonly objectsSinceMs: number | undefined;
  /** Whether a finding says that the object at a path is not the one that should be there. */
  suspects(path: string): boolean;
  /** Whether size and times are not to be believed, of any file. */
  readonly checksum: boolean;
}

/**
 * How far clocks may be apart, of validator, bucket and host, how much later than shown an object may be written (S3
 * shows whole seconds), and a file be changed (FAT: 2 s). Too much only costs a comparison.
 */
const DOUBT_TOLERANCE_MS = 5_000;

/** The plan of a shard whose objects the baseline knows. */
export function* planKnown(
  steps: Iterable<Step>,
  { checksum }: Pick<Doubts, "checksum">,
): Generator<Action, void, undefined> {
  for (const step of steps) {
    if (step.what === "gone") yield { do: "remove", path: step.path, known: step.known };
    else if (step.what === "unknown") yield { do: "note", entry: step.entry, known: step.known };
    else if (step.what === "unlisted") throw new RangeError("a shard with a hole has to be listed");
    else if (step.what === "same") yield keep(step.file, step.file.etag, step.file, checksum, undefined);
    else {
      const { file, known } = step;
      if (known?.sizeBytes === file.sizeBytes) yield keep(file, known.etag, known, true, undefined);
      else yield { do: "send", file, known, was: step.isThere ? "changed" : undefined, isDrift: false };
    }
  }
}

/** The plan of a shard that is listed. */
export async function* planListed(
  steps: readonly Step[],
  listing: Entries<ObjectEntry>,
  doubts: Doubts,
): AsyncGenerator<readonly Action[], void, undefined> {
  const unknownDirectories = new UnknownDirectories();
  const entries = steps.filter((step) => step.what !== "gone" && step.what !== "unlisted");
  for await (const batch of march(entries, listing)) {
    const actions: Action[] = [];
    for (const { source: step, target } of batch) {
      if (step === undefined) {
        if (!isFolderMarker(target) && !unknownDirectories.covers(target.path))
          actions.push({ do: "remove", path: target.path, known: undefined });
      } else if (step.what === "unknown") {
        unknownDirectories.pass(step);
        actions.push({ do: "note", entry: step.entry, known: step.known });
      } else if (step.what === "same") {
        actions.push(ofSame(step.file, target, doubts));
      } else {
        actions.push(ofFile(step, target, doubts));
      }
    }
    yield actions;
  }
}

function ofSame(file: KnownFile, object: ObjectEntry | undefined, { checksum }: Doubts): Action {
  if (object?.etag === file.etag && object.sizeBytes === file.sizeBytes)
    return keep(file, file.etag, file, checksum, "changed");
  return { do: "send", file, known: file, was: object === undefined ? "missing" : "changed", isDrift: true };
}

function ofFile(
  { file, known, inHole }: Step & { what: "file" },
  object: ObjectEntry | undefined,
  doubts: Doubts,
): Action {
  if (object === undefined) return { do: "send", file, known, was: "missing", isDrift: false };
  if (object.sizeBytes !== file.sizeBytes) return { do: "send", file, known, was: "changed", isDrift: false };
  const doubtful = known !== undefined || inHole || doubts.suspects(file.path) || isNewer(file, object);
  return keep(file, object.etag, known, doubtful || doubts.checksum || objectIsDoubtful(object, doubts), "changed");
}

function keep(
  file: FileMarks,
  etag: string,
  known: KnownFile | undefined,
  doubtful: boolean,
  was: Sending["was"],
): Action {
  return doubtful ? { do: "compare", file, etag, known, was, isDrift: false } : { do: "keep", file, etag };
}

function objectIsDoubtful({ modifiedMs }: ObjectEntry, { objectsSinceMs }: Doubts): boolean {
  return objectsSinceMs !== undefined && modifiedMs > objectsSinceMs - DOUBT_TOLERANCE_MS;
}

/** The time of the change counts, not only that of the content, which `cp -p`, `tar` and `rsync -t` set back. */
function isNewer(file: WalkedFile, object: ObjectEntry): boolean {
  return Math.max(file.modifiedMs, file.changedMs, file.placedMs) > object.modifiedMs - DOUBT_TOLERANCE_MS;
}

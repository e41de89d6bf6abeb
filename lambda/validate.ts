/**
 * The comparison of one shard: what the manifest says is there, and what the listing shows. Pure: it knows neither S3
 * nor where the findings go.
 */
import {
  isFolderMarker,
  isUnknown,
  type KnownEntry,
  type ManifestEntry,
  type ObjectEntry,
  UnknownDirectories,
} from "#shared/entry.ts";
import { ManifestError } from "#shared/manifest.ts";
import { type Entries, march, OrderError } from "#shared/march.ts";
import { type Finding, NO_TOTALS, type Totals } from "#shared/report.ts";

/** Where the findings go, in key order. */
export interface FindingsSink {
  add(finding: Finding): void;
  /** Whether unexpected objects are no longer to be added. Entries of the manifest always are, they are limited. */
  readonly full: boolean;
}

/**
 *   manifest   listing                                  result
 *   known      object of the same size and ETag         matched
 *   known      object of another size                   size-differs
 *   known      object of the same size, another ETag    etag-differs
 *   known      nothing                                  missing
 *   unknown    object, or nothing                       nothing: the agent could not read what belongs there
 *   nothing    object below an unknown directory        nothing: likewise
 *   nothing    folder marker                            nothing: it is no file
 *   nothing    any other object                         unexpected
 *
 * When the sink is full, unexpected objects are no longer counted, and the listing is left as soon as no entry of the
 * manifest remains: until then something may still be missing.
 *
 * @throws {ManifestError} when the manifest is not in key order
 */
export async function validateShard(
  entries: readonly ManifestEntry[],
  objects: Entries<ObjectEntry>,
  findings: FindingsSink,
): Promise<Totals> {
  const totals = { ...NO_TOTALS };
  const unknownDirectories = new UnknownDirectories();
  try {
    for await (const steps of march(entries, objects)) {
      for (const { source, target } of steps) {
        if (source !== undefined) {
          totals.entries += 1;
          unknownDirectories.pass(source);
          if (isUnknown(source)) totals.unknown += 1;
          else compareEntry(source, target, totals, findings);
        } else if (!isFolderMarker(target) && !unknownDirectories.covers(target.path)) {
          if (findings.full) {
            totals.unexpectedAtLeast = true;
            if (totals.entries === entries.length) return totals;
          } else {
            totals.unexpected += 1;
            findings.add({ kind: "unexpected", path: target.path, actual: shown(target) });
          }
        }
      }
    }
  } catch (cause) {
    // The listing checks its own order and calls it by another name.
    if (cause instanceof OrderError) throw new ManifestError("the manifest is not in key order", { cause });
    throw cause;
  }
  return totals;
}

function compareEntry(
  entry: KnownEntry,
  object: ObjectEntry | undefined,
  totals: Totals,
  findings: FindingsSink,
): void {
  const { path, sizeBytes, etag } = entry;
  const expected = { sizeBytes, etag };
  if (object === undefined) {
    totals.missing += 1;
    findings.add({ kind: "missing", path, expected });
  } else if (object.sizeBytes !== sizeBytes) {
    totals.sizeDiffers += 1;
    findings.add({ kind: "size-differs", path, expected, actual: shown(object) });
  } else if (object.etag !== etag) {
    totals.etagDiffers += 1;
    findings.add({ kind: "etag-differs", path, expected, actual: shown(object) });
  } else {
    totals.matched += 1;
    totals.matchedBytes += sizeBytes;
  }
}

function shown({ sizeBytes, etag, modifiedMs }: ObjectEntry): NonNullable<Finding["actual"]> {
  return { sizeBytes, etag, modified: new Date(modifiedMs).toISOString() };
}

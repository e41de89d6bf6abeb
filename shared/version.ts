/**
 * The version of the contract between agent and validator, and who may read what.
 *
 * A reader serves its own major and the one before; it refuses a newer major and says which side to upgrade. A minor
 * only adds optional fields. `test/shared/version.test.ts` pins a hash of the formats to this number.
 */
export const CONTRACT_VERSION = "1.0";

/** A contract version, as a regular expression for schemas. */
export const VERSION_PATTERN = "^\\d{1,4}\\.\\d{1,4}$";

const OWN_MAJOR = majorOf(CONTRACT_VERSION);
/** There is none before 1. */
const OLDEST_MAJOR = Math.max(1, OWN_MAJOR - 1);

/** Whether this side can read what a side of the given contract version wrote, and if not, which of the two is too old. */
export function readable(version: string): "yes" | "writer-newer" | "writer-older" {
  const major = majorOf(version);
  if (Number.isNaN(major) || major > OWN_MAJOR) return "writer-newer";
  return major < OLDEST_MAJOR ? "writer-older" : "yes";
}

/**
 * The version to answer a writer in: its own where that is of an older major, also of one that is no longer served, for
 * it could not read that it has to be upgraded.
 */
export function answerVersion(version: string): string {
  return majorOf(version) < OWN_MAJOR ? version : CONTRACT_VERSION;
}

/** NaN where the text is no version. */
function majorOf(version: string): number {
  return Number(/^(\d+)\.\d+$/.exec(version)?.[1] ?? Number.NaN);
}

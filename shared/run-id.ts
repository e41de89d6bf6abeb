/**
 * Run ids: the time a run began and 112 random bits. They sort by time, also within a second, where a run and the repair
 * that follows it may both begin: a status goes from run to run in that order. Nobody can guess the next one.
 */

/** A run id, as a regular expression for schemas. */
export const RUN_PATTERN = "^\\d{8}T\\d{6}Z-[0-9a-f]{32}$";

/** The part of a second takes two bytes. */
const PARTS_OF_SECOND = 2 ** 16;

/**
 * @param startedAt when the run began
 * @param random 16 random bytes; the part of the second takes the place of the first two
 */
export function runId(startedAt: Date, random: Uint8Array): string {
  const time = startedAt.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const bytes = Buffer.from(random);
  bytes.writeUInt16BE(Math.floor((startedAt.getUTCMilliseconds() / 1000) * PARTS_OF_SECOND));
  return `${time}-${bytes.toString("hex")}`;
}

/** When a run began by the clock of its host, in milliseconds since 1970, rounded down to a second; NaN for a time that there is not. */
export function runStartedMs(run: string): number {
  return Date.parse(run.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-.*$/, "$1-$2-$3T$4:$5:$6Z"));
}

/** Run ids: the time a run began and 128 random bits. They sort by time, and nobody can guess the next one. */

/** A run id, as a regular expression for schemas. */
export const RUN_PATTERN = "^\\d{8}T\\d{6}Z-[0-9a-f]{32}$";

/**
 * @param startedAt when the run began
 * @param random 16 random bytes
 */
export function runId(startedAt: Date, random: Uint8Array): string {
  const time = startedAt.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return `${time}-${Buffer.from(random).toString("hex")}`;
}

/** When a run began by the clock of its host, in milliseconds since 1970, rounded down to a second. */
export function runStartedMs(run: string): number {
  return Date.parse(run.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-.*$/, "$1-$2-$3T$4:$5:$6Z"));
}

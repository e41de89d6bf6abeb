/**
 * On which mounted file system a source lies. Where one was mounted at the last run and none is now, the directory that
 * is left is not the source, whatever files it holds.
 */
import { dirname } from "node:path";
import { bytePathOf } from "./byte-path.ts";
import { Failure } from "./errors.ts";
import { type Disk, deviceOf } from "./ports.ts";
import { codeOf } from "./system-error.ts";

/**
 * The directory that the file system of a directory is mounted on; undefined where that cannot be told.
 *
 * @param directory absolute and without links
 */
export async function mountPointOf(directory: string, disk: Disk): Promise<string | undefined> {
  try {
    const device = await deviceAt(directory, disk);
    let at = directory;
    while (at !== dirname(at) && (await deviceAt(dirname(at), disk)) === device) at = dirname(at);
    return at;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

async function deviceAt(directory: string, disk: Disk): Promise<string> {
  return deviceOf(await disk.facts(bytePathOf(directory), true));
}

/**
 * @param before where it was mounted at the last run
 * @throws {Failure} when the source was on a file system that is not mounted any more
 */
export function checkMounted(directory: string, before: string | undefined, now: string | undefined): void {
  if (before === undefined || now === undefined || before === now || !isBelow(before, now)) return;
  throw new Failure({
    outcome: "safety-stop",
    operation: "sync",
    subject: directory,
    reason: `at the last run it lay on a file system mounted on ${before}, and nothing is mounted there now`,
    hint: "Nothing was sent or deleted. Mount it; if the source has moved for good: --allow-unmounted-source.",
  });
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory.endsWith("/") ? directory : `${directory}/`);
}

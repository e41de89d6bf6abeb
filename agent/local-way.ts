/** Whether the way to a directory leads only over file systems of this machine's own (decision 0015). */
import { dirname } from "node:path";
import type { BytePath, Disk } from "./ports.ts";
import { codeOf } from "./system-error.ts";

/**
 * Whether to find what lies at a path nobody has to be asked but this machine: all on the way there, and the end, are
 * directories on local file systems, and none of them a link, which may lead anywhere.
 */
export async function isLocalWay(path: BytePath, disk: Pick<Disk, "facts">): Promise<boolean> {
  try {
    for (let at = path; ; at = dirname(at)) {
      // With a slash behind it a link looks like what it leads to.
      const { kind, isLocal } = await disk.facts(at.replace(/(?<=.)\/+$/s, ""), false);
      if (kind !== "directory" || !isLocal) return false;
      if (dirname(at) === at) return true;
    }
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return false;
  }
}

/**
 * Looks at the machine's processes, so that only our own are ever signalled: a number alone may have been given to
 * somebody else's process since it was written down.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

export interface ProcessEntry {
  readonly pid: number;
  readonly groupId: number;
  readonly command: string;
}

export function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The processes of a group whose command line names `marker`: an engine's folder stands in all of its commands. */
export function groupMembers(groupId: number, marker: string): ProcessEntry[] {
  return listProcesses().filter((entry) => entry.groupId === groupId && entry.command.includes(marker));
}

/** The first process whose command line names all of `markers`. */
export function findProcess(markers: readonly string[]): ProcessEntry | undefined {
  return listProcesses().find(({ command }) => markers.every((marker) => command.includes(marker)));
}

function listProcesses(): ProcessEntry[] {
  // `ps` is missing from small containers, `/proc` from other systems.
  return existsSync("/proc/self/stat") ? listFromProc() : listFromPs();
}

function listFromProc(): ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
      // The second field is the program's name in parentheses and may hold anything; state, parent, group follow it.
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const [state, , groupId] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state !== "Z") entries.push({ pid: Number(name), groupId: Number(groupId), command });
    } catch {
      // It ended meanwhile.
    }
  }
  return entries;
}

function listFromPs(): ProcessEntry[] {
  const lines = execFileSync("ps", ["-A", "-ww", "-o", "pid=,pgid=,command="], { encoding: "utf8" }).split("\n");
  return lines.flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
    return match ? [{ pid: Number(match[1]), groupId: Number(match[2]), command: match[3] ?? "" }] : [];
  });
}

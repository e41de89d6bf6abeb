/**
 * From the names of a user and a group to their ids, which Node.js itself cannot look up. Knows nothing of log files.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const LOOKUP_TIMEOUT_MS = 10_000;
// Looked up as root at times, so the program comes from where only root writes, not from the caller's PATH.
const LOOKUP_PATH = "/usr/bin:/bin:/usr/sbin:/sbin";

export interface OwnerIds {
  readonly uid: number;
  readonly gid: number;
}

/** The ids of a user and a group, or which of the two is not known here. */
export function findOwnerIds(user: string, group: string): OwnerIds | { readonly unknown: string } {
  const uid = findId("passwd", user);
  if (uid === undefined) return { unknown: `user ${user}` };
  const gid = findId("group", group);
  return gid === undefined ? { unknown: `group ${group}` } : { uid, gid };
}

/** `getent` asks every source of names (LDAP, systemd); where it is missing, the file is the only source. */
function findId(database: "passwd" | "group", name: string): number | undefined {
  const { status, stdout } = spawnSync("getent", [database, "--", name], {
    encoding: "utf8",
    timeout: LOOKUP_TIMEOUT_MS,
    stdio: ["ignore", "pipe", "ignore"],
    env: { PATH: LOOKUP_PATH },
  });
  return idInLines(status === 0 ? stdout : readDatabase(database), name);
}

function readDatabase(database: string): string {
  try {
    return readFileSync(`/etc/${database}`, "utf8");
  } catch {
    return "";
  }
}

/** Lines of /etc/passwd and /etc/group alike: name, password, id. */
function idInLines(lines: string, name: string): number | undefined {
  for (const line of lines.split("\n")) {
    const [lineName, , id] = line.split(":");
    if (lineName === name && id !== undefined && /^\d+$/.test(id)) return Number(id);
  }
  return undefined;
}

/** What only one agent sees, in namespaces of its own that end with it: mounted file systems, the host's name. */
import { spawnSync } from "node:child_process";

const UNSHARE = ["unshare", "--map-root-user"];
const MOUNT = 'mount -t tmpfs none "$1" && cp -a "$2/." "$1" && shift 2 && exec "$@"';
const RENAME = 'hostname "$1" && shift && exec "$@"';

/** Whether this machine lets a test mount anything at all. */
export function canMount(): boolean {
  return works([...UNSHARE, "--mount", "sh", "-c", "mount -t tmpfs none /mnt"]);
}

/** For `within` of an agent: a file system of its own is mounted at a directory, with what another one holds. */
export function mounted(at: string, content: string): readonly string[] {
  return [...UNSHARE, "--mount", "sh", "-c", MOUNT, "sh", at, content];
}

/** Whether this machine lets a test go by another name. */
export function canRename(): boolean {
  return works([...onHost("other"), "true"]);
}

/** For `within` of an agent: it runs on a host of this name. */
export function onHost(name: string): readonly string[] {
  return [...UNSHARE, "--uts", "sh", "-c", RENAME, "sh", name];
}

function works([program = "", ...parameters]: readonly string[]): boolean {
  return spawnSync(program, parameters, { stdio: "ignore" }).status === 0;
}

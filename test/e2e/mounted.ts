/** File systems that only one agent sees: in a mount namespace of its own, which ends with it. */
import { spawnSync } from "node:child_process";

const IN_NAMESPACE = ["unshare", "--map-root-user", "--mount"];
const MOUNT = 'mount -t tmpfs none "$1" && cp -a "$2/." "$1" && shift 2 && exec "$@"';

/** Whether this machine lets a test mount anything at all. */
export function canMount(): boolean {
  const [program = "", ...parameters] = [...IN_NAMESPACE, "sh", "-c", "mount -t tmpfs none /mnt"];
  return spawnSync(program, parameters, { stdio: "ignore" }).status === 0;
}

/** For `within` of an agent: a file system of its own is mounted at a directory, with what another one holds. */
export function mounted(at: string, content: string): readonly string[] {
  return [...IN_NAMESPACE, "sh", "-c", MOUNT, "sh", at, content];
}

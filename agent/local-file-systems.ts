/**
 * Which files lie on a file system of this machine's own. Of such a file, once it is open, the kernel tells all from
 * memory; for others it may have to ask a server or a program, which may not answer.
 */
import { readFileSync } from "node:fs";

/** Where Linux says what is mounted. Elsewhere no file system is known to be local. */
const MOUNTS = "/proc/self/mountinfo";
const LOCAL_TYPES = new Set(["btrfs", "ext2", "ext3", "ext4", "f2fs", "tmpfs", "xfs"]);

/**
 * The devices of local file systems among those that are mounted, as `stat` has them.
 *
 * @param mounts as in proc_pid_mountinfo(5): fields with spaces between, the device's numbers third, and the type of the
 *   file system first after a field that is a hyphen; spaces in names are escaped
 */
export function localDevices(mounts: string): Set<bigint> {
  const devices = new Set<bigint>();
  for (const [, major = "", minor = "", type = ""] of mounts.matchAll(/^\d+ \d+ (\d+):(\d+) .*? - (\S+)/gm))
    if (LOCAL_TYPES.has(type)) devices.add(deviceNumber(BigInt(major), BigInt(minor)));
  return devices;
}

/** As makedev(3) of glibc and musl puts it together. */
function deviceNumber(major: bigint, minor: bigint): bigint {
  return ((major & ~0xfffn) << 32n) | ((major & 0xfffn) << 8n) | ((minor & ~0xffn) << 12n) | (minor & 0xffn);
}

const known = new Map<bigint, boolean>();

/** Whether a device, as `stat` tells it, has a local file system on it. */
export function isLocalDevice(device: bigint): boolean {
  let isLocal = known.get(device);
  if (isLocal === undefined) {
    isLocal = localDevices(readMounts()).has(device);
    known.set(device, isLocal);
  }
  return isLocal;
}

function readMounts(): string {
  try {
    return readFileSync(MOUNTS, "utf8");
  } catch {
    return "";
  }
}

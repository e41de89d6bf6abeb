/**
 * Which files lie on a file system of this machine's own. Of such a file, once it is open, the kernel tells all from
 * memory; for others it may have to ask a server or a program, which may not answer (decision 0015).
 */
import { readFileSync } from "node:fs";

/** Where Linux says what is mounted. Elsewhere no file system is known to be local. */
const MOUNTS = "/proc/self/mountinfo";
/** All of them on a device of their own: other devices are numbered anew for whatever is mounted next. */
const LOCAL_TYPES = new Set(["ext2", "ext3", "ext4", "f2fs", "xfs"]);
/** Until Linux 6.12 it frees at each close what it has put aside behind the end of a file. */
const BUSY_AT_CLOSE = "xfs";

/**
 * The types of the local file systems among those that are mounted, by their devices as `stat` has them.
 *
 * @param mounts as in proc_pid_mountinfo(5): fields with spaces between, the device's numbers third, and the type of the
 *   file system first after a field that is a hyphen; spaces in names are escaped
 */
export function localFileSystems(mounts: string): Map<bigint, string> {
  const types = new Map<bigint, string>();
  for (const [, major = "", minor = "", type = ""] of mounts.matchAll(/^\d+ \d+ (\d+):(\d+) .*? - (\S+)/gm))
    if (LOCAL_TYPES.has(type)) types.set(deviceNumber(BigInt(major), BigInt(minor)), type);
  return types;
}

/** As makedev(3) of glibc and musl puts it together. */
function deviceNumber(major: bigint, minor: bigint): bigint {
  return ((major & ~0xfffn) << 32n) | ((major & 0xfffn) << 8n) | ((minor & ~0xffn) << 12n) | (minor & 0xffn);
}

/** Of each device that was asked about; an empty type where it is not local. */
const known = new Map<bigint, string>();

function typeOf(device: bigint): string {
  let type = known.get(device);
  if (type === undefined) {
    type = localFileSystems(readMounts()).get(device) ?? "";
    known.set(device, type);
  }
  return type;
}

/** Whether a device, as `stat` tells it, has a local file system on it. */
export function isLocalDevice(device: bigint): boolean {
  return typeOf(device) !== "";
}

/** Whether to close a small file there, which was only read and still has a name, is no work for the file system. */
export function closesAtOnce(device: bigint): boolean {
  return isLocalDevice(device) && typeOf(device) !== BUSY_AT_CLOSE;
}

function readMounts(): string {
  try {
    return readFileSync(MOUNTS, "utf8");
  } catch {
    return "";
  }
}

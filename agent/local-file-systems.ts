/**
 * Which files lie on a file system of this machine's own. Of such a file the kernel tells what it has in memory, or what
 * is on a disk; for others it may have to ask a server or a program, which may not answer (decision 0015).
 */
import { readFileSync } from "node:fs";
import type { BytePath } from "./ports.ts";

/** Where Linux says what is mounted. Elsewhere no file system is known to be local. */
const MOUNTS = "/proc/self/mountinfo";
/** All of them on a device of their own: other devices are numbered anew for whatever is mounted next. */
const LOCAL_TYPES = new Set(["ext2", "ext3", "ext4", "f2fs", "xfs"]);
/** Until Linux 6.12 it frees at each close what it has put aside behind the end of a file. */
const BUSY_AT_CLOSE = "xfs";
/** The kernel escapes spaces and newlines in names, but not what else JavaScript takes for white space. */
const LINE = /^\d+ \d+ (\d+):(\d+) [^ \n]+ ([^ \n]+) [^\n]*? - ([^ \n]+)/gm;

/** What of the table of mounts tells where a call may have to wait for somebody. */
export interface Mounts {
  /** The types of the local file systems, by their devices as `stat` has them. */
  readonly localTypes: ReadonlyMap<bigint, string>;
  /** The last names of what other file systems are mounted on: a file with one of them may be such a mount. */
  readonly otherNames: ReadonlySet<BytePath>;
}

/**
 * @param table as in proc_pid_mountinfo(5), a character a byte: fields with spaces between, the device's numbers third, what
 *   it is mounted on fifth, and the type of the file system first after a field that is a hyphen; spaces in names are
 *   escaped
 */
export function parseMounts(table: string): Mounts {
  const localTypes = new Map<bigint, string>();
  const otherNames = new Set<BytePath>();
  for (const [, major = "", minor = "", mountPoint = "", type = ""] of table.matchAll(LINE))
    if (LOCAL_TYPES.has(type)) localTypes.set(deviceNumber(BigInt(major), BigInt(minor)), type);
    else otherNames.add(lastName(unescaped(mountPoint)));
  return { localTypes, otherNames };
}

function unescaped(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function lastName(path: BytePath): BytePath {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** As makedev(3) of glibc and musl puts it together. */
function deviceNumber(major: bigint, minor: bigint): bigint {
  return ((major & ~0xfffn) << 32n) | ((major & 0xfffn) << 8n) | ((minor & ~0xffn) << 12n) | (minor & 0xffn);
}

let mounts: Mounts | undefined;
/** Of each device that was asked about; an empty type where it is not local. */
const known = new Map<bigint, string>();

function typeOf(device: bigint): string {
  let type = known.get(device);
  if (type === undefined) {
    mounts = parseMounts(readMounts());
    type = mounts.localTypes.get(device) ?? "";
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

/** Whether a file in a local directory may be one of another file system, mounted in its place. */
export function mayBeMounted(path: BytePath): boolean {
  mounts ??= parseMounts(readMounts());
  return mounts.otherNames.has(lastName(path));
}

function readMounts(): string {
  try {
    return readFileSync(MOUNTS, "latin1");
  } catch {
    return "";
  }
}

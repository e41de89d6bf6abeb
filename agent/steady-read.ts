/**
 * Reading a file that may change meanwhile: what is made of it counts only when it was the same before and after. Faults
 * of the file are values; what is thrown comes from elsewhere.
 */
import { MAX_OBJECT_BYTES } from "./object-size.ts";
import type { BytePath, Disk, FileFacts, OpenFile } from "./ports.ts";
import { codeOf } from "./system-error.ts";

/** How often a file is read that changes while it is read. */
const READ_ATTEMPTS = 3;

/** Where a file ended that could not be sent, and why. */
export type Untransferred =
  | { readonly state: "vanished" | "unreadable"; readonly cause: unknown }
  /** With a cause: its server says that it is gone. */
  | { readonly state: "unstable"; readonly cause?: unknown }
  | { readonly state: "too-large" }
  | { readonly state: "special" };

/** A file to be read. */
export interface FileSource {
  readonly location: BytePath;
  readonly isLocal: boolean;
}

/** Opens the file again, a few times, as long as it changes while it is read. */
export async function whileUnstable<T extends { readonly state: string }>(
  source: FileSource,
  disk: Disk,
  use: (file: OpenFile, before: FileFacts) => Promise<T | Untransferred>,
): Promise<T | Untransferred> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await withFile(source, disk, use);
    if (outcome.state !== "unstable") return outcome;
    if (attempt === READ_ATTEMPTS) return "cause" in outcome ? { state: "unreadable", cause: outcome.cause } : outcome;
  }
}

async function withFile<T>(
  { location, isLocal }: FileSource,
  disk: Disk,
  use: (file: OpenFile, before: FileFacts) => Promise<T>,
): Promise<T | Untransferred> {
  let file: OpenFile;
  try {
    file = await disk.open(location, isLocal);
  } catch (cause) {
    return faultOf(cause);
  }
  const marked: OpenFile = {
    facts: () => markFault(file.facts()),
    read: (buffer, enoughBytes) => markFault(file.read(buffer, enoughBytes)),
    // What was read was read: a fault of closing says nothing about it.
    close: () => file.close().catch(() => undefined),
  };
  try {
    const before = await marked.facts();
    if (before.kind !== "file") return { state: "special" };
    if (before.sizeBytes > MAX_OBJECT_BYTES) return { state: "too-large" };
    return await use(marked, before);
  } catch (cause) {
    if (cause instanceof DiskFault) return faultOf(cause.cause);
    throw cause;
  } finally {
    await marked.close();
  }
}

/** Marks what the disk threw, among what the bucket throws. */
class DiskFault extends Error {
  override readonly name = "DiskFault";
}

async function markFault<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new DiskFault("the disk failed", { cause });
  }
}

function faultOf(cause: unknown): Untransferred {
  const code = codeOf(cause);
  // ENXIO: a socket, or a FIFO without a writer, that took the file's place.
  if (code === "ENXIO") return { state: "special" };
  // The file that was opened is gone from its server, perhaps because another one took its place: only its name tells.
  if (code === "ESTALE") return { state: "unstable", cause };
  const gone = code === "ENOENT" || code === "ENOTDIR";
  return { state: gone ? "vanished" : "unreadable", cause };
}

export async function unchanged(file: OpenFile, before: FileFacts): Promise<boolean> {
  const after = await file.facts();
  return (
    after.sizeBytes === before.sizeBytes &&
    after.modifiedMs === before.modifiedMs &&
    after.changedMs === before.changedMs
  );
}

/** Paths and names as byte strings: what the system calls a file, which need not be text. */
import { decodeName } from "#shared/key.ts";
import type { BytePath } from "./ports.ts";

/** The text of a byte string, or undefined when it is not UTF-8. */
export function textOf(bytes: BytePath): string | undefined {
  return /^[\0-\x7f]*$/.test(bytes) ? bytes : decodeName(Buffer.from(bytes, "latin1"));
}

/** Where the file of a path lies below a root. */
export function locationOf(root: BytePath, path: string): BytePath {
  return join(root, bytePathOf(path));
}

/** The byte string of a path as the user wrote it. */
export function bytePathOf(path: string): BytePath {
  return Buffer.from(path, "utf8").toString("latin1");
}

export function join(directory: BytePath, name: BytePath): BytePath {
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}

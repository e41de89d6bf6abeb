/** What the operating system says when it refuses something: its code, and a phrase for people. */

const PHRASES: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "the system does not permit it",
  EIO: "input/output error",
  ELOOP: "too many links",
  ENOENT: "no such file",
  ENOTDIR: "a part of its path is no directory",
  EISDIR: "it is a directory",
  ENXIO: "it is a named pipe or a socket",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  ENAMETOOLONG: "its name is too long",
};

/** The `code` of an error of Node's, such as "EACCES". */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/**
 * Why it was refused, as a phrase.
 *
 * @param own phrases by code, where the subject allows to say it better
 */
export function reasonOf(error: unknown, own: Readonly<Record<string, string>> = {}): string {
  const code = codeOf(error) ?? "";
  return own[code] ?? PHRASES[code] ?? (error instanceof Error ? error.message : String(error));
}

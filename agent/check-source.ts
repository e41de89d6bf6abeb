/**
 * Whether the source is a directory that can be read, and one that may go where it is to go. Looked at before anything is
 * asked of AWS: a wrong path is told at once, even without a network.
 */
import { RESERVED_PREFIX } from "#shared/names.ts";
import { bytePathOf, join } from "./byte-path.ts";
import { Failure } from "./errors.ts";
import type { Options } from "./options.ts";
import type { Disk } from "./ports.ts";
import { codeOf, reasonOf } from "./system-error.ts";

/** @throws {Failure} when it is not */
export async function checkSource(
  { sourceDir, target, requireFile }: Pick<Options, "sourceDir" | "target" | "requireFile">,
  disk: Disk,
): Promise<void> {
  const root = bytePathOf(sourceDir);
  const fault = (reason: string, cause?: unknown) =>
    new Failure({
      outcome: "failed",
      operation: "read the source directory",
      subject: sourceDir,
      reason,
      hint: "Nothing was sent or deleted. Check the path, and that it is mounted.",
      cause,
    });
  try {
    const { kind } = await disk.facts(root, true);
    if (kind !== "directory") throw fault("it is not a directory");
    // Only to see whether it can be read at all, before anything is sent.
    for await (const _ of disk.directory(root)) break;
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw fault(reasonOf(error, { ENOENT: "it does not exist" }), error);
  }
  await checkRequiredFile({ sourceDir, requireFile }, disk);
  if (target.keyPrefix === "" && (await mayBeDirectory(join(root, RESERVED_PREFIX.slice(0, -1)), disk)))
    throw new Failure({
      outcome: "arguments",
      operation: `sync to the whole bucket [${target.bucket}] from`,
      subject: sourceDir,
      reason: `it holds a directory ${RESERVED_PREFIX}, which in the bucket belongs to the validator`,
      hint: `Sync to a prefix instead: s3://${target.bucket}/NAME.`,
    });
}

/** @throws {Failure} when the source does not hold what --require-file names */
export async function checkRequiredFile(
  { sourceDir, requireFile }: Pick<Options, "sourceDir" | "requireFile">,
  disk: Disk,
): Promise<void> {
  if (requireFile === undefined) return;
  try {
    await disk.facts(join(bytePathOf(sourceDir), bytePathOf(requireFile)), true);
  } catch (cause) {
    if (codeOf(cause) === undefined) throw cause;
    throw new Failure({
      outcome: "safety-stop",
      operation: "sync",
      subject: sourceDir,
      reason: `it does not hold ${requireFile}, which --require-file asks for (${reasonOf(cause)})`,
      hint: "Nothing was deleted. Check that all of the source is mounted.",
      cause,
    });
  }
}

/** A link that leads nowhere now may lead to a directory later. */
async function mayBeDirectory(path: string, disk: Disk): Promise<boolean> {
  const kindOf = async (follow: boolean) => (await disk.facts(path, follow)).kind;
  const itself = await kindOf(false).catch(() => undefined);
  if (itself !== "link") return itself === "directory";
  const target = await kindOf(true).catch(() => undefined);
  return target === undefined || target === "directory";
}

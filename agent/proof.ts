/**
 * The proof that a host keeps: when the bucket was last seen to be as a source was, by a report that this host itself
 * has asked for, read and checked. What the bucket says of other runs never counts as a proof: any host of the bucket
 * can make the validator say something about any prefix.
 *
 * A lost or damaged proof only costs comparisons.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import type { ProofStore } from "./ports.ts";

const FORMAT = 1;

const ProofFile = Type.Object({
  format: Type.Literal(FORMAT),
  bucket: Type.String(),
  prefix: Type.String(),
  directory: Type.String(),
  objectsMs: Type.Number(),
  filesMs: Type.Number(),
});

/**
 * Keeps proofs below a directory, one file for each pair of source and target.
 *
 * @param stateDirectory undefined where there is no place for it: then nothing is kept
 */
export function openProofs(stateDirectory: string | undefined): ProofStore {
  if (stateDirectory === undefined) return { read: async () => undefined, write: async () => {} };
  const folder = join(stateDirectory, "proofs");

  return {
    async read({ bucket, prefix, directory }) {
      const subject = { bucket, prefix, directory };
      let kept: Static<typeof ProofFile>;
      try {
        const value: unknown = JSON.parse(await readFile(join(folder, fileName(subject)), "utf8"));
        if (!Value.Check(ProofFile, value)) return undefined;
        kept = value;
      } catch {
        return undefined;
      }
      const same = kept.bucket === bucket && kept.prefix === prefix && kept.directory === directory;
      return same ? { objectsMs: kept.objectsMs, filesMs: kept.filesMs } : undefined;
    },

    async write({ bucket, prefix, directory }, { objectsMs, filesMs }) {
      const subject = { bucket, prefix, directory };
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const path = join(folder, fileName(subject));
      // Whoever reads it meanwhile finds the old one or the new one, whole.
      const newPath = `${path}.${randomBytes(6).toString("hex")}`;
      try {
        await writeFile(newPath, JSON.stringify({ format: FORMAT, ...subject, objectsMs, filesMs }), { mode: 0o600 });
        await rename(newPath, path);
      } catch (cause) {
        await rm(newPath, { force: true });
        throw cause;
      }
    },
  };
}

function fileName(subject: { bucket: string; prefix: string; directory: string }): string {
  const text = JSON.stringify([subject.bucket, subject.prefix, subject.directory]);
  return `${createHash("sha256").update(text).digest("hex")}.json`;
}

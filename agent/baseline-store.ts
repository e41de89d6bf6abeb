/**
 * Baselines below the state directory, one file for each source, target and endpoint. A lost or damaged one only costs a
 * listing.
 */
import { join } from "node:path";
import { DraftFile } from "./baseline-draft.ts";
import { BaselineFile } from "./baseline-file.ts";
import { encodeHeader, fileName } from "./baseline-format.ts";
import type { BaselineStore, BaselineSubject } from "./ports.ts";
import { codeOf } from "./system-error.ts";

/** @param stateDirectory undefined where there is no place for it: then nothing is kept */
export function openBaselines(stateDirectory: string | undefined): BaselineStore {
  const pathOf = (subject: BaselineSubject) =>
    stateDirectory === undefined ? undefined : join(stateDirectory, "baselines", fileName(subject));
  return {
    async open(subject, notice) {
      const path = pathOf(subject);
      if (path === undefined) return undefined;
      try {
        return await BaselineFile.open(path, subject, notice);
      } catch (cause) {
        if (codeOf(cause) !== "ENOENT") notice(cause instanceof Error ? cause.message : String(cause));
        return undefined;
      }
    },
    draft(subject, run, mountPoint) {
      return new DraftFile(pathOf(subject), encodeHeader(subject, { run, mountPoint }));
    },
  };
}

/**
 * The sources as the simulation runs them: as they are, but in miniature, so that a dozen files meet every limit, and
 * with the host's files in memory. A mutant changes a little more.
 *
 * To be called before anything of agent, lambda or shared is imported.
 */
import { registerHooks } from "node:module";

/** A piece of a source, by its text, and what stands there instead. */
export interface Replacement {
  readonly file: string;
  readonly text: string;
  readonly by: string;
}

/** Limits that a dozen files of a few bytes would never meet. */
const MINIATURES: readonly Replacement[] = [
  { file: "agent/object-size.ts", text: "SINGLE_PUT_BYTES = 8 * 1024 * 1024", by: "SINGLE_PUT_BYTES = 8" },
  { file: "agent/object-size.ts", text: "MEBIBYTE = 1024 * 1024", by: "MEBIBYTE = 1" },
  { file: "agent/directory-names.ts", text: "CHUNK_NAMES = 32_768", by: "CHUNK_NAMES = 3" },
  { file: "agent/directory-names.ts", text: "BLOCK_NAMES = 1_024", by: "BLOCK_NAMES = 2" },
  { file: "agent/look-ahead.ts", text: "FACTS_AHEAD = 64", by: "FACTS_AHEAD = 3" },
  { file: "agent/walk.ts", text: "BATCH_ENTRIES = 64", by: "BATCH_ENTRIES = 2" },
  { file: "shared/list-ahead.ts", text: "RANGE_ENTRIES = 1_000", by: "RANGE_ENTRIES = 2" },
  {
    file: "agent/list-shard.ts",
    text: "AHEAD: Ahead = { ranges: 7, objects: 1_000 }",
    by: "AHEAD: Ahead = { ranges: 2, objects: 3 }",
  },
  {
    file: "lambda/list-shard.ts",
    text: "AHEAD: Ahead = { ranges: 7, objects: 1_000 }",
    by: "AHEAD: Ahead = { ranges: 3, objects: 2 }",
  },
  { file: "agent/spool.ts", text: "BATCH_DELETIONS = 1_000", by: "BATCH_DELETIONS = 2" },
  { file: "agent/baseline-format.ts", text: "BLOCK_BYTES = 128 * 1024", by: "BLOCK_BYTES = 150" },
  { file: "lambda/list-shard.ts", text: "JUMP_AFTER_OBJECTS = 1_000", by: "JUMP_AFTER_OBJECTS = 2" },
  { file: "lambda/findings.ts", text: "MOST_FINDINGS = 100_000", by: "MOST_FINDINGS = 9" },
  { file: "shared/report.ts", text: "MAX_INLINE_FINDINGS = 1_000", by: "MAX_INLINE_FINDINGS = 4" },
];

/** What keeps files of its own on the host. */
const FILE_KEEPERS = ["agent/spool.ts", "agent/baseline-file.ts", "agent/baseline-draft.ts"];

const ROOT = new URL("../../", import.meta.url).href;
const MEMORY_FILES = new URL("memory-files.ts", import.meta.url).href;

/** @throws when a text that is to be replaced is not in its source exactly once, as soon as that is loaded */
export function runInMiniature(mutations: readonly Replacement[] = []): void {
  const replacements = [...MINIATURES, ...mutations];
  registerHooks({
    resolve(specifier, context, next) {
      const parent = context.parentURL?.replace(ROOT, "") ?? "";
      if (specifier === "node:fs/promises" && FILE_KEEPERS.includes(parent))
        return { url: MEMORY_FILES, shortCircuit: true };
      return next(specifier, context);
    },
    load(url, context, next) {
      const loaded = next(url, context);
      const here = replacements.filter(({ file }) => ROOT + file === url);
      if (here.length === 0) return loaded;
      return { ...loaded, source: here.reduce(replaced, String(loaded.source)) };
    },
  });
}

function replaced(source: string, { file, text, by }: Replacement): string {
  const count = source.split(text).length - 1;
  if (count !== 1) throw new Error(`${file} has ${count} times, and should have once: ${text}`);
  return source.replace(text, () => by);
}

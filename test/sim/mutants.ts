/**
 * Small faults, one at a time, that the simulation must see: who watches the watchman. A text that is not in its source
 * any more is an error, so that this list cannot grow stale unseen.
 */
import type { Replacement } from "./sources.ts";

export interface Mutant extends Replacement {
  /** What it does wrong. */
  readonly name: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "deletes before the uploads are done",
    file: "agent/shard-work.ts",
    text: `mode === "sync" ? this.#held.add(target.keyPrefix + action.path) : undefined`,
    by: `mode === "sync" ? this.#means.ports.bucket.remove([target.keyPrefix + action.path]) : undefined`,
  },
  {
    name: "deletes with --uploadOnly",
    file: "agent/shard-work.ts",
    text: `mode === "sync" ? this.#held.add(target.keyPrefix + action.path) : undefined`,
    by: "this.#held.add(target.keyPrefix + action.path)",
  },
  {
    name: "deletes though the source could not be read as a whole",
    file: "agent/deletions.ts",
    text: "if (complete) await this.#remove(keys);",
    by: "if (keys.length > 0) await this.#remove(keys);",
  },
  { name: "skips the guard of an empty source", file: "agent/deletions.ts", text: "this.#guard(count);", by: "" },
  {
    name: "sends a shard's message before its deletions",
    file: "agent/shards.ts",
    text: "if (held.count > 0) await held.hold(message);",
    by: "if (held.count > 0) await this.#ports.queue.send(message).then(() => held.hold(message));",
  },
  {
    name: "takes all to be deleted when some is not",
    file: "agent/shards.ts",
    text: `isWhole && this.#deletions.areDone,`,
    by: "isWhole,",
  },
  {
    name: "forgets what a listing has shown to be deleted",
    file: "agent/shard-work.ts",
    text: "if (this.#remembersRemovals()) this.#items",
    by: "if (!this.#isListed) this.#items",
  },
  {
    name: "forgets that an object is there whose file could not be sent",
    file: "agent/shard-work.ts",
    text: "knownFileOf(entry) ?? action.known ?? hole",
    by: "knownFileOf(entry) ?? action.known",
  },
  {
    name: "does not list again what could not be read",
    file: "agent/shard-work.ts",
    text: `step.what === "unlisted" || (`,
    by: "(",
  },
  {
    name: "keeps what was compared and differs",
    file: "agent/file-work.ts",
    text: "if (compared.same) return",
    by: "return",
  },
  {
    name: "writes with --verifyOnly",
    file: "agent/file-work.ts",
    text: `if (this.#request.mode === "verify-only") return`,
    by: "if (false) return",
  },
  {
    name: "does not say of a check that it is one",
    file: "agent/shards.ts",
    text: `mode === "verify-only" ? { check: true } : {}`,
    by: "{}",
  },
  {
    name: "loses names of a large directory",
    file: "agent/directory-names.ts",
    text: "end = bytes.indexOf(NUL, begin)",
    by: "end = -1",
  },
  {
    name: "takes a file for the same without its time of change",
    file: "agent/baseline.ts",
    text: "file.changedMs === known.changedMs &&",
    by: "",
  },
  {
    name: "remembers the facts that were walked, not those that were read",
    file: "agent/record.ts",
    text: "remember({ path, ...facts }, etag",
    by: "remember({ ...file, sizeBytes }, etag",
  },
  { name: "knows no racy file", file: "agent/baseline.ts", text: "RACY_MS = 5_000", by: "RACY_MS = 0" },
  {
    name: "takes what was to leave for deleted",
    file: "agent/baseline-draft.ts",
    text: `const deletions = deleted ? "done" : this.#deletions;`,
    by: `const deletions = "done";`,
  },
  {
    name: "takes a file that came back for one whose object is there",
    file: "agent/steps.ts",
    text: "!known.leaving && isSame",
    by: "isSame",
  },
  {
    name: "believes size and time to the millisecond",
    file: "agent/plan.ts",
    text: "> object.modifiedMs - DOUBT_TOLERANCE_MS;",
    by: "> object.modifiedMs;",
  },
  {
    name: "deletes below a link that leads nowhere",
    file: "agent/plan.ts",
    text: "if (!isFolderMarker(target) && !unknownDirectories.covers(target.path))",
    by: "if (!isFolderMarker(target))",
  },
  {
    name: "doubts nothing that is newer than the last match",
    file: "agent/doubts.ts",
    text: "objectsSinceMs: match === undefined ? undefined : matchMs",
    by: "objectsSinceMs: match === undefined ? matchMs : undefined",
  },
  {
    name: "publishes a file that changed while it was read",
    file: "agent/transfer.ts",
    text: "if (filled !== before.sizeBytes || !(await unchanged(file, before)))",
    by: "if (filled !== before.sizeBytes)",
  },
  {
    name: "publishes parts of a file that changed while it was read",
    file: "agent/transfer.ts",
    text: "if (probe !== 0 || !(await unchanged(file, before)))",
    by: "if (probe !== 0)",
  },
  {
    name: "leaves the parts of an upload that failed",
    file: "agent/transfer.ts",
    text: "await bucket.abortMultipart(key, uploadId);",
    by: "",
  },
  {
    name: "believes a report about other manifests",
    file: "agent/await-report.ts",
    text: "report.digest === digest && report.shards === shardCount && asMeant",
    by: "true",
  },
  {
    name: "says that it has repaired what it could not delete before",
    file: "agent/record.ts",
    text: "!this.#request.isUndeleted(path) && ",
    by: "",
  },
  {
    name: "takes a page that is cut off for the last one",
    file: "shared/listing.ts",
    text: `if (page.truncated && page.nextToken === undefined) throw new ListingError("it goes on but gives no token");`,
    by: "if (page.truncated && page.nextToken === undefined) return;",
  },
  {
    name: "orders keys as JavaScript does",
    file: "shared/key.ts",
    text: "return codePointRank(leftUnit) - codePointRank(rightUnit);",
    by: "return leftUnit - rightUnit;",
  },
  {
    name: "ends a shard at an unknown directory, not below it",
    file: "shared/shard.ts",
    text: `return directory ? lastKeyBelow(`,
    by: `return false ? lastKeyBelow(`,
  },
  {
    name: "lets an older run take the place of a newer status",
    file: "shared/status.ts",
    text: "old !== undefined && old.run >= note.run ? old : note",
    by: "note",
  },
  {
    name: "publishes a report before all parts are there",
    file: "shared/report.ts",
    text: "return shards !== undefined && indexes.size === shards;",
    by: "return indexes.size > 0;",
  },
  {
    name: "does not compare ETags",
    file: "lambda/validate.ts",
    text: "} else if (object.etag !== etag) {",
    by: "} else if (false) {",
  },
  { name: "counts nothing as missing", file: "lambda/validate.ts", text: "totals.missing += 1;", by: "" },
  {
    name: "finds what lies below an unknown directory",
    file: "lambda/validate.ts",
    text: "} else if (!isFolderMarker(target) && !unknownDirectories.covers(target.path)) {",
    by: "} else if (!isFolderMarker(target)) {",
  },
];

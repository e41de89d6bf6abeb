/**
 * The guard: whether the deletions that a pass has found may be done. Asked once, when all uploads are done and before
 * the first deletion. Pure.
 *
 *   files in the source   switches                      objects that would go           answer
 *   none                  -                             any                             stop
 *   none                  --allow-empty-source          any                             go on
 *   some                  -                             up to 100                       go on
 *   some                  -                             more, half or less of all       go on
 *   some                  -                             more, and more than half        stop
 *   any                   --max-delete N                more than N                     stop
 *   any                   --max-delete N%               more than N % of all            stop
 *
 * "All" are the objects that were there before the run: who renames every file, or encrypts it, deletes all of them.
 */
import type { Action } from "./plan.ts";

/** The most that one run may delete. */
export interface MaxDelete {
  readonly most: number;
  /** What `most` counts: objects, or hundredths of those that were there before. */
  readonly unit: "objects" | "percent";
}

/** Without `--max-delete`: half of the objects, but these few at any time. */
const DEFAULT_MAX_DELETE: MaxDelete = { most: 50, unit: "percent" };
const FEW_DELETIONS = 100;

export interface Deletions {
  readonly count: number;
  /** Objects that were there before the pass and stay, as they were or replaced. */
  readonly staying: number;
  /** Files that were there when they were to be read. */
  readonly filesSeen: number;
}

export interface GuardOptions {
  readonly allowEmptySource: boolean;
  /** Undefined: the default. */
  readonly maxDelete: MaxDelete | undefined;
}

/** Why the deletions must not be done, or undefined. */
export function deletionFault(
  { count, staying, filesSeen }: Deletions,
  { allowEmptySource, maxDelete }: GuardOptions,
): "empty-source" | "too-many" | undefined {
  if (count === 0) return undefined;
  if (filesSeen === 0 && !allowEmptySource) return "empty-source";
  if (maxDelete === undefined && (filesSeen === 0 || count <= FEW_DELETIONS)) return undefined;
  const { most, unit } = maxDelete ?? DEFAULT_MAX_DELETE;
  const tooMany = unit === "objects" ? count > most : count * 100 > most * (count + staying);
  return tooMany ? "too-many" : undefined;
}

/** Whether there was an object before an action, and there still is one after it. */
export function leavesObject(action: Action): boolean {
  switch (action.do) {
    case "keep":
    case "compare":
      return true;
    case "send":
      return action.was === undefined ? action.known !== undefined : action.was === "changed";
    case "note":
      return action.known !== undefined;
    case "remove":
      return false;
  }
}

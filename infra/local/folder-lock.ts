/**
 * Lets one process at a time work on a folder; the others wait. A lock whose owner is gone is taken over. It knows
 * nothing of what the folder holds.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LocalError } from "./local-error.ts";
import { processIsAlive } from "./processes.ts";

const POLL_DELAY_MS = 200;
/** As long as the slowest holder may take: installing over a slow network. */
const WAIT_LIMIT_MS = 10 * 60 * 1000;

/** Runs `work` while no other process holds `lockPath`. */
export async function withLock<Result>(lockPath: string, work: () => Promise<Result>): Promise<Result> {
  await acquire(lockPath);
  try {
    return await work();
  } finally {
    rmSync(lockPath, { force: true });
  }
}

async function acquire(lockPath: string): Promise<void> {
  const deadline = Date.now() + WAIT_LIMIT_MS;
  while (!tryAcquire(lockPath)) {
    const owner = readOwner(lockPath);
    if (owner !== undefined && !processIsAlive(owner)) {
      removeStale(lockPath);
    } else if (Date.now() > deadline) {
      throw new LocalError(`Process ${owner} has held ${lockPath} for too long.\nEnd it, or delete that file.`);
    } else {
      await sleep(POLL_DELAY_MS);
    }
  }
}

/** Linking a finished file is atomic and never shows a lock without its owner's number. */
function tryAcquire(lockPath: string): boolean {
  const candidate = `${lockPath}.${process.pid}`;
  writeFileSync(candidate, String(process.pid));
  try {
    linkSync(candidate, lockPath);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(candidate, { force: true });
  }
}

function readOwner(lockPath: string): number | undefined {
  try {
    return Number(readFileSync(lockPath, "utf8"));
  } catch {
    return undefined;
  }
}

/** Moved aside before it is judged, so that of two waiting processes only one removes it. */
function removeStale(lockPath: string): void {
  const aside = `${lockPath}.stale.${process.pid}`;
  try {
    renameSync(lockPath, aside);
    const owner = readOwner(aside);
    // Between our look and the move somebody else took over: give theirs back.
    if (owner !== undefined && processIsAlive(owner)) linkSync(aside, lockPath);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOENT" && code !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/**
 * Global set-up of the tests: an AWS engine of their own with the real stack in it, on a free port, in a folder of its
 * own, beside whatever else runs on the machine. Tests reach it by `live-engine.ts`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEngine, stopEngine } from "#infra/local/engine.ts";
import { ENGINE_SETTINGS_ENV } from "./live-engine.ts";

/** A dot, because names made from it must cope with one. */
const BUCKET = "cback.test";

let folder: string | undefined;

export async function globalSetup(): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), "cback-engine-"));
  const engine = await startEngine({ folder, bucket: BUCKET, say: () => {} });
  // Test processes are started with the environment as it is now.
  process.env[ENGINE_SETTINGS_ENV] = engine.environmentFile;
}

export async function globalTeardown(): Promise<void> {
  if (folder === undefined) return;
  await stopEngine(folder);
  rmSync(folder, { recursive: true, force: true });
}

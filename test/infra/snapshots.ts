/**
 * Templates as they were last agreed on, so that a change of any resource shows in a review. What changes with every
 * edit of the code, digests and versions, is left out. Run as a program (`npm run snapshots`), it writes them.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Template } from "aws-cdk-lib/assertions";
import packageJson from "#package.json" with { type: "json" };
import { CONTRACT_VERSION } from "#shared/version.ts";
import { newApp } from "./construct.ts";
import { VARIANTS } from "./variants.ts";

export const SNAPSHOT_FOLDER = new URL("snapshots/", import.meta.url);

/** The variant in each file. */
export const SNAPSHOTS: Readonly<Record<string, string>> = {
  "made-bucket.json": "a bucket that is made",
  "existing-bucket-hosts-key-alarms.json": "an existing bucket, hosts, a KMS key and alarms",
};

/** The text of a snapshot as the code makes it now. */
export function snapshotText(file: string): string {
  const make = VARIANTS[SNAPSHOTS[file] ?? ""];
  if (make === undefined) throw new Error(`no variant for ${file}`);
  const outdir = mkdtempSync(join(tmpdir(), "cback-snapshot-"));
  try {
    const template = Template.fromStack(make(newApp(outdir))).toJSON();
    return `${JSON.stringify(template, withoutVersions, 2)}\n`;
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

function withoutVersions(_key: string, value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (value === CONTRACT_VERSION) return "CONTRACT-VERSION";
  return value.replaceAll(packageJson.version, "VERSION").replaceAll(/\b[0-9a-f]{64}\b/g, "DIGEST");
}

if (import.meta.main) {
  mkdirSync(SNAPSHOT_FOLDER, { recursive: true });
  for (const file of Object.keys(SNAPSHOTS)) writeFileSync(new URL(file, SNAPSHOT_FOLDER), snapshotText(file));
}

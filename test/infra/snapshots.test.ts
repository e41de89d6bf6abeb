import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import packageJson from "#package.json" with { type: "json" };
import { SNAPSHOT_FOLDER, SNAPSHOTS, snapshotText } from "./snapshots.ts";

describe("the snapshot of a template", () => {
  for (const file of Object.keys(SNAPSHOTS)) {
    const stored = readFileSync(new URL(file, SNAPSHOT_FOLDER), "utf8");

    test(`${file} is what the code makes`, () => {
      assert.deepEqual(
        JSON.parse(snapshotText(file)),
        JSON.parse(stored),
        `test/infra/snapshots/${file} is not what the code makes. If the change is meant: npm run snapshots, and commit what it wrote`,
      );
      assert.equal(snapshotText(file), stored, "the order of resources changed: npm run snapshots");
    });

    test(`${file} names no version and no digest`, () => {
      assert.ok(!stored.includes(packageJson.version));
      assert.doesNotMatch(stored, /\b[0-9a-f]{32,}\b/);
    });
  }

  test("is one of these", () => assert.deepEqual(readdirSync(SNAPSHOT_FOLDER).sort(), Object.keys(SNAPSHOTS).sort()));
});

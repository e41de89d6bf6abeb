/** That the soak's tree takes thousands of edits, and stays of the size at which memory is compared. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "#test/sim/random.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { BAND, SourceTree } from "./source-tree.ts";

// A directory that goes takes up to forty files with it, or brings as many.
const SLACK = 45;

for (const seed of [1, 2, 3])
  test(`seed ${seed}`, (t) => {
    const random = new Random(seed);
    const tree = new SourceTree(temporaryFolder(t), "p/", random);
    for (let edits = 0; edits < 1_500; edits++) {
      tree.edit(random);
      if (edits % 100 !== 0) continue;
      const { length } = tree.paths();
      assert.ok(length > BAND.least - SLACK && length < BAND.most + SLACK, `${length} files`);
    }
  });

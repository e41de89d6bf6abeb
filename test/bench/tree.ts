/** Trees of files to measure with: many equal files, in directories of some hundred. */
import { randomFillSync } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

const FILES_IN_DIRECTORY = 500;
const BLOCK_BYTES = 1024 * 1024;

/** Each file has content of its own, which does not compress. */
export function fillTree(directory: string, files: number, bytesEach: number): void {
  const block = Buffer.alloc(Math.min(bytesEach, BLOCK_BYTES));
  let folder = directory;
  for (let index = 0; index < files; index++) {
    if (index % FILES_IN_DIRECTORY === 0) {
      folder = join(directory, `folder-${String(index / FILES_IN_DIRECTORY).padStart(5, "0")}`);
      mkdirSync(folder);
    }
    const file = openSync(join(folder, `file-${String(index).padStart(7, "0")}.dat`), "wx");
    for (let written = 0; written < bytesEach; ) {
      randomFillSync(block);
      written += writeSync(file, block, 0, Math.min(block.length, bytesEach - written));
    }
    closeSync(file);
  }
}

/** Directory trees for tests, from a table of paths and contents. */
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export type Tree = Readonly<Record<string, string | Uint8Array>>;

/** A new directory with these files, below `folder`. */
export function makeTree(folder: string, files: Tree): string {
  const root = mkdtempSync(join(folder, "source-"));
  // Some tests read it as another user.
  chmodSync(root, 0o755);
  addFiles(root, files);
  return root;
}

/** Written below `root`, over what is there. A path that ends in "/" is an empty directory. */
export function addFiles(root: string, files: Tree): void {
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, path);
    mkdirSync(path.endsWith("/") ? file : dirname(file), { recursive: true });
    if (!path.endsWith("/")) writeFileSync(file, content);
  }
}

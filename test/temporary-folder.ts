/** A folder for one test or one file of tests, removed when that ends. */
import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A test, or the module `node:test` for a whole file. */
interface Scope {
  after(hook: () => void): void;
}

/** An empty folder that every user may enter, so that a test can drop its privileges. */
export function temporaryFolder(scope: Scope): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "cback-test-"));
  chmodSync(folder, 0o755);
  scope.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Agent and validator as another version of the contract would have them: a copy of the sources with that version, and
 * what such a version brings. Run and bundled like the sources themselves.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT, VENV_FOLDER } from "#infra/local/paths.ts";
import { CONTRACT_VERSION } from "#shared/version.ts";

const COPIED = ["agent", "lambda", "shared", "bundle-handlers.ts", "package.json"];
/** Python's own packer: where the engine is, there is Python. */
const ZIP = ["-m", "zipfile", "-c"];

export interface OtherVersion {
  /** The agent's entry, to be run by Node. */
  readonly agent: string;
  /** The functions' code, as Lambda takes it. */
  zip(): Promise<Buffer>;
}

/**
 * A minor adds a field to each message and answer, which nobody of today knows. A newer major has its entries in another
 * place: of its messages only what never changes can be read today.
 */
export function sourcesOfVersion(folder: string, version: string): OtherVersion {
  const root = mkdtempSync(join(folder, `version-${version}-`));
  for (const name of COPIED) cpSync(join(ROOT, name), join(root, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"));
  const change = (file: string, from: string, to: string) => {
    const path = join(root, file);
    const text = readFileSync(path, "utf8");
    if (text.split(from).length !== 2) throw new Error(`${file} does not have once: ${from}`);
    writeFileSync(path, text.replace(from, to));
  };
  const sameMajor = version.split(".")[0] === CONTRACT_VERSION.split(".")[0];
  change("shared/version.ts", `CONTRACT_VERSION = "${CONTRACT_VERSION}"`, `CONTRACT_VERSION = "${version}"`);
  change(
    "shared/message.ts",
    "{ version: CONTRACT_VERSION, ...message }",
    `{ version: CONTRACT_VERSION, ...message, ${sameMajor ? "added" : "manifest: undefined, parcels"}: [message.manifest] }`,
  );
  change("shared/versioned.ts", "safeJson(value,", 'safeJson({ ...value, added: { by: "a newer version" } },');
  return {
    agent: join(root, "agent", "cback-amazons3-sync.cjs"),
    async zip() {
      const functions = mkdtempSync(join(root, "functions-"));
      const { bundleHandlers } = await import(pathToFileURL(join(root, "bundle-handlers.ts")).href);
      bundleHandlers(functions);
      const archive = join(root, "functions.zip");
      execFileSync(join(VENV_FOLDER, "bin", "python"), [...ZIP, archive, "index.mjs", "silence.mjs"], {
        cwd: functions,
      });
      return readFileSync(archive);
    },
  };
}

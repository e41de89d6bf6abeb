/**
 * Builds the package: the agent as one file beside its entry, the validator as one file for its function. Everything
 * that they import at run time is inside, so a host needs only Node.js.
 */
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuildOptions, build as bundle } from "esbuild";

const ROOT = import.meta.dirname;
const ENTRY = "cback-amazons3-sync.cjs";
const EXECUTABLE = 0o755;

const SHARED: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  // Some of the bundled packages are CommonJS and ask for Node's own modules by `require`.
  banner: { js: `import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);` },
  sourcemap: "linked",
  legalComments: "linked",
  logLevel: "warning",
};

/** Builds into the directory, which is emptied first. */
export async function build(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await bundle({ ...SHARED, entryPoints: ["agent/main.ts"], outfile: join(directory, "agent/main.js") });
  await bundle({ ...SHARED, entryPoints: ["lambda/handler.ts"], outfile: join(directory, "lambda/handler.mjs") });
  await copyEntry(join(directory, "agent"));
}

async function copyEntry(directory: string): Promise<void> {
  const source = await readFile(join(ROOT, "agent", ENTRY), "utf8");
  const built = source.replace('require("./main.ts")', 'require("./main.js")');
  if (built === source) throw new Error(`agent/${ENTRY} does not start ./main.ts any more: adapt build.ts`);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, ENTRY), built);
  await chmod(join(directory, ENTRY), EXECUTABLE);
}

if (import.meta.main) await build(join(ROOT, "dist"));

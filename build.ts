/**
 * Builds the package: the agent as a few files beside its entry, the functions as the files that Lambda runs, and the
 * construct for other CDK apps with its types. Everything that agent and functions import at run time is inside, so a
 * host needs only Node.js; the construct needs the CDK of the app that uses it.
 */
import { execFileSync } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BuildOptions, build as bundle } from "esbuild";
import { bundleHandlers, REQUIRE_BANNER } from "./bundle-handlers.ts";

const ROOT = import.meta.dirname;
const ENTRY = "cback-amazons3-sync.cjs";
const EXECUTABLE = 0o755;
const PUBLIC_TYPES = ["backup-validator.d.ts", "backup-validator-props.d.ts", "hosts.d.ts", "prop-error.d.ts"];

const SHARED: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: "node",
  format: "esm",
  sourcemap: "linked",
  legalComments: "linked",
  logLevel: "warning",
};

/** Builds into the directory, which is emptied first. */
export async function build(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await bundle({
    ...SHARED,
    target: "node24",
    banner: { js: REQUIRE_BANNER },
    entryPoints: ["agent/main.ts"],
    outdir: join(directory, "agent"),
    // What a run alone needs, the SDK above all, is in files of its own: --help does not wait for it.
    splitting: true,
  });
  await copyEntry(join(directory, "agent"));
  bundleHandlers(join(directory, "lambda"));
  await bundle({
    ...SHARED,
    // Other people's apps may run on an older Node.js than hosts do.
    target: "node20",
    external: ["aws-cdk-lib", "constructs"],
    entryPoints: ["infra/backup-validator.ts"],
    outfile: join(directory, "infra/backup-validator.js"),
  });
  await declareTypes(join(directory, "infra"));
}

async function copyEntry(directory: string): Promise<void> {
  const source = await readFile(join(ROOT, "agent", ENTRY), "utf8");
  const built = source.replace('require("./main.ts")', 'require("./main.js")');
  if (built === source) throw new Error(`agent/${ENTRY} does not start ./main.ts any more: adapt build.ts`);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, ENTRY), built);
  await chmod(join(directory, ENTRY), EXECUTABLE);
}

/** The types that the construct's users see, which refer to nothing else of this package. */
async function declareTypes(directory: string): Promise<void> {
  const all = await mkdtemp(join(tmpdir(), "cback-types-"));
  try {
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    const parameters = ["--project", "tsconfig.types.json", "--outDir", all];
    execFileSync(process.execPath, [compiler, ...parameters], { cwd: ROOT, stdio: "inherit" });
    await mkdir(directory, { recursive: true });
    for (const name of PUBLIC_TYPES) await copyFile(join(all, "infra", name), join(directory, name));
  } finally {
    await rm(all, { recursive: true, force: true });
  }
}

if (import.meta.main) await build(join(ROOT, "dist"));

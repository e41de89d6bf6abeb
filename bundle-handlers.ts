/** Bundles each function's handler, its SDK included, into the file that Lambda runs. */
import { buildSync } from "esbuild";

/** Some packages still call `require`, which an ES module does not have. */
export const REQUIRE_BANNER =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

const HANDLERS = { index: "lambda/handler.ts", silence: "lambda/silence-handler.ts" };

/** The same sources give the same bytes. */
export function bundleHandlers(outputFolder: string): void {
  buildSync({
    absWorkingDir: import.meta.dirname,
    entryPoints: HANDLERS,
    outdir: outputFolder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    mainFields: ["module", "main"],
    banner: { js: REQUIRE_BANNER },
    // Names stay as they are: stack traces in the log remain readable without a source map.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "warning",
  });
}

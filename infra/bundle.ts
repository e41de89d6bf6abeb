/**
 * Bundles the validator's handler, its SDK included, into the file that Lambda runs. It names the handler by its path
 * and imports nothing of it. The same sources give the same bytes, so that an unchanged function is not deployed again.
 */
import { join } from "node:path";
import { AssetHashType, DockerImage } from "aws-cdk-lib";
import { type AssetCode, Code } from "aws-cdk-lib/aws-lambda";
import { buildSync } from "esbuild";

const ROOT = join(import.meta.dirname, "..");
const ENTRY_POINT = "lambda/handler.ts";

/** Module and export that Lambda calls. */
export const HANDLER = "index.handler";

/** Parts of the SDK still call `require`, which an ES module does not have. */
const REQUIRE_BANNER = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

export function handlerCode(): AssetCode {
  return Code.fromAsset(join(ROOT, "lambda"), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // CDK asks for an image, and would only run it if the local bundling declined.
      image: DockerImage.fromRegistry("none"),
      local: {
        tryBundle(outputFolder) {
          bundleHandler(outputFolder);
          return true;
        },
      },
    },
  });
}

function bundleHandler(outputFolder: string): void {
  buildSync({
    absWorkingDir: ROOT,
    entryPoints: [ENTRY_POINT],
    outfile: join(outputFolder, "index.mjs"),
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

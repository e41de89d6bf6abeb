/**
 * The code of the functions as the CDK deploys it. In the package it was bundled when the package was built; in a
 * checkout it is bundled now, from source. The same sources give the same bytes, so that an unchanged function is not
 * deployed again. It names the handlers by their paths and imports nothing of them.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { AssetHashType, DockerImage } from "aws-cdk-lib";
import { type AssetCode, Code } from "aws-cdk-lib/aws-lambda";

const FUNCTIONS = join(import.meta.dirname, "..", "lambda");

/** File and export that Lambda calls. */
export const HANDLER = "index.handler";
export const SILENCE_HANDLER = "silence.handler";

export function handlerCode(): AssetCode {
  if (existsSync(join(FUNCTIONS, "index.mjs"))) return Code.fromAsset(FUNCTIONS);
  return Code.fromAsset(FUNCTIONS, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // CDK asks for an image, and would only run it if the local bundling declined.
      image: DockerImage.fromRegistry("none"),
      local: {
        tryBundle(outputFolder) {
          // Only where the sources are: whoever uses the package needs no bundler.
          const { bundleHandlers } = createRequire(import.meta.url)("../bundle-handlers.ts");
          bundleHandlers(outputFolder);
          return true;
        },
      },
    },
  });
}

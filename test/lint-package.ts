/** The command `npm run check:package` has publint look at what would be published. */
import { dirname } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

/** It knows no other beginning of a program than `#!/usr/bin/env`, which ours has a reason not to have (decision 0016). */
const NOT_MEANT = "BIN_FILE_NOT_EXECUTABLE";

const { messages, pkg } = await publint({ pkgDir: dirname(import.meta.dirname) });
const meant = messages.filter(({ code }) => code !== NOT_MEANT);
for (const message of meant) console.log(`${message.type}: ${formatMessage(message, pkg)}`);
if (meant.some(({ type }) => type === "error")) process.exitCode = 1;

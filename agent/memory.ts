/** How much memory the process takes: a backup must find room beside the work of its host. */
import { setFlagsFromString } from "node:v8";

/**
 * Has V8 collect early. By default it lets a heap whose live part is 30 MB grow to 200, since memory seems plenty. What
 * that buys, and what time it costs, stands in docs/measurements.md. Both flags are read at each collection, so they
 * may be set while the process runs.
 */
export function collectEarly(): void {
  // The space for new objects stays as it begins, instead of doubling up to 32 MB.
  setFlagsFromString("--semi-space-growth-factor=1");
  // The space for old ones is collected when it has grown by a fifth, not by up to three times.
  setFlagsFromString("--heap-growing-percent=20");
}

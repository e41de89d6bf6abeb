/** The largest messages that are served, all of whose objects are missing: what they take of the function's memory. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { MAX_LINES_BYTES } from "#shared/manifest.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import type { DeliveredAlone } from "./deliver-alone.ts";
import { messageBody } from "./delivering.ts";

/** Of the 512 MiB that the function has, what it may take; the rest is for the AWS SDK, and to spare. */
const MOST_MEMORY_MB = 400;
/** As Lambda's own start sets it: nine tenths of the function's memory. */
const HEAP = "--max-old-space-size=460";
const ENTRIES = 20_000;

/** Names in order, each as long as a key can be, of one character. */
const namedBy = (character: string) => (index: number) => {
  const number = String(index).padStart(8, "0");
  const room = 1_024 - number.length;
  return number + character.repeat(Math.floor(room / Buffer.byteLength(character)));
};

const MANIFESTS: Readonly<Record<string, (index: number) => string>> = {
  "the longest keys and ETags": (index) => JSON.stringify([namedBy("k")(index), 1, "e".repeat(256)]),
  "the longest Chinese keys and ETags": (index) => JSON.stringify([namedBy("\u4e00")(index), 1, "\u4e00".repeat(256)]),
  "keys of control characters": (index) => JSON.stringify([namedBy("\u0001")(index), 1, "e"]),
};

describe("the validator's memory", () => {
  for (const [what, lineOf] of Object.entries(MANIFESTS))
    it(`fault 72: is enough for a manifest of ${what}`, (t) => {
      const lines: string[] = [];
      for (let bytes = 0, index = 0; index < ENTRIES; index++) {
        const line = `${lineOf(index)}\n`;
        bytes += Buffer.byteLength(line);
        if (bytes > MAX_LINES_BYTES) break;
        lines.push(line);
      }
      const text = lines.join("");
      const manifest = {
        count: lines.length,
        digest: createHash("sha256").update(text).digest("hex"),
        body: zstdCompressSync(text).toString("base64"),
      };
      const path = join(temporaryFolder(t), "message");
      writeFileSync(path, messageBody([], { manifest }));
      const script = join(import.meta.dirname, "deliver-alone.ts");
      const output = execFileSync(process.execPath, [HEAP, script, path], { encoding: "utf8" });
      const { event, findingsBytes, mostMemoryMb }: DeliveredAlone = JSON.parse(output);
      assert.equal(event, "shard-checked");
      assert.ok(findingsBytes > 20_000_000, `${findingsBytes} bytes of findings`);
      assert.ok(mostMemoryMb < MOST_MEMORY_MB, `${mostMemoryMb} MB`);
      t.diagnostic(`${mostMemoryMb} MB`);
    });
});

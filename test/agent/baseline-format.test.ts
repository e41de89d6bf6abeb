/** Baselines as bytes: what is damaged though all digests fit, as only a program at fault could have written it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { BaselineFile } from "#agent/baseline-file.ts";
import {
  BaselineError,
  type Block,
  decodeBlock,
  encodeHeader,
  encodeIndex,
  encodeTrailer,
} from "#agent/baseline-format.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { RUN } from "../shared/arbitrary.ts";

const SUBJECT = { endpoint: "https://s3.example", bucket: "data", prefix: "p/", directory: "/home/me" };

function blockOf(bytes: Buffer, changes: Partial<Block> = {}): Block {
  const digest = createHash("sha256").update(bytes).digest("hex");
  return {
    ...{ after: null, through: null, covered: true, deletions: "none" },
    ...{ offset: 0, bytes: bytes.length, digest },
    ...changes,
  };
}

suite("A block of a baseline", () => {
  const line = (path: string) => `["${path}",1,"e",1.5,2.5,3]\n`;
  const damaged: [string, Buffer, RegExp][] = [
    ["that is not zstd", Buffer.from("[]\n"), /a block is damaged/],
    ["that holds a gigabyte", zstdCompressSync(Buffer.alloc(2 ** 30)), /a block is damaged/],
    ["whose last line has no end", zstdCompressSync('["a"]'), /a block is damaged/],
    ["with a line that is not JSON", zstdCompressSync("[\n"), /a block is damaged/],
    ["with a line that is null", zstdCompressSync("null\n"), /a block is damaged/],
    ["of a million brackets", zstdCompressSync(`${"[".repeat(500_000)}\n`), /a block is damaged/],
    ["in no order", zstdCompressSync(line("b") + line("a")), /in no order/],
    ["with a path twice", zstdCompressSync(line("a") + line("a")), /in no order/],
    ["with a path outside", zstdCompressSync(line("m")), /outside its block/],
  ];
  for (const [what, bytes, reason] of damaged)
    test(`fault 55: ${what} is refused`, () => {
      assert.throws(
        () => decodeBlock(bytes, blockOf(bytes, what.includes("outside") ? { through: "l" } : {})),
        (error) => error instanceof BaselineError && reason.test(error.message),
      );
    });

  test("fault 55: that lies outside its file is not looked for", async (t) => {
    const bytes = zstdCompressSync(line("a"));
    const header = encodeHeader(SUBJECT, { run: RUN, mountPoint: undefined });
    const offset = header.length;
    const path = join(temporaryFolder(t), "baseline");
    for (const [changes, isFine] of [
      [{}, true],
      [{ bytes: 2 ** 40 }, false],
      [{ offset: offset + 1 }, false],
    ] as const) {
      const index = encodeIndex([blockOf(bytes, { offset, ...changes })]);
      const trailer = encodeTrailer(header, index, offset + bytes.length);
      writeFileSync(path, Buffer.concat([header, bytes, index, trailer]));
      const opened = BaselineFile.open(path, SUBJECT, assert.fail);
      if (!isFine) {
        await assert.rejects(opened, /a block lies outside the file/);
        continue;
      }
      const baseline = await opened;
      assert.deepEqual(
        (await Array.fromAsync(baseline.items())).flat().map((item) => item.path),
        ["a"],
      );
      await baseline.close();
    }
  });
});

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { zstdDecompressSync } from "node:zlib";
import { encodeManifest } from "#shared/manifest.ts";
import { queueName } from "#shared/names.ts";
import { findingsKey, partKey, reportKey, runDigest } from "#shared/report.ts";
import { statusKey } from "#shared/status.ts";
import { answerVersion, CONTRACT_VERSION, readable } from "#shared/version.ts";
import { RUN } from "./arbitrary.ts";
import { SCHEMA_TEXTS } from "./schema-files.ts";

describe("fault 66: the contract's version", () => {
  const table: [string, ReturnType<typeof readable>][] = [
    [CONTRACT_VERSION, "yes"],
    ["1.0", "yes"],
    ["1.9", "yes"],
    ["1.10", "yes"],
    ["2.0", "writer-newer"],
    ["10.0", "writer-newer"],
    ["0.9", "writer-older"],
    ["", "writer-newer"],
    ["1", "writer-newer"],
    ["1.0.0", "writer-newer"],
    ["-1.0", "writer-newer"],
    ["v1.0", "writer-newer"],
    [" 1.0", "writer-newer"],
  ];
  for (const [version, fit] of table)
    test(`[${version}]: ${fit}`, () => {
      assert.equal(readable(version), fit);
    });

  for (const [version, answer] of [
    [CONTRACT_VERSION, CONTRACT_VERSION],
    ["1.9", CONTRACT_VERSION],
    ["2.0", CONTRACT_VERSION],
    ["0.9", "0.9"],
  ] as const)
    test(`an agent of [${version}] is answered in [${answer}]`, () => {
      assert.equal(answerVersion(version), answer);
    });

  test("is bumped when a format changes", () => {
    const { pinned } = JSON.parse(readFileSync(new URL("../fixtures/contract-version.json", import.meta.url), "utf8"));
    const formats = formatsAsText();
    const now = { version: CONTRACT_VERSION, sha256: createHash("sha256").update(formats).digest("hex") };
    assert.deepEqual(
      now,
      pinned,
      `The formats are not those of contract ${pinned.version}. Programs of that version may be deployed:
- a new optional field: raise the minor of CONTRACT_VERSION in shared/version.ts;
- anything else: raise the major, and see that both sides still read the one before;
- only a description, or a version that was never released: leave it.
Then write the schemas again (npm run schemas), add a line to CHANGELOG.md, and pin in
test/fixtures/contract-version.json: ${JSON.stringify({ pinned: now })}`,
    );
  });
});

/** All that a program of another version meets, as text. */
function formatsAsText(): string {
  const { count, digest, body } = encodeManifest([
    { path: "a-b", sizeBytes: 0, etag: "d41d8cd98f00b204e9800998ecf8427e" },
    { path: "a/", unknown: true },
    { path: 'e\u0301\n"\\\u0000\u{1f600}', sizeBytes: 2 ** 53 - 1, etag: "d41d8cd98f00b204e9800998ecf8427e-10000" },
  ]);
  const lines = zstdDecompressSync(Buffer.from(body, "base64")).toString("utf8");
  const shard = { index: 7, last: true };
  const keys = ["", "p/"].flatMap((prefix) => [
    reportKey(prefix, RUN),
    partKey(prefix, RUN, shard),
    partKey(prefix, RUN, { ...shard, last: false }),
    findingsKey(prefix, RUN, shard),
    statusKey(prefix),
  ]);
  const others = [queueName("www.example.com"), runDigest([digest, null]), count, digest];
  return [...SCHEMA_TEXTS.values(), lines, ...keys, ...others].join("\n");
}

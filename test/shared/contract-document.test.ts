import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { decodeManifest, MAX_BODY_BYTES } from "#shared/manifest.ts";
import { decodeMessage } from "#shared/message.ts";
import { assembleReport, decodePart, decodeReport } from "#shared/report.ts";
import { MAX_SHARD_ENTRIES } from "#shared/shard.ts";
import { decodeStatus, nextStatus } from "#shared/status.ts";
import { MAX_KEY_PREFIX_BYTES } from "#shared/target.ts";

const PAGE = readFileSync(new URL("../../docs/contract.md", import.meta.url), "utf8");
const EXAMPLES = [...PAGE.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "");

describe("the examples in docs/contract.md", () => {
  const [message = "", part = "", report = "", status = ""] = EXAMPLES;

  test("are a message, a part, a report and a status", () => assert.equal(EXAMPLES.length, 4));

  test("begin with a message whose manifest is the lines shown", () => {
    const { manifest, shard, prefix } = decodeMessage(message);
    const lines = /^```\n([\s\S]*?)^```$/m.exec(PAGE)?.[1] ?? "";
    const shown = lines
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
      .map(([path, sizeBytes, etag]) => (etag === undefined ? { path, unknown: true } : { path, sizeBytes, etag }));
    assert.deepEqual(decodeManifest(manifest, shard, prefix), shown);
    assert.equal(decodePart(part).manifestDigest, manifest.digest);
  });

  test("follow from each other: part, report, status", () => {
    assert.deepEqual(decodeReport(report), assembleReport([decodePart(part)]));
    assert.deepEqual(decodeStatus(status), nextStatus(undefined, decodeReport(report)));
  });

  test("stand beside the limits of the code", () => {
    for (const limit of [MAX_BODY_BYTES, MAX_SHARD_ENTRIES, MAX_KEY_PREFIX_BYTES])
      assert.ok(PAGE.includes(`| ${limit.toLocaleString("en")}`), `${limit}`);
  });
});

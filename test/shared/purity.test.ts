import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";

const SHARED = new URL("../../shared/", import.meta.url);
const SOURCES = readdirSync(SHARED).filter((file) => file.endsWith(".ts"));

const ALLOWED_IMPORT = /^(#shared\/[a-z-]+\.ts|node:buffer|node:crypto|node:zlib|typebox|typebox\/value)$/;
const IMPORT = /(?:\bfrom|\bimport|\brequire)\s*\(?\s*["'`]([^"'`]+)["'`]/g;

/** What would tie the contract to a machine or a moment. Clock and randomness are parameters. */
const IMPURE: [string, RegExp][] = [
  ["the environment", /\bprocess\b\s*[.[]/],
  ["the clock", /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bperformance\.|\bTemporal\.Now\b/],
  ["timers", /\bset(Timeout|Interval|Immediate)\b/],
  ["randomness", /\bMath\.random\b|\brandom(Bytes|UUID|Int|Fill)\b|\bgetRandomValues\b/],
  ["the network", /\bfetch\(/],
  ["the console", /\bconsole\./],
  ["the order of JavaScript or of a locale", /\.localeCompare\(|\bIntl\./],
];

describe("the contract is pure", () => {
  test("and there is something to read", () => assert.ok(SOURCES.length >= 12));

  for (const file of SOURCES) {
    const source = readFileSync(new URL(file, SHARED), "utf8");
    const code = source.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");

    test(`${file} imports nothing but the contract, bytes, hashes, compression and schemas`, () => {
      for (const [, name] of code.matchAll(IMPORT)) assert.match(name ?? "", ALLOWED_IMPORT);
    });

    for (const [what, pattern] of IMPURE)
      test(`${file} knows nothing of ${what}`, () => assert.doesNotMatch(code, pattern));

    test(`${file} opens by saying what it is for`, () => assert.match(source, /^\/\*\*/));
  }

  test("and names.ts imports nothing at all", () => {
    assert.doesNotMatch(readFileSync(new URL("names.ts", SHARED), "utf8"), /\bimport\b.*\bfrom\b/);
  });
});

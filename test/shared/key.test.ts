import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compareKeys, decodeName, isReserved, keyBytes, lastKeyBelow, MAX_KEY_BYTES } from "#shared/key.ts";
import { byBytes, character, text } from "./arbitrary.ts";

describe("key order", () => {
  test("is the order of the UTF-8 bytes, for any two keys", () => {
    fc.assert(
      fc.property(text, text, text, (stem, left, right) => {
        assert.equal(Math.sign(compareKeys(left, right)), byBytes(left, right));
        assert.equal(Math.sign(compareKeys(stem + left, stem + right)), byBytes(left, right));
      }),
      { numRuns: 1000 },
    );
  });

  const ascending: [string, string][] = [
    ["\ufffd", "\u{1f600}"],
    ["\uffff", "\u{10000}"],
    ["\ue000", "\u{1f600}"],
    ["\ud7ff", "\ue000"],
    ["\ud7ff", "\u{10000}"],
    ["\u{1f600}", "\u{1f601}"],
    ["", "a"],
    ["a", "aa"],
    ["a-b", "a/x"],
    ["a.txt", "a/x"],
    ["e\u0301", "\u00e9"],
  ];
  for (const [lower, higher] of ascending) {
    test(`puts ${JSON.stringify(lower)} before ${JSON.stringify(higher)}`, () => {
      assert.ok(compareKeys(lower, higher) < 0);
      assert.ok(compareKeys(higher, lower) > 0);
      assert.equal(byBytes(lower, higher), -1);
    });
  }
});

describe("a file name", () => {
  test("that is UTF-8 comes back byte for byte", () => {
    fc.assert(fc.property(text, (name) => assert.equal(decodeName(Buffer.from(name, "utf8")), name)));
  });

  test("keeps its byte order mark", () => {
    assert.equal(decodeName(Buffer.from([0xef, 0xbb, 0xbf, 0x61])), "\ufeffa");
  });

  test("fault 36: that is not UTF-8 is no key", () => {
    const bytes = [[0xff], [0x61, 0xe9], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]];
    for (const name of bytes) assert.equal(decodeName(Uint8Array.from(name)), undefined);
  });

  test("that decodes encodes to the same bytes, for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const name = decodeName(bytes);
        if (name !== undefined) assert.deepEqual(Buffer.from(name, "utf8"), Buffer.from(bytes));
      }),
    );
  });
});

describe("the last key below a directory", () => {
  const directory = fc.tuple(text, fc.nat(950)).map(([name, length]) => `${"d".repeat(length)}${name}/`);

  test("is a key, and has no key of the directory after it", () => {
    fc.assert(
      fc.property(directory, fc.string({ unit: character, maxLength: 300 }), text, (directory, long, short) => {
        const last = lastKeyBelow(directory);
        assert.ok(keyBytes(last) <= MAX_KEY_BYTES);
        assert.ok(last.startsWith(directory) && last.isWellFormed());
        const highest = "\u{10ffff}".repeat(long.length);
        for (const name of [long, short, highest, highest + long, `${highest}${short}`]) {
          const key = directory + name;
          if (keyBytes(key) <= MAX_KEY_BYTES) assert.ok(byBytes(key, last) <= 0);
        }
      }),
    );
  });

  test("comes before every later key outside the directory", () => {
    fc.assert(
      fc.property(directory, text, (directory, other) => {
        if (other.startsWith(directory)) return;
        const last = lastKeyBelow(directory);
        assert.equal(byBytes(other, last) > 0, byBytes(other, directory) > 0);
      }),
    );
  });

  test("fills whatever room there is, byte by byte", () => {
    for (let room = 0; room <= 12; room++) assert.equal(keyBytes(lastKeyBelow("d/", 2 + room)), 2 + room);
    assert.equal(lastKeyBelow("longer/", 3), "longer/");
  });
});

test("only what lies below .cback/ is reserved", () => {
  assert.deepEqual([".cback/", ".cback/x", ".cback", ".cback2/", "a/.cback/x", ".cbacj"].map(isReserved), [
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

/** JSON that may be shown, split into lines and put into the script of a page. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { safeJson } from "#shared/safe-json.ts";

describe("safe JSON", () => {
  const table: [unknown, string][] = [
    ["plain ä 漢 \u{1f600}", '"plain ä 漢 \u{1f600}"'],
    ["</script><!--", String.raw`"\u003c/script>\u003c!--"`],
    ["\u001b[2J\u009b2J\u007f", String.raw`"\u001b[2J\u009b2J\u007f"`],
    ["\n\u0085\u2028\u2029", String.raw`"\n\u0085\u2028\u2029"`],
    ["txt.\u202eexe\u200b\ufeff", String.raw`"txt.\u202eexe\u200b\ufeff"`],
    ["filler \u3164", String.raw`"filler \u3164"`],
    ["tag \u{e0041}", String.raw`"tag \udb40\udc41"`],
    ["half \ud83d", String.raw`"half \ud83d"`],
    [{ "a<b": ["<"] }, String.raw`{"a\u003cb":["\u003c"]}`],
  ];
  for (const [value, text] of table) test(`of ${text}`, () => assert.equal(safeJson(value), text));

  test("fault 74: reads back as it was, without a character that anybody but a reader of JSON would obey", () => {
    const unit = fc.oneof(
      fc.constantFrom("<", "\u001b", "\u007f", "\u009b", "\u0085", "\u2028", "\u202e", "\u200b", "\ufeff", "\u{e0041}"),
      fc.string({ minLength: 1, maxLength: 1, unit: "binary" }),
    );
    const value = fc.dictionary(fc.string({ unit }), fc.array(fc.string({ unit })));
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 2), (value, indent) => {
        const text = safeJson(value, indent);
        assert.deepEqual(Object.entries(JSON.parse(text)), Object.entries(value));
        assert.doesNotMatch(text, indent === undefined ? /\p{Cc}/u : /(?!\n)\p{Cc}/u);
        assert.doesNotMatch(text, /<|\p{Cf}|\p{Zl}|\p{Zp}|\p{Cs}/u);
      }),
    );
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { escapeText } from "#agent/escape.ts";

// Written apart from the pattern in escape.ts: by the Unicode properties that make a character dangerous.
const DANGEROUS =
  /\p{Cc}|\p{Bidi_Control}|\p{Zl}|\p{Zp}|\p{Cs}|\ufeff|[\u00ad\u200b\u2060-\u206f\u3164]|[\u{e0000}-\u{e007f}]/u;

const anyText = fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)), maxLength: 50 });
const spicedText = fc.array(
  fc.oneof(fc.constantFrom("\n", "\r", "\u001b[2J", "\u202e", "\u2028", "\u200b", "\u{e0041}", "\ud800", "a"), anyText),
);

for (const [text, shown] of [
  ["plain text, [brackets], C:\\path", "plain text, [brackets], C:\\path"],
  [
    "umlaut \u00e4, emoji \u{1f600}, family \u{1f468}\u200d\u{1f469}",
    "umlaut \u00e4, emoji \u{1f600}, family \u{1f468}\u200d\u{1f469}",
  ],
  ["two\nlines\r\n", "two\\x0alines\\x0d\\x0a"],
  ["\u001b[31mred\u0007", "\\x1b[31mred\\x07"],
  ["\u007f\u0085\u009b", "\\x7f\\x85\\x9b"],
  ["txt.\u202eexe", "txt.\\u{202e}exe"],
  ["\u200e\u200f\u061c\u2066\u2069\ufeff", "\\u{200e}\\u{200f}\\u{61c}\\u{2066}\\u{2069}\\u{feff}"],
  ["line\u2028separator\u2029", "line\\u{2028}separator\\u{2029}"],
  ["in\u200bvisi\u00adble\u3164", "in\\u{200b}visi\\xadble\\u{3164}"],
  ["hidden \u{e0068}\u{e0069}", "hidden \\u{e0068}\\u{e0069}"],
  [
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u2764\ufe0f",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u2764\ufe0f",
  ],
  ["half \ud83d of a pair", "half \\u{d83d} of a pair"],
] as const) {
  test(`fault 37: ${JSON.stringify(text)} is shown as ${shown}`, () => {
    assert.equal(escapeText(text), shown);
  });
}

test("whatever is escaped is one line without controls, bidirectional controls and broken characters", () => {
  fc.assert(
    fc.property(spicedText, (parts) => {
      const shown = escapeText(parts.join(""));
      assert.doesNotMatch(shown, DANGEROUS);
      assert.ok(shown.isWellFormed());
    }),
  );
});

test("escaping twice changes nothing", () => {
  fc.assert(
    fc.property(spicedText, (parts) => {
      const once = escapeText(parts.join(""));
      assert.equal(escapeText(once), once);
    }),
  );
});

/** Lines that fit a screen, in which all that one copies stays in one piece. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { wrap } from "#agent/wrap.ts";

suite("Wrapped text", () => {
  const rows: Array<[text: string, width: number, lines: string[]]> = [
    ["", 10, [""]],
    ["short", 10, ["short"]],
    ["one two three", 7, ["one two", "three"]],
    ["one two three", 13, ["one two three"]],
    ["see https://example.org/a/long/path now", 10, ["see", "https://example.org/a/long/path", "now"]],
    ["in [/home/me/my files/x y] it", 10, ["in", "[/home/me/my files/x y]", "it"]],
    ["run `npx cdk deploy -c bucket=b`; then", 10, ["run", "`npx cdk deploy -c bucket=b`;", "then"]],
    ["an [open bracket", 8, ["an [open", "bracket"]],
    ["  indented text of some length", 14, ["  indented", "  text of some", "  length"]],
  ];
  for (const [text, width, lines] of rows)
    test(`of [${text}] in ${width} columns`, () => assert.deepEqual(wrap(text, width), lines));

  test("keeps every word in its place, and no line is too long that has more than one", () => {
    const words = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "/", "["), minLength: 1, maxLength: 9 }));
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 20 }), (all, width) => {
        const text = all.join(" ");
        const lines = wrap(text, width);
        assert.equal(lines.join(" "), text);
        for (const line of lines) assert.ok(line.length <= width || !line.includes(" "), line);
      }),
    );
  });
});

/** The names of a directory: come back sorted by their bytes, however many and however long they are. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { suite, test } from "node:test";
import fc from "fast-check";
import { DirectoryNames } from "#agent/directory-names.ts";

function sorted(names: readonly string[], kind: "file" | "directory" = "file"): string[] {
  const all = new DirectoryNames();
  for (const name of names) all.add(name, kind);
  return Array.from(all.sorted(), ({ sortName }) => sortName);
}

/** To show how many thousands differ takes minutes. */
function assertSame(actual: readonly string[], expected: readonly string[]): void {
  const at = expected.findIndex((name, index) => name !== actual[index]);
  assert.deepEqual({ at, name: actual[at], count: actual.length }, { at: -1, name: undefined, count: expected.length });
}

suite("The names of a directory", () => {
  test("come back sorted, each once, with what is known of links", () => {
    const names = new DirectoryNames();
    names.add("b", "directory");
    names.add("b", "file", { linkedMs: 7 });
    names.add("b-", "file");
    names.add("a", "file", { fault: "lost" });
    names.add("a", "directory", { fault: "lost" });
    names.add("b-", "file");
    assert.deepEqual(
      [...names.sorted()],
      [
        { sortName: "a", name: "a", kind: "unknown", fault: "lost" },
        { sortName: "a/", name: "a", kind: "unknown", fault: "lost" },
        { sortName: "b", name: "b", kind: "file", linkedMs: 7 },
        { sortName: "b-", name: "b-", kind: "file" },
        { sortName: "b/", name: "b", kind: "directory" },
      ],
    );
  });

  test("keep what was last known of links, however many come after them", () => {
    const names = new DirectoryNames();
    names.add("link", "file", { fault: "early" });
    names.add("link", "file", { linkedMs: 7 });
    names.add("broken", "file", { fault: "lost" });
    names.add("broken", "directory", { fault: "lost" });
    for (let index = 0; index < 70_000; index++) names.add(`${index}`, "file");
    const items = [...names.sorted()];
    assert.equal(items.length, 70_003);
    assert.deepEqual(items.slice(-3), [
      { sortName: "broken", name: "broken", kind: "unknown", fault: "lost" },
      { sortName: "broken/", name: "broken", kind: "unknown", fault: "lost" },
      { sortName: "link", name: "link", kind: "file", linkedMs: 7 },
    ]);
  });

  test("of any bytes are in the order of the bytes", () => {
    const name = fc
      .uint8Array({ min: 1, minLength: 1, maxLength: 9 })
      .map((bytes) => Buffer.from(bytes).toString("latin1"));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 100 }), (names) => {
        assert.deepEqual(sorted(names), [...new Set(names)].sort());
      }),
    );
  });

  test("may be more than one chunk has", () => {
    for (const length of [0, 240]) {
      const names = Array.from({ length: 70_000 }, (_, index) => `${(index * 7_919) % 70_000}-${"ä".repeat(length)}`);
      assertSame(sorted(names), names.toSorted());
      assertSame(sorted(names, "directory"), names.map((name) => `${name}/`).sort());
    }
  });

  test("may be random, and so hardly be compressed", () => {
    const names = Array.from({ length: 40_000 }, () => randomBytes(60).toString("base64url"));
    assertSame(sorted(names), names.toSorted());
  });

  test("may stand twice, in different chunks", () => {
    const names = Array.from({ length: 70_000 }, (_, index) => `${index % 33_000}`);
    assertSame(sorted(names), [...new Set(names)].sort());
  });

  test("may be none", () => {
    assert.deepEqual(sorted([]), []);
  });
});

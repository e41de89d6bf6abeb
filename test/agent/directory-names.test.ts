/** The names of a directory: come back sorted by their bytes, however many and however long they are. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { DirectoryNames } from "#agent/directory-names.ts";

function sorted(names: readonly string[], kind: "file" | "directory" = "file"): string[] {
  const all = new DirectoryNames();
  for (const name of names) all.add(name, kind);
  all.sort();
  return all.slice(0, names.length + 1).map(({ sortName }) => sortName);
}

suite("The names of a directory", () => {
  test("come back sorted, each once, with what is known of links", () => {
    const names = new DirectoryNames();
    names.add("b", "directory");
    names.add("b", "file", { linkedMs: 7 });
    names.add("b-", "file");
    names.add("a", "unknown", { fault: "lost" });
    names.add("a", "unknown directory", { fault: "lost" });
    names.add("b-", "file");
    names.sort();
    assert.deepEqual(names.slice(0, 9), [
      { sortName: "a", name: "a", kind: "unknown", fault: "lost" },
      { sortName: "a/", name: "a", kind: "unknown", fault: "lost" },
      { sortName: "b", name: "b", kind: "file", linkedMs: 7 },
      { sortName: "b-", name: "b-", kind: "file" },
      { sortName: "b/", name: "b", kind: "directory" },
    ]);
    assert.deepEqual(
      names.slice(3, 4).map(({ name }) => name),
      ["b-"],
    );
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

  test("may be more than one piece of memory holds", () => {
    const names = Array.from({ length: 12_000 }, (_, index) => `${(index * 7_919) % 12_000}-${"n".repeat(240)}`);
    assert.deepEqual(sorted(names), names.toSorted());
    assert.deepEqual(sorted(names, "directory"), names.map((name) => `${name}/`).sort());
    assert.deepEqual(sorted([]), []);
  });
});

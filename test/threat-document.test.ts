/** `docs/threat-model.md`: each promise names what proves it, and all that it names is there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "..");
const PAGE = "docs/threat-model.md";
/** Lines are broken anywhere, also within a title. */
const text = unbroken(readFileSync(join(ROOT, PAGE), "utf8"));

/** `` `test/a.test.ts`: "one title", "another" `` */
const CITED = /`([^`\s]+)`: ((?:"[^"]+"(?:, )?)+)/g;

const cited = [...text.matchAll(CITED)].flatMap(([, file = "", titles = ""]) =>
  [...titles.matchAll(/"([^"]+)"/g)].map(([, title = ""]) => ({ file, title })),
);

test("each test that it cites is there, by file and title", () => {
  assert.ok(cited.length > 50, `${cited.length} titles`);
  assert.deepEqual(
    cited.filter(({ file, title }) => !existsSync(join(ROOT, file)) || !titlePattern(title).test(sourceOf(file))),
    [],
  );
});

test("it quotes nothing but titles, each behind its file", () => {
  assert.equal([...text.matchAll(/"[^"]+"/g)].length, cited.length);
});

test("each file that it names is there", () => {
  const named = [...text.matchAll(/`([\w.-]+\/[\w./-]+\.\w+)`/g)].map(([, path = ""]) => path);
  assert.ok(named.length > cited.length / 2);
  assert.deepEqual(
    named.filter((path) => !existsSync(join(ROOT, path))),
    [],
  );
});

test("each page and section that it leads to is there", () => {
  const links = [...text.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)];
  assert.ok(links.length > 5);
  for (const [link, path = "", section] of links) {
    const page = path === "" ? PAGE : join(dirname(PAGE), path);
    assert.ok(existsSync(join(ROOT, page)), link);
    if (section !== undefined) assert.ok(anchorsOf(page).includes(section), link);
  }
});

test("each adversary has powers, promises, what is not promised, and what to do, in this order", () => {
  const sections = text.split(" ## ").slice(2);
  assert.ok(sections.length >= 9);
  for (const section of sections) {
    const parts = [...section.matchAll(/\*\*(Powers|Promised|Not promised|What to do)\b/g)].map(([, part]) => part);
    assert.deepEqual(parts, ["Powers", "Promised", "Not promised", "What to do"], section.slice(0, 60));
  }
});

test("each promise names what proves it", () => {
  const promises = [...text.matchAll(/\*\*Promised\b(.*?)\*\*Not promised/g)].flatMap(([, list = ""]) =>
    list.split(" - ").slice(1),
  );
  assert.ok(promises.length > 30);
  assert.deepEqual(
    promises.filter((promise) => !/`[\w.-]+\/[\w./-]+\.ts`|\]\([\w./-]+\.md/.test(promise)),
    [],
  );
});

function unbroken(page: string): string {
  return page.replaceAll(/\s+/g, " ");
}

function sourceOf(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** A title in a test's source: the whole of a string; what a template fills in is cited as `…`. */
function titlePattern(title: string): RegExp {
  const pieces = title.split("…").map((piece) => piece.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`(["\`])${pieces.join("\\$\\{(?:[^{}]|\\{[^{}]*\\})*\\}")}\\1`);
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  const headings = [...sourceOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

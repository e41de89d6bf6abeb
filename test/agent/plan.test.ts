/** The plan of a shard: its truth tables row by row, and a naive model of it over random walks, baselines, listings. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { BaselineItem } from "#agent/baseline.ts";
import { type Action, type Doubts, planKnown, planListed } from "#agent/plan.ts";
import { type Step, stepsOf } from "#agent/steps.ts";
import type { WalkEntry } from "#agent/walk.ts";
import type { ObjectEntry } from "#shared/entry.ts";
import { stream } from "#test/stream.ts";
import { byBytes } from "../shared/arbitrary.ts";
import { file, HOUR_MS, known, unknown } from "./walked.ts";

const MATCH_MS = 100 * HOUR_MS;
const NO_DOUBTS: Doubts = { objectsSinceMs: undefined, suspects: () => false, checksum: false };
const SINCE_MATCH: Doubts = { ...NO_DOUBTS, objectsSinceMs: MATCH_MS };

function object(path: string, { sizeBytes = 1, modifiedMs = 2 * HOUR_MS, etag = "e" } = {}): ObjectEntry {
  return { path, sizeBytes, etag, modifiedMs };
}

async function steps(entries: readonly WalkEntry[], items: readonly BaselineItem[]): Promise<Step[]> {
  return (await Array.fromAsync(stepsOf(stream(entries), stream(items), ""))).flat();
}

/** The actions for a shard that is listed. */
async function planned(
  entries: readonly WalkEntry[],
  objects: readonly ObjectEntry[],
  doubts: Doubts = NO_DOUBTS,
  items: readonly BaselineItem[] = [],
): Promise<Action[]> {
  return (await Array.fromAsync(planListed(await steps(entries, items), stream(objects), doubts))).flat();
}

function shown(action: Action): string {
  const { path } = "file" in action ? action.file : "entry" in action ? action.entry : action;
  const was = "was" in action && action.was !== undefined ? `, ${action.was}` : "";
  const drift = "isDrift" in action && action.isDrift ? " by others" : "";
  return `${action.do} ${path}${was}${drift}`;
}

interface Row {
  readonly title: string;
  readonly source?: WalkEntry;
  readonly item?: BaselineItem;
  readonly target?: ObjectEntry;
  readonly doubts?: Doubts;
  readonly action: readonly string[];
}

const WITHOUT_LISTING: readonly Row[] = [
  { title: "the same file is kept", source: file("a"), item: known("a"), action: ["keep a"] },
  { title: "a file that nobody knows is sent", source: file("a"), action: ["send a"] },
  {
    title: "a file of another size is sent",
    source: file("a", { sizeBytes: 2 }),
    item: known("a"),
    action: ["send a"],
  },
  {
    title: "a file of another mtime is compared",
    source: file("a", { modifiedMs: 2, changedMs: 1 }),
    item: known("a", { modifiedMs: 1, changedMs: 1 }),
    action: ["compare a"],
  },
  {
    title: "fault 57: a file of another ctime is compared, whatever its mtime",
    source: file("a", { changedMs: 2 }),
    item: known("a", { changedMs: 1 }),
    action: ["compare a"],
  },
  {
    title: "fault 57: a file from the future that is the same is kept",
    source: file("a", { modifiedMs: 1_000 * HOUR_MS, changedMs: 1 }),
    item: known("a", { modifiedMs: 1_000 * HOUR_MS, changedMs: 1 }),
    action: ["keep a"],
  },
  {
    title: "another inode with the same times is compared",
    source: file("a", { inode: 2 }),
    item: known("a"),
    action: ["compare a"],
  },
  {
    title: "fault 57: a file that changed about when it was looked at is compared",
    source: file("a"),
    item: known("a", { changedMs: Number.NaN }),
    action: ["compare a"],
  },
  {
    title: "the same file is compared when checksums are asked for",
    source: file("a"),
    item: known("a"),
    doubts: { ...NO_DOUBTS, checksum: true },
    action: ["compare a"],
  },
  {
    title: "a file whose object was to be deleted is sent over it",
    source: file("a"),
    item: { path: "a", gone: true },
    action: ["send a, changed"],
  },
  { title: "a file that vanished is removed", item: known("a"), action: ["remove a"] },
  { title: "what was to be deleted is removed", item: { path: "a", gone: true }, action: ["remove a"] },
  {
    title: "an unknown file is noted, and its object stays",
    source: unknown("a"),
    item: known("a"),
    action: ["note a"],
  },
];

const LISTED: readonly Row[] = [
  { title: "a file without an object is sent", source: file("a"), action: ["send a, missing"] },
  {
    title: "a file of another size is sent",
    source: file("a"),
    target: object("a", { sizeBytes: 2 }),
    action: ["send a, changed"],
  },
  {
    title: "a file of the same size, older than the object, is kept",
    source: file("a"),
    target: object("a"),
    action: ["keep a"],
  },
  {
    title: "a file five seconds older than the object is kept",
    source: file("a", { modifiedMs: 2 * HOUR_MS - 5_000 }),
    target: object("a"),
    action: ["keep a"],
  },
  {
    title: "fault 57: a file nearly as new as the object is compared, for clocks differ and are coarse",
    source: file("a", { modifiedMs: 2 * HOUR_MS - 4_999 }),
    target: object("a"),
    action: ["compare a, changed"],
  },
  {
    title: "a file whose content was set in place after the object, with its old time, is compared",
    source: file("a", { changedMs: 2 * HOUR_MS + 1 }),
    target: object("a"),
    action: ["compare a, changed"],
  },
  {
    title: "an old file that a link or a directory put in place after the object is compared",
    source: file("a", { placedMs: 2 * HOUR_MS + 1 }),
    target: object("a"),
    action: ["compare a, changed"],
  },
  {
    title: "fault 57: a file from the future is compared",
    source: file("a", { modifiedMs: 1_000 * HOUR_MS }),
    target: object("a"),
    action: ["compare a, changed"],
  },
  {
    title: "any file is compared when checksums are asked for",
    source: file("a"),
    target: object("a"),
    doubts: { ...NO_DOUBTS, checksum: true },
    action: ["compare a, changed"],
  },
  {
    title: "a suspected object is compared",
    source: file("a"),
    target: object("a"),
    doubts: { ...NO_DOUBTS, suspects: (path) => path === "a" },
    action: ["compare a, changed"],
  },
  {
    title: "an object written after the last match is compared",
    source: file("a"),
    target: object("a", { modifiedMs: MATCH_MS + 1 }),
    doubts: SINCE_MATCH,
    action: ["compare a, changed"],
  },
  {
    title: "an object written about when the last match was found is compared",
    source: file("a"),
    target: object("a", { modifiedMs: MATCH_MS - 4_999 }),
    doubts: SINCE_MATCH,
    action: ["compare a, changed"],
  },
  {
    title: "an object written well before the last match is kept",
    source: file("a"),
    target: object("a", { modifiedMs: MATCH_MS - 5_000 }),
    doubts: SINCE_MATCH,
    action: ["keep a"],
  },
  {
    title: "an object of another size is sent over, however suspect",
    source: file("a"),
    target: object("a", { sizeBytes: 0 }),
    doubts: { ...SINCE_MATCH, suspects: () => true },
    action: ["send a, changed"],
  },
  {
    title: "the same file is kept when its object is the one that was sent, however new that is",
    source: file("a", { modifiedMs: 9 * HOUR_MS }),
    item: known("a", { modifiedMs: 9 * HOUR_MS }),
    target: object("a", { modifiedMs: 200 * HOUR_MS }),
    doubts: SINCE_MATCH,
    action: ["keep a"],
  },
  {
    title: "the same file is compared when checksums are asked for, whatever its object is",
    source: file("a"),
    item: known("a"),
    target: object("a"),
    doubts: { ...NO_DOUBTS, checksum: true },
    action: ["compare a, changed"],
  },
  {
    title: "fault 56: the same file is sent when its object is another one",
    source: file("a"),
    item: known("a"),
    target: object("a", { etag: "other" }),
    action: ["send a, changed by others"],
  },
  {
    title: "fault 56: the same file is sent when its object is of another size, whatever its ETag",
    source: file("a"),
    item: known("a"),
    target: object("a", { sizeBytes: 2 }),
    action: ["send a, changed by others"],
  },
  {
    title: "fault 56: the same file is sent when its object is missing",
    source: file("a"),
    item: known("a"),
    action: ["send a, missing by others"],
  },
  {
    title: "a file that was another one is compared, however old it is",
    source: file("a"),
    item: known("a", { inode: 2 }),
    target: object("a"),
    action: ["compare a, changed"],
  },
  {
    title: "a file in a hole is compared, however old it is",
    source: file("a"),
    item: { path: "a", unknown: true },
    target: object("a"),
    action: ["compare a, changed"],
  },
  {
    title: "an unknown file is noted, and its object stays",
    source: unknown("a"),
    target: object("a"),
    action: ["note a"],
  },
  { title: "an unknown file without an object is noted", source: unknown("a"), action: ["note a"] },
  { title: "an object without a file is extra", target: object("a"), action: ["remove a"] },
  { title: "an object of a file that vanished is extra", item: known("a"), target: object("a"), action: ["remove a"] },
  { title: "without its object a file that vanished is nothing", item: known("a"), action: [] },
  {
    title: "an object in a hole without a file is extra",
    item: { path: "a", unknown: true },
    target: object("a"),
    action: ["remove a"],
  },
  { title: "a hole without an object is nothing", item: { path: "a", unknown: true }, action: [] },
  { title: "an empty object without a file is extra", target: object("a", { sizeBytes: 0 }), action: ["remove a"] },
  { title: "a folder marker stays", target: object("a/", { sizeBytes: 0 }), action: [] },
  { title: "the target's own folder marker stays", target: object("", { sizeBytes: 0 }), action: [] },
  { title: "an object with content whose key ends in a slash is extra", target: object("a/"), action: ["remove a/"] },
];

suite("Without a listing", () => {
  for (const { title, source, item, doubts = NO_DOUBTS, action } of WITHOUT_LISTING)
    test(title, async () => {
      const taken = await steps(source === undefined ? [] : [source], item === undefined ? [] : [item]);
      assert.deepEqual([...planKnown(taken, doubts)].map(shown), action);
    });

  test("fault 27: what is below an unknown directory stays, its neighbours do not", async () => {
    const items = ["d", "d-", "d/", "d/a", "d/b/c", "d0", "dx/y"].map((path) => known(path));
    const actions = [...planKnown(await steps([unknown("d/")], items), NO_DOUBTS)];
    assert.deepEqual(actions.map(shown), ["remove d", "remove d-", "note d/", "remove d0", "remove dx/y"]);
  });

  test("a file below a directory that was unknown is in a hole, one beside it is not", async () => {
    const entries = ["d", "d/a", "d/b/c", "d0"].map((path) => file(path));
    const taken = await steps(entries, [{ path: "d/", unknown: true }]);
    assert.deepEqual(
      taken.map((step) => [step.what === "file" ? step.path : step.what, step.what === "file" && step.inHole]),
      [
        ["d", false],
        ["d/a", true],
        ["d/b/c", true],
        ["unlisted", false],
        ["d0", false],
      ],
    );
  });

  test("a hole that could be read is unlisted up to its end, also where nothing is left in it", async () => {
    const holes = ["a", "d/", "d/e/", "z/"].map((path) => ({ path, unknown: true }) as const);
    const taken = await steps([file("b"), unknown("z/")], holes);
    assert.deepEqual(
      taken.map((step) => [step.what, step.path.slice(0, 3)]),
      [
        ["unlisted", "a"],
        ["file", "b"],
        ["unlisted", "d/\u{10ffff}".slice(0, 3)],
        ["unknown", "z/"],
      ],
    );
    assert.throws(() => [...planKnown(taken, NO_DOUBTS)], /^RangeError: a shard with a hole has to be listed$/);
  });

  test("a file that was leaving when deletions began is in a hole, whatever it is like", async () => {
    const entries = [file("a"), file("b", { modifiedMs: 1 })];
    const taken = await steps(entries, [
      { ...known("a"), leaving: true },
      { ...known("b"), leaving: true },
    ]);
    assert.deepEqual(
      taken.map((step) => step.what === "file" && step.inHole),
      [true, true],
    );
  });
});

suite("With a listing", () => {
  for (const { title, source, item, target, doubts = NO_DOUBTS, action } of LISTED)
    test(title, async () => {
      const actions = await planned(
        source === undefined ? [] : [source],
        target === undefined ? [] : [target],
        doubts,
        item === undefined ? [] : [item],
      );
      assert.deepEqual(actions.map(shown), action);
    });
});

test("fault 27: objects below an unknown directory stay, its neighbours do not", async () => {
  const objects = ["d", "d-", "d/", "d/a", "d/b/c", "d0", "dx/y"].map((path) => object(path));
  const actions = await planned([unknown("d/")], objects);
  assert.deepEqual(actions.map(shown), ["remove d", "remove d-", "note d/", "remove d0", "remove dx/y"]);
});

test("fault 33: a dangling link leaves both the file and the directory of its name alone", async () => {
  const objects = ["l", "l-", "l/a", "l/b", "m"].map((path) => object(path));
  const actions = await planned([unknown("l"), unknown("l/")], objects);
  assert.deepEqual(actions.map(shown), ["note l", "remove l-", "note l/", "remove m"]);
});

const path = fc
  .array(fc.constantFrom("a", "b", "-", "é", "\u{1f600}", "\ufffd"), { minLength: 1, maxLength: 3 })
  .map((segments) => segments.join("/"));

test("is what a naive model says, for any walk and any listing", async () => {
  const someTime = fc.nat(3).map((time) => time * 3_000);
  const files = fc.uniqueArray(fc.record({ path, sizeBytes: fc.nat(1), modifiedMs: someTime }), {
    selector: (one) => one.path,
  });
  const unknowns = fc.uniqueArray(
    fc.tuple(path, fc.boolean()).map(([one, isDirectory]) => (isDirectory ? `${one}/` : one)),
  );
  const objects = fc.uniqueArray(
    fc.record({
      path: fc.oneof(
        path,
        path.map((one) => `${one}/`),
      ),
      sizeBytes: fc.nat(1),
      modifiedMs: someTime,
    }),
    { selector: (one) => one.path },
  );
  await fc.assert(
    fc.asyncProperty(files, unknowns, objects, async (someFiles, someUnknowns, someObjects) => {
      const directories = someUnknowns.filter((one) => one.endsWith("/"));
      // A walk yields nothing below what it could not read.
      const below = (one: string) => directories.some((directory) => one !== directory && one.startsWith(directory));
      const taken = new Set(someUnknowns);
      const entries: WalkEntry[] = [
        ...someUnknowns.filter((one) => !below(one)).map(unknown),
        ...someFiles.filter((one) => !below(one.path) && !taken.has(one.path)).map((one) => file(one.path, one)),
      ].sort((left, right) => byBytes(left.path, right.path));
      const listed = someObjects
        .map((one) => object(one.path, one))
        .sort((left, right) => byBytes(left.path, right.path));
      const byPath = new Map(listed.map((one) => [one.path, one]));
      const expected = entries.map((entry) => {
        if ("unknown" in entry) return `note ${entry.path}`;
        const there = byPath.get(entry.path);
        if (there === undefined) return `send ${entry.path}, missing`;
        if (there.sizeBytes !== entry.sizeBytes) return `send ${entry.path}, changed`;
        return entry.modifiedMs + 5_000 > there.modifiedMs ? `compare ${entry.path}, changed` : `keep ${entry.path}`;
      });
      const known = new Set(entries.map((entry) => entry.path));
      for (const one of listed) {
        const marker = one.sizeBytes === 0 && one.path.endsWith("/");
        if (!known.has(one.path) && !marker && !below(one.path)) expected.push(`remove ${one.path}`);
      }
      const actions = await planned(entries, listed);
      assert.deepEqual(actions.map(shown).sort(), expected.sort());
    }),
  );
});

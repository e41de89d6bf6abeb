/** The plan of a shard: its truth table row by row, and a naive model of it over random walks and listings. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { type Action, type Evidence, plan } from "#agent/plan.ts";
import type { WalkEntry, WalkedFile, WalkedUnknown } from "#agent/walk.ts";
import type { ObjectEntry } from "#shared/entry.ts";
import { byBytes } from "../shared/arbitrary.ts";

const HOUR_MS = 3_600_000;
const PROVEN_MS = 100 * HOUR_MS;
const NOTHING_PROVEN: Evidence = { objectsProvenMs: undefined, filesProvenMs: undefined, suspects: () => false };
const PROVEN: Evidence = { ...NOTHING_PROVEN, objectsProvenMs: PROVEN_MS };
const FILES_PROVEN: Evidence = { ...PROVEN, filesProvenMs: PROVEN_MS };

function file(path: string, facts: Partial<WalkedFile> = {}): WalkedFile {
  const { sizeBytes = 1, modifiedMs = HOUR_MS, changedMs = modifiedMs } = facts;
  return { path, location: `/${path}`, sizeBytes, modifiedMs, changedMs };
}

function unknown(path: string): WalkedUnknown {
  return { path, unknown: true, location: `/${path}`, cause: undefined, reason: "unreadable-file" };
}

function object(path: string, { sizeBytes = 1, modifiedMs = 2 * HOUR_MS } = {}): ObjectEntry {
  return { path, sizeBytes, etag: "e", modifiedMs };
}

async function* stream<E>(entries: readonly E[]): AsyncGenerator<E, void, undefined> {
  yield* entries;
}

async function planned(entries: readonly WalkEntry[], objects: readonly ObjectEntry[], evidence: Evidence) {
  const actions: Action[] = [];
  for await (const action of plan(entries, stream(objects), evidence)) actions.push(action);
  return actions;
}

function shown(action: Action): string {
  const { path } = "file" in action ? action.file : "unknown" in action ? action.unknown : action.object;
  return `${action.do} ${path}`;
}

interface Row {
  readonly title: string;
  readonly source?: WalkEntry;
  readonly target?: ObjectEntry;
  readonly evidence?: Evidence;
  readonly action: readonly string[];
}

const ROWS: readonly Row[] = [
  { title: "a file without an object is sent", source: file("a"), action: ["send a"] },
  {
    title: "a file of another size is sent",
    source: file("a"),
    target: object("a", { sizeBytes: 2 }),
    action: ["send a"],
  },
  {
    title: "a file of the same size, older than the object, is kept",
    source: file("a"),
    target: object("a"),
    action: ["keep a"],
  },
  {
    title: "a file as old as the object is kept",
    source: file("a", { modifiedMs: 2 * HOUR_MS }),
    target: object("a"),
    action: ["keep a"],
  },
  {
    title: "a file newer than the object is compared",
    source: file("a", { modifiedMs: 2 * HOUR_MS + 1 }),
    target: object("a"),
    action: ["compare a"],
  },
  {
    title: "a file whose content was set in place after the object, with its old time, is compared",
    source: file("a", { changedMs: 2 * HOUR_MS + 1 }),
    target: object("a"),
    action: ["compare a"],
  },
  {
    title: "a file changed after its last proof is compared, however old its content says it is",
    source: file("a", { changedMs: PROVEN_MS + 1 }),
    target: object("a"),
    evidence: FILES_PROVEN,
    action: ["compare a"],
  },
  {
    title: "a file changed about when its last proof began is compared",
    source: file("a", { changedMs: PROVEN_MS - 4_999 }),
    target: object("a"),
    evidence: FILES_PROVEN,
    action: ["compare a"],
  },
  {
    title: "a file not changed since its last proof is kept, even if it is newer than the object",
    source: file("a", { modifiedMs: 1_000 * HOUR_MS, changedMs: PROVEN_MS - 5_000 }),
    target: object("a"),
    evidence: FILES_PROVEN,
    action: ["keep a"],
  },
  {
    title: "fault 57: a file from the future is compared",
    source: file("a", { modifiedMs: 1_000 * HOUR_MS }),
    target: object("a"),
    action: ["compare a"],
  },
  {
    title: "a suspected object is compared",
    source: file("a"),
    target: object("a"),
    evidence: { ...NOTHING_PROVEN, suspects: (path) => path === "a" },
    action: ["compare a"],
  },
  {
    title: "an object written after the last proof is compared",
    source: file("a"),
    target: object("a", { modifiedMs: PROVEN_MS + 1 }),
    evidence: PROVEN,
    action: ["compare a"],
  },
  {
    title: "an object written about when the proof was made is compared",
    source: file("a"),
    target: object("a", { modifiedMs: PROVEN_MS - 4_999 }),
    evidence: PROVEN,
    action: ["compare a"],
  },
  {
    title: "an object written well before the last proof is kept",
    source: file("a"),
    target: object("a", { modifiedMs: PROVEN_MS - 5_000 }),
    evidence: PROVEN,
    action: ["keep a"],
  },
  {
    title: "an object of another size is sent over, however suspect",
    source: file("a"),
    target: object("a", { sizeBytes: 0 }),
    evidence: { ...FILES_PROVEN, suspects: () => true },
    action: ["send a"],
  },
  {
    title: "an unknown file is noted, and its object stays",
    source: unknown("a"),
    target: object("a"),
    action: ["note a"],
  },
  { title: "an unknown file without an object is noted", source: unknown("a"), action: ["note a"] },
  { title: "an object without a file is extra", target: object("a"), action: ["remove a"] },
  { title: "an empty object without a file is extra", target: object("a", { sizeBytes: 0 }), action: ["remove a"] },
  { title: "a folder marker stays", target: object("a/", { sizeBytes: 0 }), action: [] },
  { title: "the target's own folder marker stays", target: object("", { sizeBytes: 0 }), action: [] },
  { title: "an object with content whose key ends in a slash is extra", target: object("a/"), action: ["remove a/"] },
];

suite("Truth table", () => {
  for (const { title, source, target, evidence = NOTHING_PROVEN, action } of ROWS)
    test(title, async () => {
      const actions = await planned(
        source === undefined ? [] : [source],
        target === undefined ? [] : [target],
        evidence,
      );
      assert.deepEqual(actions.map(shown), action);
    });
});

test("fault 27: objects below an unknown directory stay, its neighbours do not", async () => {
  const objects = ["d", "d-", "d/", "d/a", "d/b/c", "d0", "dx/y"].map((path) => object(path));
  const actions = await planned([unknown("d/")], objects, NOTHING_PROVEN);
  assert.deepEqual(actions.map(shown), ["remove d", "remove d-", "note d/", "remove d0", "remove dx/y"]);
});

test("fault 33: a dangling link leaves both the file and the directory of its name alone", async () => {
  const objects = ["l", "l-", "l/a", "l/b", "m"].map((path) => object(path));
  const actions = await planned([unknown("l"), unknown("l/")], objects, NOTHING_PROVEN);
  assert.deepEqual(actions.map(shown), ["note l", "remove l-", "note l/", "remove m"]);
});

const path = fc
  .array(fc.constantFrom("a", "b", "-", "é", "\u{1f600}", "\ufffd"), { minLength: 1, maxLength: 3 })
  .map((segments) => segments.join("/"));

test("is what a naive model says, for any walk and any listing", async () => {
  const files = fc.uniqueArray(fc.record({ path, sizeBytes: fc.nat(1), modifiedMs: fc.nat(3) }), {
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
      modifiedMs: fc.nat(3),
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
        if (there === undefined || there.sizeBytes !== entry.sizeBytes) return `send ${entry.path}`;
        return `${entry.modifiedMs > there.modifiedMs ? "compare" : "keep"} ${entry.path}`;
      });
      const known = new Set(entries.map((entry) => entry.path));
      for (const one of listed) {
        const marker = one.sizeBytes === 0 && one.path.endsWith("/");
        if (!known.has(one.path) && !marker && !below(one.path)) expected.push(`remove ${one.path}`);
      }
      const actions = await planned(entries, listed, NOTHING_PROVEN);
      assert.deepEqual(actions.map(shown).sort(), expected.sort());
    }),
  );
});

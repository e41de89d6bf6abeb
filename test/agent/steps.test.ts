/** The steps of a pass: a naive model of them over random walks and baselines, and what is remembered of those left over. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { type BaselineItem, isGone, isHole, type KnownFile } from "#agent/baseline.ts";
import { type Action, planKnown } from "#agent/plan.ts";
import { leftItemOf, type Step, stepsOf } from "#agent/steps.ts";
import type { WalkEntry } from "#agent/walk.ts";
import { keyBytes, lastKeyBelow, MAX_KEY_BYTES } from "#shared/key.ts";
import { stream } from "#test/stream.ts";
import { byBytes, keyPrefix } from "../shared/arbitrary.ts";
import { file, known, unknown } from "./walked.ts";

async function steps(walked: readonly WalkEntry[], items: readonly BaselineItem[], prefix = ""): Promise<Step[]> {
  return (await Array.fromAsync(stepsOf(stream(walked), stream(items), prefix))).flat();
}

function ascending<E extends { path: string }>(entries: readonly E[]): E[] {
  return entries.toSorted((left, right) => byBytes(left.path, right.path));
}

// Few names, so that walk and baseline often tell of the same file, and of files beside and below each other.
const path = fc
  .array(fc.constantFrom("a", "a-", "\u{1f600}"), { minLength: 1, maxLength: 3 })
  .map((segments) => segments.join("/"));
const placed = <E extends { path: string }>(entry: fc.Arbitrary<E>) =>
  fc.uniqueArray(entry, { selector: (one) => one.path, maxLength: 20 });
const directory = path.map((one) => `${one}/`);
const sizeBytes = fc.nat(1);

/** Nothing lies below what could not be read. */
const walks: fc.Arbitrary<WalkEntry[]> = placed<WalkEntry>(
  fc.oneof(
    { arbitrary: fc.tuple(path, sizeBytes).map(([one, size]) => file(one, { sizeBytes: size })), weight: 3 },
    { arbitrary: fc.oneof(path, directory).map(unknown), weight: 1 },
  ),
).map((entries) => {
  const directories = entries.filter(({ path }) => path.endsWith("/"));
  return ascending(
    entries.filter((entry) => !directories.some((one) => one !== entry && entry.path.startsWith(one.path))),
  );
});
const files: fc.Arbitrary<BaselineItem> = fc.tuple(path, sizeBytes, fc.boolean()).map(([one, size, leaves]) => ({
  ...known(one, { sizeBytes: size }),
  ...(leaves ? { leaving: true as const } : {}),
}));
const gones: fc.Arbitrary<BaselineItem> = fc.oneof(path, directory).map((one) => ({ path: one, gone: true }));
const holes: fc.Arbitrary<BaselineItem> = fc.oneof(path, directory).map((one) => ({ path: one, unknown: true }));
const baselines = placed(fc.oneof(files, gones, holes)).map(ascending);
const baselinesWithoutHoles = placed(fc.oneof(files, gones)).map(ascending);

/** The table of `agent/steps.ts`, read for one path after the other, whatever lies around it. */
function naiveSteps(walked: readonly WalkEntry[], items: readonly BaselineItem[], prefix: string): Step[] {
  const walkedAt = new Map(walked.map((entry) => [entry.path, entry]));
  const itemAt = new Map(items.map((item) => [item.path, item]));
  const isBelow = (path: string, entries: readonly { path: string }[]) =>
    entries.some((one) => one.path.endsWith("/") && path !== one.path && path.startsWith(one.path));
  const holesThere = items.filter(isHole);
  const unread = walked.filter((entry) => "unknown" in entry);
  const paths = [...new Set([...walkedAt.keys(), ...itemAt.keys()])];
  const found = paths.flatMap((path): Step[] => {
    const entry = walkedAt.get(path);
    const item = itemAt.get(path);
    const before = item === undefined || isHole(item) || isGone(item) ? undefined : item;
    if (entry === undefined) {
      if (item === undefined || isBelow(path, unread)) return [];
      if (!isHole(item)) return [{ what: "gone", path, known: before }];
      if (isBelow(path, holesThere)) return [];
      return [
        { what: "unlisted", path: path.endsWith("/") ? lastKeyBelow(path, MAX_KEY_BYTES - keyBytes(prefix)) : path },
      ];
    }
    if ("unknown" in entry) return [{ what: "unknown", path, unknown: true, entry, known: before }];
    if (before !== undefined && !before.leaving && before.sizeBytes === entry.sizeBytes)
      return [{ what: "same", path, sizeBytes: entry.sizeBytes, file: before }];
    const inHole =
      before === undefined
        ? (item !== undefined && isHole(item)) || isBelow(path, holesThere)
        : before.leaving === true;
    const isThere = item !== undefined && isGone(item);
    return [{ what: "file", path, sizeBytes: entry.sizeBytes, file: entry, known: before, inHole, isThere }];
  });
  return ascending(found);
}

suite("The steps of a pass", () => {
  test("are what a naive model says, in key order, for any walk and any baseline", async () => {
    await fc.assert(
      fc.asyncProperty(walks, baselines, keyPrefix, async (walked, items, prefix) => {
        assert.deepEqual(await steps(walked, items, prefix), naiveSteps(walked, items, prefix));
      }),
      { numRuns: 500 },
    );
  });

  test("reach to the highest key below a directory that is to be listed again", async () => {
    const [step] = await steps([], [{ path: "d/", unknown: true }], "p/");
    assert.equal(keyBytes(`p/${step?.path}`), MAX_KEY_BYTES);
  });
});

test("A file that is known is in no hole, though all around it is", async () => {
  const walked = [file("d/a", { sizeBytes: 2 }), file("d/b", { sizeBytes: 2 })];
  const taken = await steps(walked, [{ path: "d/", unknown: true }, known("d/a")]);
  assert.deepEqual(
    taken.map((step) => step.what === "file" && [step.path, step.inHole]),
    [["d/a", false], ["d/b", true], false],
  );
});

suite("Of a step that the pass did not come to", () => {
  const leaving: KnownFile = { ...known("a"), leaving: true };
  const rows: readonly {
    readonly title: string;
    readonly source?: WalkEntry;
    readonly item?: BaselineItem;
    readonly left: BaselineItem | undefined;
  }[] = [
    { title: "the same file is remembered as it was", source: file("a"), item: known("a"), left: known("a") },
    { title: "a new file is not remembered", source: file("a"), left: undefined },
    {
      title: "a file that has changed is remembered as it was",
      source: file("a", { sizeBytes: 2 }),
      item: known("a"),
      left: known("a"),
    },
    {
      title: "a file that came back while its object was to be deleted is so still",
      source: file("a"),
      item: leaving,
      left: leaving,
    },
    {
      title: "an object to be deleted is remembered where there is a file again",
      source: file("a"),
      item: { path: "a", gone: true },
      left: { path: "a", gone: true },
    },
    {
      title: "a file that could not be read is remembered as it was",
      source: unknown("a"),
      item: known("a"),
      left: known("a"),
    },
    {
      title: "one that nobody knows is a hole: the bucket may have it",
      source: unknown("a"),
      left: { path: "a", unknown: true },
    },
    { title: "a file that vanished is leaving", item: known("a"), left: leaving },
    { title: "an object to be deleted still is", item: { path: "a", gone: true }, left: { path: "a", gone: true } },
    { title: "a hole is left to the listing", item: { path: "a", unknown: true }, left: undefined },
  ];
  for (const { title, source, item, left } of rows)
    test(title, async () => {
      const [step, ...more] = await steps(source === undefined ? [] : [source], item === undefined ? [] : [item]);
      assert.ok(step !== undefined && more.length === 0);
      assert.deepEqual(leftItemOf(step), left);
    });

  test("as much is remembered as it takes for the next pass to do the same", async () => {
    const shown = (actions: Iterable<Action>) =>
      Array.from(actions, (action) => {
        const { path } = "file" in action ? action.file : "entry" in action ? action.entry : action;
        return [action.do, path, "was" in action && action.was];
      });
    await fc.assert(
      fc.asyncProperty(walks, baselinesWithoutHoles, async (walked, items) => {
        const taken = await steps(walked, items);
        const left = taken.map(leftItemOf).filter((item) => item !== undefined);
        const again = await steps(walked, left);
        const plan = (some: readonly Step[]) => shown(planKnown(some, { checksum: false }));
        assert.deepEqual(plan(again), plan(taken));
      }),
    );
  });
});

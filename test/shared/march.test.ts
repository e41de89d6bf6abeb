import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Entry } from "#shared/entry.ts";
import { type Entries, march, OrderError } from "#shared/march.ts";
import { byBytes, text } from "./arbitrary.ts";

const entriesOf = (paths: Iterable<string>): Entry[] => [...paths].map((path) => ({ path }));
const ascendingPaths = fc.uniqueArray(text, { maxLength: 20 }).map((paths) => paths.sort(byBytes));

async function stepsOf(source: Entries<Entry>, target: Entries<Entry>): Promise<[string | null, string | null][]> {
  const steps = (await Array.fromAsync(march(source, target))).flat();
  return steps.map((step) => [step.source?.path ?? null, step.target?.path ?? null]);
}

/** So many at a time; then the rest, one by one. */
async function* arrivingOf(paths: Iterable<string>, sizes: readonly number[]): AsyncGenerator<Entry[]> {
  const entries = entriesOf(paths);
  for (const size of sizes) yield entries.splice(0, size);
  for (const entry of entries) yield [entry];
}

describe("march", () => {
  const table: [string, string, [string | null, string | null][]][] = [
    ["", "", []],
    ["a", "", [["a", null]]],
    ["", "a", [[null, "a"]]],
    ["a", "a", [["a", "a"]]],
    [
      "ab",
      "bc",
      [
        ["a", null],
        ["b", "b"],
        [null, "c"],
      ],
    ],
    [
      "ac",
      "b",
      [
        ["a", null],
        [null, "b"],
        ["c", null],
      ],
    ],
  ];
  for (const [source, target, steps] of table) {
    test(`of [${source}] and [${target}] has ${steps.length} steps`, async () => {
      assert.deepEqual(await stepsOf(entriesOf(source), entriesOf(target)), steps);
    });
  }

  test("yields every path of either side once, in order, with what each side has", async () => {
    await fc.assert(
      fc.asyncProperty(ascendingPaths, ascendingPaths, async (source, target) => {
        const all = [...new Set([...source, ...target])].sort(byBytes);
        const expected = all.map((path) => [source.includes(path) ? path : null, target.includes(path) ? path : null]);
        assert.deepEqual(await stepsOf(entriesOf(source), entriesOf(target)), expected);
      }),
    );
  });

  test("yields the same of what arrives later, some at a time", async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        ascendingPaths,
        ascendingPaths,
        sizes,
        sizes,
        async (source, target, sourceSizes, targetSizes) => {
          const expected = await stepsOf(entriesOf(source), entriesOf(target));
          const arriving = await stepsOf(arrivingOf(source, sourceSizes), arrivingOf(target, targetSizes));
          assert.deepEqual(arriving, expected);
        },
      ),
    );
    const torn = arrivingOf(["a", "c", "b"], [2, 1]);
    await assert.rejects(stepsOf(torn, []), OrderError, "from one batch to the next");
    await assert.rejects(stepsOf(arrivingOf(["b", "a"], [2]), []), OrderError, "within a batch");
  });

  test("yields what can be compared before it waits for more", async () => {
    const never = new Promise<never>(() => {});
    async function* stuck(): AsyncGenerator<Entry[]> {
      yield entriesOf("ac");
      await never;
    }
    const { value } = await march(stuck(), arrivingOf("abd", [3])).next();
    assert.deepEqual(
      value?.map(({ source, target }) => `${source?.path ?? ""}${target?.path ?? ""}`),
      ["aa", "b", "c"],
    );
  });

  test("refuses a side that does not ascend or repeats a path, and names it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 2, maxLength: 8 }), ascendingPaths, async (unsorted, sorted) => {
        fc.pre(unsorted.some((path, index) => index > 0 && byBytes(unsorted[index - 1] ?? "", path) >= 0));
        const refusal = (side: RegExp) => (error: unknown) => error instanceof OrderError && side.test(String(error));
        const [source, target] = [/^OrderError: the source does not ascend/, /^OrderError: the target does not ascend/];
        await assert.rejects(stepsOf(entriesOf(unsorted), entriesOf(sorted)), refusal(source));
        await assert.rejects(stepsOf(entriesOf(sorted), entriesOf(unsorted)), refusal(target));
      }),
    );
    await assert.rejects(stepsOf(entriesOf(["a", "a"]), []), OrderError);
    await assert.rejects(stepsOf([], entriesOf(["\u{1f600}", "\ufffd"])), OrderError);
  });

  async function* watched(paths: Iterable<string>, name: string, closed: string[]): AsyncGenerator<Entry[]> {
    try {
      yield* arrivingOf(paths, []);
    } finally {
      closed.push(name);
    }
  }

  test("closes both inputs when its reader stops early", async () => {
    const closed: string[] = [];
    for await (const _ of march(watched("abc", "source", closed), watched("abc", "target", closed))) break;
    assert.deepEqual(closed, ["source", "target"]);
  });

  test("closes the other input when one fails", async () => {
    const closed: string[] = [];
    const steps = Array.fromAsync(march(watched("abc", "source", closed), watched("aa", "target", closed)));
    await assert.rejects(steps, OrderError);
    assert.deepEqual(closed.sort(), ["source", "target"]);
  });
});

/** A small share of what `npm run sim` does, in a few seconds: the pinned seeds, some more, and a few kill points. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { PINNED_SEEDS } from "./pinned-seeds.ts";
import { runInMiniature } from "./sources.ts";

const SEEDS = 200;
const SEEDS_FROM = 1_000_000;
/** One of so many kill points. */
const KILL_POINT_STRIDE = 100;

runInMiniature();
const { playSeed } = await import("./scenario.ts");
const { sweep } = await import("./kill-points.ts");

suite("The simulation", () => {
  for (const { seed, found } of PINNED_SEEDS)
    test(`seed ${seed}: ${found}`, async () => {
      assert.equal((await playSeed(seed)).violation, undefined);
    });

  test(`${SEEDS} seeds keep all invariants`, async () => {
    let runs = 0;
    for (let seed = SEEDS_FROM; seed < SEEDS_FROM + SEEDS; seed++) {
      const told = await playSeed(seed);
      assert.equal(told.violation, undefined, `npm run sim -- --seed ${seed}`);
      runs += told.runs;
    }
    assert.ok(runs > 4 * SEEDS);
  });

  test("a seed is the same each time it is played", async () => {
    const play = async () => {
      const lines: string[] = [];
      await playSeed(SEEDS_FROM, (text) => lines.push(text));
      return lines;
    };
    const first = await play();
    assert.ok(first.length > 100);
    assert.deepEqual(await play(), first);
  });

  test("fault 52: a run that is killed loses nothing, and the next one makes all right", async () => {
    const { points, violations } = await sweep(1, KILL_POINT_STRIDE);
    assert.deepEqual(violations, []);
    assert.ok(points >= 15);
  });
});

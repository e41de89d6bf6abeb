/**
 * A run over many shards, killed after each of its calls in turn: the next run makes the bucket what the source is, and
 * nothing is lost on the way there.
 */
import { bytesOf, newContent } from "./changes.ts";
import { runUndisturbed } from "./expected.ts";
import { Violation } from "./observer.ts";
import { Random } from "./random.ts";
import { QUIET, type RunPlan, SOURCE } from "./run-plan.ts";
import { World } from "./world.ts";

export interface Swept {
  readonly points: number;
  readonly violations: readonly string[];
}

const TIMEOUT = "--timeout=20m";
const PAUSE_MS = 20_000;
const FILES = 60;
const FOLDERS = ["folder-1", "folder-2", bytesOf("\u00e9")];
const TRAITS = { prefix: "p/", shardEntries: 3, pageSize: 5, encrypted: false, tickMs: 0, reusesInodes: true };

/**
 * @param seed of the tree, its changes, and the order of all calls
 * @param stride one of so many points is tried
 */
export async function sweep(seed: number, stride = 1): Promise<Swept> {
  const violations: string[] = [];
  // The run that is not killed says how many points there are.
  const whole = await killed(seed, undefined, false);
  let points = 0;
  for (let calls = 0; calls < whole; calls += stride) {
    for (const losesPower of [false, true]) {
      points += 1;
      try {
        await killed(seed, calls, losesPower);
      } catch (error) {
        violations.push(`killed after ${calls} calls${losesPower ? ", without power" : ""}: ${messageOf(error)}`);
      }
    }
  }
  return { points, violations };
}

/** @returns how many calls the run has made that is to be killed */
async function killed(seed: number, crashAfter: number | undefined, losesPower: boolean): Promise<number> {
  const random = new Random(seed);
  const world = new World(random, TRAITS);
  for (const folder of FOLDERS) world.disk.makeDirectory(`${SOURCE}/${folder}`);
  for (let index = 0; index < FILES; index++) world.disk.write(pathOf(index), newContent(random));
  world.scheduler.nowMs += PAUSE_MS;
  const undisturbed = (...switches: string[]) => {
    const plan: RunPlan = { ...QUIET, switches: [TIMEOUT, ...switches] };
    return runUndisturbed(world, plan.switches, () => world.run(plan));
  };
  await undisturbed();
  // Something of everything: to send, to compare, to keep, to delete; known to the baseline, and not.
  for (let index = 0; index < FILES; index += 4) world.disk.remove(pathOf(index));
  for (let index = 1; index < FILES; index += 4) world.disk.write(pathOf(index), newContent(random));
  for (let index = 2; index < FILES; index += 8) world.disk.setModified(pathOf(index), world.hostNowMs);
  for (let index = FILES; index < FILES + 10; index++) world.disk.write(pathOf(index), newContent(random));
  for (const name of ["extra", "folder-1/extra", "zzz"]) {
    world.bucket.place(`p/${name}`, "of others");
    world.observer.foreign(`p/${name}`);
  }
  world.scheduler.nowMs += PAUSE_MS;
  const ran = await world.run({ ...QUIET, switches: [TIMEOUT], crashAfter, losesPower });
  if (ran.ending !== "success" && ran.ending !== "crashed") throw new Violation(`the run ends with ${ran.ending}`);
  world.scheduler.nowMs += PAUSE_MS;
  await undisturbed();
  world.scheduler.nowMs += PAUSE_MS;
  const { requests } = world.observer;
  await undisturbed();
  if (world.observer.requests !== requests) throw new Violation("I6: the second run after it has something to do");
  return ran.calls;
}

function pathOf(index: number): string {
  return `${SOURCE}/${FOLDERS[index % FOLDERS.length]}/file-${String(index).padStart(3, "0")}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** One seed: a world, what happens in it step by step, and at the end the proof that all comes right again. */
import { changeBucket, editSource, linkElsewhere, lockDirectory, mend, prepare, takeAway } from "./changes.ts";
import { runUndisturbed } from "./expected.ts";
import { Violation } from "./observer.ts";
import { Random } from "./random.ts";
import { HOST, QUIET, type Ran, type RunPlan, SOURCE, type Traits } from "./run-plan.ts";
import { World } from "./world.ts";

export interface Told {
  readonly steps: number;
  readonly runs: number;
  readonly crashes: number;
  readonly violation: string | undefined;
}

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
/** After this no file is new any more (see RACY_MS in agent/baseline.ts). */
const PAUSE_MS = 20_000;
const LONG_TIMEOUT = "--timeout=20m";

const STEPS = {
  edit: 5,
  foreign: 3,
  run: 5,
  "disturbed run": 5,
  forget: 2,
  "come back": 0.8,
  clock: 0.6,
  time: 1,
  drain: 0.5,
} as const;

export async function playSeed(seed: number, trace: (text: string) => void = () => {}): Promise<Told> {
  const scenario = new Scenario(seed, trace);
  try {
    await scenario.play();
    return { ...scenario.told, violation: undefined };
  } catch (error) {
    const violation =
      error instanceof Violation ? error.message : error instanceof Error ? `${error.stack}` : `${error}`;
    return { ...scenario.told, violation };
  }
}

class Scenario {
  readonly #random: Random;
  readonly #world: World;
  /** Whether the host loses what it remembers, in this world. */
  readonly #canForget: boolean;
  /** Whether the host's clock lags far behind the bucket's: then it must remember all, for no times can do instead. */
  readonly #lags: boolean;
  readonly #trace: (text: string) => void;
  /** What is on the host: earlier baselines. */
  readonly #copies: Buffer[] = [];
  readonly told = { steps: 0, runs: 0, crashes: 0 };

  constructor(seed: number, trace: (text: string) => void) {
    this.#random = new Random(seed);
    this.#trace = trace;
    this.#canForget = this.#random.chance(0.4);
    this.#lags = !this.#canForget && this.#random.chance(0.15);
    this.#world = new World(this.#random, this.#traits());
    this.#world.trace = trace;
    this.#world.hostOffsetMs = (this.#random.fraction() - 0.5) * 5_000;
  }

  #traits(): Traits {
    const random = this.#random;
    const traits = {
      prefix: random.pick(["", "p/", "p/q/"]),
      shardEntries: random.pick([1, 2, 3, 5, 50]),
      pageSize: random.pick([1, 2, 5, 1_000]),
      encrypted: random.chance(0.15),
      tickMs: random.pick([0, 0, 1, 2_000]),
      reusesInodes: random.chance(0.5),
    };
    this.#trace(JSON.stringify({ ...traits, canForget: this.#canForget }));
    return traits;
  }

  async play(): Promise<void> {
    const random = this.#random;
    const world = this.#world;
    prepare(world);
    for (let count = random.below(14); count > 0; count--) editSource(world, "pause", this.#canForget);
    this.#populate();
    for (let count = random.between(3, 9); count > 0; count--) await this.#step();
    await this.#converge();
  }

  /** What is in the bucket before the first run: nothing, or what others have put there. */
  #populate(): void {
    const { bucket, traits, disk, observer } = this.#world;
    for (const key of ["other", "p2/a", "q", "p"]) if (traits.prefix !== "") bucket.place(key, "of others");
    if (this.#random.chance(0.6)) return;
    for (const [path, content] of disk.truth(SOURCE).files)
      if (this.#random.chance(0.6)) {
        bucket.place(traits.prefix + path, content);
        observer.foreign(traits.prefix + path);
      }
    for (let count = this.#random.below(4); count > 0; count--) changeBucket(this.#world, this.#canForget);
    // What was there before the first run is no damage, but the user's wish to have it replaced.
    observer.touched.clear();
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const world = this.#world;
    const step = random.weighted(STEPS);
    this.told.steps += 1;
    this.#trace(`${step} at ${(world.scheduler.nowMs / SECOND_MS) % 100_000}`);
    switch (step) {
      case "edit":
        for (let count = random.between(1, 4); count > 0; count--)
          this.#note(editSource(world, "pause", this.#canForget));
        break;
      case "foreign":
        for (let count = random.between(1, 3); count > 0; count--) this.#note(changeBucket(world, this.#canForget));
        break;
      case "run": {
        const switches = [LONG_TIMEOUT, ...random.pick(SWITCHES)];
        await runUndisturbed(world, switches, () => this.#run({ ...QUIET, switches }));
        break;
      }
      case "disturbed run":
        await this.#run(this.#disturbed());
        break;
      case "forget":
        this.#forget();
        break;
      case "come back":
        await this.#comeBack();
        break;
      case "clock":
        if (this.#lags) world.hostOffsetMs = -random.below(HOUR_MS);
        // With KMS a file from the future is sent by each run, until its time has come.
        else if (!world.traits.encrypted)
          world.hostOffsetMs = world.hostOffsetMs > HOUR_MS / 2 ? 0 : random.pick([HOUR_MS, 30 * HOUR_MS]);
        break;
      case "time":
        world.scheduler.nowMs += random.pick([SECOND_MS, 6 * SECOND_MS, HOUR_MS, 100 * HOUR_MS]);
        break;
      case "drain":
        await world.drain(QUIET);
        break;
    }
  }

  /** What only the very order of a few things shows, and chance alone hardly brings about. */
  async #comeBack(): Promise<void> {
    const random = this.#random;
    const world = this.#world;
    const switches = [LONG_TIMEOUT];
    const run = () => runUndisturbed(world, switches, () => this.#run({ ...QUIET, switches }));
    world.scheduler.nowMs += PAUSE_MS;
    const rewriteSome = () => {
      for (let count = 3; count > 0; count--) this.#note(editSource(world, "pause", this.#canForget, "rewrite"));
    };
    if (this.#canForget) {
      // Changed within the second in which it was sent, and nothing remembered or proven: times hardly tell it.
      rewriteSome();
      await this.#run({ ...QUIET, switches, crashAfter: random.between(20, 70) });
      rewriteSome();
      for (const path of [...world.files.files.keys()]) if (isBaseline(path)) world.files.files.delete(path);
      world.observer.forgetful = true;
    } else if (random.chance(0.4)) {
      // Between the walk's look at a file and its reading another one takes its place, and it the other's.
      const lead = linkElsewhere(world);
      lead(0);
      const end = random.between(2, 60);
      const meanwhile = new Map([
        [random.below(end), () => lead(1)],
        [end, () => lead(0)],
      ]);
      await this.#run({ ...QUIET, switches, meanwhile });
      world.scheduler.nowMs += PAUSE_MS;
    } else {
      await run();
      const bringBack = takeAway(world);
      const interruptsDeletions = random.chance(0.5);
      await this.#run({ ...QUIET, switches, interruptsDeletions, refusals: interruptsDeletions ? 0 : 1 });
      // Of the files in it, nothing tells that they were away; of their objects, that they may be.
      if (interruptsDeletions) bringBack();
    }
    await run();
  }

  #note(text: string): void {
    this.#trace(`  ${JSON.stringify(text)}`);
  }

  #disturbed(): RunPlan {
    const random = this.#random;
    const some = (probability: number, rate: number) => (random.chance(probability) ? random.fraction() * rate : 0);
    const meanwhile = new Map<number, () => void>();
    const end = random.pick([20, 60, 150]);
    for (let count = random.pick([0, 1, 2, 5]); count > 0; count--) {
      const isEdit = random.chance(0.6);
      meanwhile.set(random.below(end), () =>
        this.#note(
          isEdit ? editSource(this.#world, "run", this.#canForget) : changeBucket(this.#world, this.#canForget),
        ),
      );
    }
    const fate = this.#lags ? "none" : random.weighted({ none: 5, crash: 3, interrupt: 2 });
    return {
      host: HOST,
      switches: [random.pick(["--timeout=30s", LONG_TIMEOUT]), ...random.pick(SWITCHES)],
      crashAfter: fate === "crash" ? random.below(end) : undefined,
      losesPower: random.chance(0.5),
      interruptAfter: fate === "interrupt" ? random.below(end) : undefined,
      interruptsDeletions: false,
      requestFaults: this.#lags ? 0 : some(0.4, 0.08),
      refusals: some(0.3, 0.4),
      readFaults: some(0.2, 0.05),
      // A clock that ticks in seconds hides it.
      rewrites: this.#world.traits.tickMs < SECOND_MS ? some(0.2, 0.2) : 0,
      hostFaults: this.#lags ? 0 : some(0.1, 0.05),
      validatorFaults: some(0.3, 0.15),
      validatorCrashes: some(0.2, 0.4),
      validatorWorks: !random.chance(0.08),
      queueHabits: {
        twice: some(0.4, 0.5),
        late: some(0.3, 0.5),
        latestMs: random.pick([10 * SECOND_MS, 2 * HOUR_MS]),
      },
      forges: random.chance(0.08),
      meanwhile,
    };
  }

  async #run(plan: RunPlan): Promise<Ran> {
    this.told.runs += 1;
    this.#trace(`  run ${plan.switches.join(" ")}`);
    const ran = await this.#world.run(plan);
    if (ran.ending === "crashed") this.told.crashes += 1;
    for (const [path, { bytes }] of this.#world.files.files) if (isBaseline(path)) this.#copies.push(bytes);
    return ran;
  }

  /** The host loses its baseline, or has a wrong one. */
  #forget(): void {
    const { files, observer } = this.#world;
    const random = this.#random;
    const known = [...files.files].find(([path]) => isBaseline(path));
    if (!this.#canForget || known === undefined) return;
    const [path, content] = known;
    observer.forgetful = true;
    const kind = random.weighted({ lose: 2, "flip a bit": 4, "cut off": 1, "an old copy": 2, "of another target": 1 });
    this.#trace(`  ${kind}`);
    if (kind === "lose") files.files.delete(path);
    else if (kind === "an old copy") content.bytes = random.pick(this.#copies);
    else if (kind === "cut off") content.bytes = content.bytes.subarray(0, random.below(content.bytes.length));
    else if (kind === "of another target")
      content.bytes = Buffer.from(
        content.bytes.toString("latin1").replace('"bucket":"data"', '"bucket":"dada"'),
        "latin1",
      );
    else {
      const bytes = Buffer.from(content.bytes);
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      content.bytes = bytes;
    }
  }

  /** All is well again: a clean run makes the bucket what the source is, and the next ones have nothing to do. */
  async #converge(): Promise<void> {
    const world = this.#world;
    this.#trace("all is well again");
    if (Math.abs(world.hostOffsetMs) > PAUSE_MS) world.hostOffsetMs = 0;
    mend(world);
    world.scheduler.nowMs += PAUSE_MS;
    const run = async (...switches: string[]) => {
      const all = [LONG_TIMEOUT, ...switches];
      const ran = await runUndisturbed(world, all, () => this.#run({ ...QUIET, switches: all }));
      if (ran.ending !== "success") throw new Violation(`I6: a clean run ends with ${ran.ending}`);
      world.scheduler.nowMs += PAUSE_MS;
      return ran;
    };
    await run();
    // What was adopted by its size and time alone must be found by its content. With KMS that means to send it again.
    await run("--checksum");
    if (world.traits.encrypted) await run();
    const requests = world.observer.requests;
    await run();
    if (world.observer.requests !== requests)
      throw new Violation("I6: a run over an unchanged tree sends, lists or deletes");
    await run("-v");
    // With KMS no ETag tells elsewhere what the content is.
    if (!world.traits.encrypted) {
      const { ending } = await this.#run({ ...QUIET, host: "elsewhere", switches: [LONG_TIMEOUT, "-v"] });
      if (ending !== "success") throw new Violation(`a check from elsewhere ends with ${ending}`);
    }
    // What it hides lies in one shard, wherever that begins and ends.
    lockDirectory(world);
    await runUndisturbed(world, [LONG_TIMEOUT], () => this.#run({ ...QUIET, switches: [LONG_TIMEOUT] }));
    mend(world);
    await run();
  }
}

function isBaseline(path: string): boolean {
  return /^\/state\/baselines\/[0-9a-f]{64}$/.test(path);
}

const SWITCHES: readonly (readonly string[])[] = [
  [],
  [],
  [],
  ["-v"],
  ["-v"],
  ["-u"],
  ["-w"],
  ["--checksum"],
  ["--allow-empty-source"],
];

/**
 * What must be true, whatever happens: sees all that agent and validator do, and holds it against what source and bucket
 * really held. Numbers are those of the invariants in docs/reliability.md.
 */
import { createHash } from "node:crypto";
import { zstdDecompressSync } from "node:zlib";
import type { Options } from "#agent/options.ts";
import type { MemoryObject } from "../agent/memory-bucket.ts";
import type { Truth } from "./memory-disk.ts";
import { type Ending, type RunPlan, SOURCE } from "./run-plan.ts";
import type { World } from "./world.ts";

/** Something that must never be was. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** What a delivery saw, path by path. */
interface Delivery {
  listed(key: string): void;
  written(key: string, text: string): void;
}

interface Sent {
  readonly index: number;
  readonly after: string | null;
  readonly through: string | null;
  readonly last: boolean;
  readonly digest: string;
  readonly listsExtras: boolean;
  readonly known: Map<string, { readonly etag: string }>;
  readonly unknown: Set<string>;
}

/** One pass of a run: its messages, by shard. */
interface Pass {
  readonly run: string;
  readonly sent: Map<number, Sent>;
  hasDeleted: boolean;
}

export class Observer {
  readonly #world: World;
  /** What the validator saw when it wrote a part, by the part's key without "-last". */
  readonly #proofs = new Map<string, ReadonlyMap<string, MemoryObject>>();
  /** Keys that something else than an acknowledged request of an ended run has changed since the last proof. */
  readonly touched = new Set<string>();
  /** Whether the host may remember wrongly, or nothing: then anything may have to be repaired. */
  forgetful = false;
  /** Objects of others that size and time make look like the source's, while nothing was ever proven. */
  readonly adoptable = new Set<string>();
  /** What the validator did that must never be: it takes what is thrown for a fault of S3, and tries again. */
  violation: Violation | undefined;
  /** Requests of all runs that list, write or delete. */
  requests = 0;
  #watching: RunWatch | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** What another client did to a key. */
  foreign(key: string): void {
    this.touch(key);
    if (this.everProven) this.adoptable.delete(key);
    else this.adoptable.add(key);
  }

  touch(key: string): void {
    this.touched.add(key);
    this.#watching?.touched.add(key);
  }

  /** After a change of the source. */
  sourceChanged(): void {
    this.#watching?.see();
  }

  get everProven(): boolean {
    const { prefix } = this.#world.traits;
    const key = prefix === "" ? ".cback/status.json" : `.cback/status/${prefix.slice(0, -1)}.json`;
    const text = this.#world.bucket.objects.get(key)?.body.toString("utf8");
    return text !== undefined && JSON.parse(text).latestMatch !== null;
  }

  beginRun(plan: RunPlan, options: Options): RunWatch {
    this.#watching = new RunWatch(this.#world, this, plan, options);
    return this.#watching;
  }

  beginDelivery(): Delivery {
    const seen = new Map<string, MemoryObject>();
    const { bucket, traits } = this.#world;
    return {
      listed: (key) => {
        const object = bucket.objects.get(key);
        if (object !== undefined && key.startsWith(traits.prefix)) seen.set(key.slice(traits.prefix.length), object);
      },
      written: (key, text) => {
        if (!key.startsWith(".cback/")) this.violation ??= new Violation(`I8: the validator writes [${key}]`);
        if (/\/part-\d{5}(-last)?\.json$/.test(key)) this.#proofs.set(key.replace("-last.json", ".json"), seen);
        if (key.startsWith(".cback/status")) this.#checkStatus(key, text);
      },
    };
  }

  readonly #statuses = new Map<string, string>();

  /** An older run never takes the place of a newer one. */
  #checkStatus(key: string, text: string): void {
    const before = this.#statuses.get(key);
    this.#statuses.set(key, text);
    if (before === undefined) return;
    const [old, now] = [JSON.parse(before), JSON.parse(text)];
    if (now.latest.run < old.latest.run)
      this.violation ??= new Violation(`I2: the status goes back from ${old.latest.run}`);
    if (old.latestMatch !== null && (now.latestMatch === null || now.latestMatch.run < old.latestMatch.run))
      this.violation ??= new Violation(`I2: the status forgets the match of ${old.latestMatch.run}`);
  }

  proof(run: string, index: number): ReadonlyMap<string, MemoryObject> | undefined {
    const { prefix } = this.#world.traits;
    return this.#proofs.get(`.cback/runs/${prefix}${run}/part-${String(index).padStart(5, "0")}.json`);
  }
}

/** What is watched of one run of the agent. */
export class RunWatch {
  readonly #world: World;
  readonly #observer: Observer;
  readonly #plan: RunPlan;
  readonly #options: Options;
  /** What the source held, from the beginning to the end. */
  readonly truths: Truth[] = [];
  readonly touched: Set<string>;
  /** Uploads in parts that the agent knows of. */
  readonly uploads = new Set<string>();
  readonly #passes: Pass[] = [];
  readonly #written = new Set<string>();
  readonly #forgetful: boolean;
  readonly #filesBefore: ReadonlySet<string>;
  #counts: { entries: number; states: number } | undefined;

  constructor(world: World, observer: Observer, plan: RunPlan, options: Options) {
    this.#world = world;
    this.#observer = observer;
    this.#plan = plan;
    this.#options = options;
    this.touched = new Set(observer.touched);
    this.#forgetful = observer.forgetful;
    this.#filesBefore = new Set(world.files.files.keys());
    this.see();
  }

  see(): void {
    this.truths.push(this.#world.disk.truth(SOURCE));
  }

  get #pass(): Pass {
    const pass = this.#passes.at(-1);
    if (pass === undefined) throw new Violation("something is done before a run has its name");
    return pass;
  }

  uncertain(keys: readonly string[]): void {
    for (const key of keys) this.#observer.touch(key);
  }

  list(): void {
    this.#observer.requests += 1;
    if (this.#pass.hasDeleted) throw new Violation("I1: it lists after it has begun to delete");
  }

  put(key: string, body: Uint8Array): void {
    this.#observer.requests += 1;
    this.#written.add(key);
    this.#observer.adoptable.delete(key);
    const path = this.#pathOf(key);
    if (this.#options.verifyOnly) throw new Violation(`--verifyOnly writes [${key}]`);
    if (this.#pass.hasDeleted) throw new Violation(`I1: [${key}] is sent after deletions have begun`);
    if (!this.#held(path).some((content) => content.equals(body)))
      throw new Violation(`I4: [${key}] gets what the source never held there: [${Buffer.from(body)}]`);
  }

  remove(key: string): void {
    this.#observer.requests += 1;
    this.#written.add(key);
    this.#pass.hasDeleted = true;
    const path = this.#pathOf(key);
    const { verifyOnly, uploadOnly, allowEmptySource } = this.#options;
    if (verifyOnly || uploadOnly) throw new Violation(`[${key}] is deleted where the switches forbid it`);
    const object = this.#world.bucket.objects.get(key);
    // Others may have put it in the place of an object that was to be deleted.
    const isMarker = object?.body.length === 0 && key.endsWith("/");
    if (isMarker && !this.touched.has(key)) throw new Violation(`the folder marker [${key}] is deleted`);
    if (this.truths.every(({ files }) => files.has(path)))
      throw new Violation(`I1: [${key}] is deleted, and is no extra`);
    if (this.truths.every(({ unknown }) => isUnknown(path, unknown)))
      throw new Violation(`I1: [${key}] is deleted, though nobody knows what belongs there`);
    if (this.truths.every(({ hidden }) => hidden))
      throw new Violation(`I1: [${key}] is deleted, though the source could not be read as a whole`);
    if (!allowEmptySource && this.truths.every(({ files }) => files.size === 0))
      throw new Violation(`I1: [${key}] is deleted for an empty source`);
  }

  send(body: string): void {
    const message = JSON.parse(body);
    const { shard, manifest, run, extras } = message;
    if (run !== this.#pass.run) throw new Violation("I2: a message is sent in another run's name");
    const text = zstdDecompressSync(Buffer.from(manifest.body, "base64")).toString("utf8");
    const lines = text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
    const sent: Sent = {
      ...shard,
      digest: createHash("sha256").update(text).digest("hex"),
      listsExtras: extras === "listed",
      known: new Map(lines.filter((line) => line.length > 1).map(([path, , etag]) => [path, { etag }])),
      unknown: new Set(lines.filter((line) => line.length === 1).map(([path]) => path)),
    };
    this.#pass.sent.set(sent.index, sent);
    if (this.#plan.forges) this.#world.queue.send(forged(message));
    this.#world.queue.send(body);
  }

  line(text: string): void {
    const [, run] = /^Run \[(.*)\]: /.exec(text) ?? [];
    if (run !== undefined) this.#passes.push({ run, sent: new Map(), hasDeleted: false });
    const [, repaired, was] = /^Repaired \[([\s\S]*)\]: it was (\w+)\.$/.exec(text) ?? [];
    if (repaired !== undefined) {
      const key = this.#world.traits.prefix + repaired;
      const isExcused = this.#forgetful || this.#observer.forgetful || this.#isChanged(repaired);
      if (!isExcused && !this.touched.has(key))
        throw new Violation(`[${key}] is said to be repaired (${was}), and nobody has damaged it`);
    }
    if (text.startsWith("What this run sent cannot be remembered")) this.#observer.forgetful = true;
    const [, entries, states] = /^Source: (\d+) entr[^:]*: (.*)\.$/.exec(text) ?? [];
    if (entries !== undefined && states !== undefined) {
      const counts = states.split(", ").map((state) => Number.parseInt(state, 10));
      this.#counts = { entries: Number(entries), states: counts.reduce((sum, count) => sum + count, 0) };
    }
  }

  end(ending: Ending): void {
    const { bucket, files } = this.#world;
    if (ending === "crashed") {
      // What it did not come to remember is as good as somebody else's.
      for (const key of this.#written) this.#observer.touch(key);
      if (this.#plan.losesPower) this.#observer.forgetful = true;
    } else {
      const left = [...files.files.keys()].filter((path) => !isBaselineOrOlder(path, this.#filesBefore));
      if (left.length > 0) throw new Violation(`the run leaves ${left.join(", ")} behind`);
    }
    for (const uploadId of this.uploads)
      if (ending !== "crashed" && bucket.uploads.has(uploadId))
        throw new Violation("parts of an upload are left behind");
    if (ending === "success") this.#checkSuccess();
    if (ending === "success" || ending === "incomplete") this.#checkProofs();
  }

  /** I3, and I2: the report that ends a run with 0 is about what it sent. */
  #checkSuccess(): void {
    const { bucket, traits } = this.#world;
    const { run, sent } = this.#pass;
    if (this.#counts === undefined || this.#counts.entries !== this.#counts.states)
      throw new Violation("I3: the states do not add up to the entries");
    const text = bucket.objects.get(`.cback/reports/${traits.prefix}${run}.json`)?.body.toString("utf8");
    if (text === undefined) throw new Violation("I2: success without a report");
    const report = JSON.parse(text);
    const digest = createHash("sha256");
    for (let index = 0; index < sent.size; index++) digest.update(`${sent.get(index)?.digest}\n`);
    if (report.run !== run || report.verdict !== "match" || report.shards !== sent.size)
      throw new Violation("I2: success by a report of another run, or without a match");
    if (report.digest !== digest.digest("hex")) throw new Violation("I2: success by a report about other manifests");
  }

  /** I2: what is said to be in the bucket was there, as the source held it, when the validator looked. */
  #checkProofs(): void {
    const { traits } = this.#world;
    const { run, sent } = this.#pass;
    const told = new Set<string>();
    for (const { index, known, unknown, listsExtras } of sent.values()) {
      // Who forges a message is answered instead: only a report about other manifests can then be believed.
      if (this.#plan.forges) return;
      const proof = this.#observer.proof(run, index);
      if (proof === undefined) throw new Violation(`I2: nobody has checked shard ${index}`);
      for (const path of known.keys()) {
        told.add(path);
        const shown = proof.get(path);
        if (shown === undefined) throw new Violation(`I2: [${path}] is said to be in the bucket, and is not`);
        if (this.#held(path).some((content) => content.equals(shown.body))) continue;
        if (this.#mayBeAdopted(path)) continue;
        throw new Violation(`I2: [${path}] is said to be as in the source, and is [${shown.body}]`);
      }
      if (listsExtras) continue;
      const { after, through } = sent.get(index) as Sent;
      for (const [path, { body }] of proof) {
        if (known.has(path) || isUnknown(path, unknown) || !inShard(path, after, through)) continue;
        if (!isData(traits.prefix + path, body)) continue;
        throw new Violation(`I2: [${path}] is in the bucket and in no manifest, and nobody says so`);
      }
    }
    const [first, ...others] = this.truths;
    const unknown = new Set([...sent.values()].flatMap((shard) => [...shard.unknown]));
    for (const path of first?.files.keys() ?? []) {
      if (told.has(path) || others.some(({ files }) => !files.has(path))) continue;
      if (isUnknown(path, unknown)) continue;
      throw new Violation(`I2: [${path}] was in the source all the time, and is in no manifest`);
    }
  }

  /** Size and time alone decide about objects of others as long as no run was ever proven (decision 0007). */
  #mayBeAdopted(path: string): boolean {
    const key = this.#world.traits.prefix + path;
    return !this.#options.checksum && this.#observer.adoptable.has(key);
  }

  /** All that the source has held at a path since the run began. */
  #held(path: string): Buffer[] {
    return this.truths.flatMap(({ files }) => files.get(path) ?? []);
  }

  /** Whether the source was changed at a path since the run began: between two passes nobody can tell who did what. */
  #isChanged(path: string): boolean {
    return new Set(this.truths.map(({ files }) => files.get(path)?.toString("latin1"))).size > 1;
  }

  #pathOf(key: string): string {
    const { prefix } = this.#world.traits;
    if (!key.startsWith(prefix) || key.startsWith(".cback/"))
      throw new Violation(`[${key}] is not the run's to change`);
    return key.slice(prefix.length);
  }
}

/** A run that was killed may leave files behind, one that ended none but its baseline. */
function isBaselineOrOlder(path: string, before: ReadonlySet<string>): boolean {
  return before.has(path) || /^\/state(-of-\w+)?\/baselines\/[0-9a-f]{64}$/.test(path);
}

/** Whether a path is, or lies below, something that nobody could read. */
export function isUnknown(path: string, unknown: ReadonlySet<string>): boolean {
  return unknown.has(path) || [...unknown].some((other) => other.endsWith("/") && path.startsWith(other));
}

/** Whether an object is somebody's data, and neither the validator's own nor a folder marker. */
export function isData(key: string, body: Buffer): boolean {
  return !key.startsWith(".cback/") && !(body.length === 0 && (key === "" || key.endsWith("/")));
}

function inShard(path: string, after: string | null, through: string | null): boolean {
  const bytes = Buffer.from(path);
  const isAfter = after === null || Buffer.compare(bytes, Buffer.from(after)) > 0;
  return isAfter && (through === null || Buffer.compare(bytes, Buffer.from(through)) <= 0);
}

/** The same message for an empty shard: who believes its report believes anything. */
function forged(message: object): string {
  const manifest = { count: 0, digest: createHash("sha256").digest("hex"), body: EMPTY_BODY };
  return JSON.stringify({ ...message, extras: "listed", manifest });
}

/** No lines, as zstd and base64. */
const EMPTY_BODY = "KLUv/SAAAQAA";

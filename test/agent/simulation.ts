/**
 * A whole run on simulated ports: the real disk, a bucket in memory, a clock that only moves when it is asked to wait,
 * and a validator made of the real one's comparison and report. Lets a test step in before every call.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openBaselines } from "#agent/baseline-store.ts";
import { AdaptiveLimit, FILES_IN_FLIGHT } from "#agent/concurrency.ts";
import { disk } from "#agent/disk.ts";
import { Failure } from "#agent/errors.ts";
import type { Outcome } from "#agent/exit-code.ts";
import type { Log } from "#agent/log.ts";
import { readRequest } from "#agent/options.ts";
import type { Phase } from "#agent/phase.ts";
import type { BaselineDraft, BaselineStore, Bucket, Disk, Ports } from "#agent/ports.ts";
import { run } from "#agent/run.ts";
import { errorPart } from "#lambda/check-shard.ts";
import { Findings } from "#lambda/findings.ts";
import { validateShard } from "#lambda/validate.ts";
import { listRange } from "#shared/listing.ts";
import { decodeManifest } from "#shared/manifest.ts";
import { decodeMessage, type Message } from "#shared/message.ts";
import { AGENT_ENV } from "#shared/names.ts";
import {
  allPartsThere,
  assembleReport,
  decodePart,
  type Part,
  partKey,
  partsPrefix,
  type Report,
  reportKey,
} from "#shared/report.ts";
import { decodeStatus, nextStatus, type Status, statusKey } from "#shared/status.ts";
import { encodeVersioned } from "#shared/versioned.ts";
import { byBytes } from "../shared/arbitrary.ts";
import { MemoryBucket } from "./memory-bucket.ts";

export const BUCKET = "data";

export interface Ran {
  readonly outcome: Outcome;
  readonly error: Failure | undefined;
  readonly lines: readonly { readonly level: keyof Log; readonly text: string }[];
  /** What this run did to the bucket and the queue. */
  readonly events: readonly string[];
  readonly messages: readonly Message[];
  /** Bytes and keys of the temporary folder after the run. */
  readonly leftovers: readonly string[];
}

export class Simulation {
  readonly bucket = new MemoryBucket();
  /** What the messages of all runs were. */
  readonly messages: Message[] = [];
  readonly folder: string;
  readonly spoolFolder: string;
  readonly url: string;
  readonly prefix: string;
  shardEntries: number | undefined;
  endpoint = "https://s3.example";
  host = "host";
  /** Where the host keeps its baselines. */
  readonly stateFolder: string;
  on: Disk = disk;
  /** Called before every call of every port; what it throws, the call throws. */
  before: (call: string) => void = () => {};
  /** Called when a message was sent, before the validator works on it. */
  onMessage: (message: Message) => void = () => {};
  /** What the validator writes in place of a report. */
  forge: (report: Report) => Report | string | undefined = (report) => report;
  validator: "works" | "stands still" | "gives up" = "works";
  /** What all runs were at, one after the other. */
  readonly phases: Phase[] = [];
  /** Calls of the ports that are under way. */
  underWay = 0;
  #interrupted = false;
  #random = 0;
  #nowMs = Date.now() + 60_000;

  /** @param own an empty folder for the source, for the run's temporary files and for what the host knows */
  constructor(own: string, prefix: string) {
    this.folder = join(own, "source");
    this.spoolFolder = join(own, "spool");
    this.stateFolder = join(own, "state");
    for (const folder of [this.folder, this.spoolFolder]) mkdirSync(folder);
    this.prefix = prefix;
    this.url = `s3://${BUCKET}/${prefix}`;
    this.bucket.now = () => this.#nowMs;
  }

  /** From now on calls are answered as after a signal: nothing but clean-up goes out. */
  interrupt(): void {
    this.#interrupted = true;
  }

  later(delayMs: number): void {
    this.#nowMs += delayMs;
  }

  /** The host loses its baseline. */
  forget(): void {
    rmSync(this.stateFolder, { recursive: true, force: true });
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** The bucket's data below the target, as paths and texts; the validator's own is not data. */
  get data(): Record<string, string> {
    const keys = this.bucket.keys().filter((key) => key.startsWith(this.prefix) && !key.startsWith(".cback/"));
    return Object.fromEntries(
      keys.map((key) => [key.slice(this.prefix.length), this.bucket.objects.get(key)?.body.toString() ?? ""]),
    );
  }

  get source(): Record<string, string> {
    const files = readdirSync(this.folder, { recursive: true, withFileTypes: true }).filter((item) => item.isFile());
    const paths = files.map((item) => join(item.parentPath, item.name)).sort(byBytes);
    return Object.fromEntries(paths.map((path) => [path.slice(this.folder.length + 1), readFileSync(path, "utf8")]));
  }

  async run(...switches: readonly string[]): Promise<Ran> {
    const { shardEntries } = this;
    const environment = { [AGENT_ENV.shardEntries]: shardEntries === undefined ? undefined : String(shardEntries) };
    const request = readRequest([...switches, this.folder, this.url], environment);
    if (request.kind !== "run") throw new Error("these switches do not run");
    const firstEvent = this.bucket.events.length;
    const firstMessage = this.messages.length;
    const lines: Ran["lines"][number][] = [];
    const log = Object.fromEntries(
      (["debug", "info", "warn", "error", "request", "result"] as const).map((level) => [
        level,
        (text: string) => void lines.push({ level, text }),
      ]),
    ) as unknown as Log;
    const { TMPDIR: usualFolder } = process.env;
    process.env.TMPDIR = this.spoolFolder;
    let outcome: Outcome;
    let error: Failure | undefined;
    try {
      outcome = await run(request.options, this.#ports(), log, {
        endpoint: this.endpoint,
        host: this.host,
        directory: this.folder,
        agentVersion: "0.0.0",
        check: () => {
          if (this.#interrupted) throw interrupted();
        },
        enter: (phase) => void this.phases.push(phase),
      });
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown;
      error = thrown;
      outcome = thrown.outcome;
    } finally {
      if (usualFolder === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = usualFolder;
    }
    if (this.underWay !== 0) throw new Error(`${this.underWay} calls outlived the run`);
    this.#interrupted = false;
    return {
      outcome,
      error,
      lines,
      events: this.bucket.events.slice(firstEvent),
      messages: this.messages.slice(firstMessage),
      leftovers: readdirSync(this.spoolFolder),
    };
  }

  #ports(): Ports {
    const { bucket } = this;
    const guarded: Bucket = {
      fetchPage: (request) => this.#call("fetchPage", () => bucket.fetchPage(request)),
      put: (...parameters) => this.#call(`put ${parameters[0]}`, () => bucket.put(...parameters)),
      startMultipart: (key) => this.#call("startMultipart", () => bucket.startMultipart(key)),
      putPart: (...parameters) => this.#call("putPart", () => bucket.putPart(...parameters)),
      completeMultipart: (...parameters) =>
        this.#call("completeMultipart", () => bucket.completeMultipart(...parameters)),
      abortMultipart: (...parameters) => bucket.abortMultipart(...parameters),
      remove: (keys) => this.#call("remove", () => bucket.remove(keys)),
      checksums: (key) => this.#call(`checksums ${key}`, () => bucket.checksums(key)),
      read: (key) => this.#call(`read ${key}`, () => bucket.read(key)),
    };
    const { on } = this;
    return {
      bucket: guarded,
      disk: {
        directory: (path) => {
          this.before("directory");
          return on.directory(path);
        },
        facts: (...of) => {
          this.before("facts");
          return on.facts(...of);
        },
        open: (...of) => {
          this.before("open");
          return on.open(...of);
        },
      },
      queue: { send: (body) => this.#call("send", async () => this.#deliver(body)) },
      clock: {
        now: () => new Date(this.#nowMs),
        monotonicMs: () => this.#nowMs,
        sleep: async (delayMs) => {
          this.before("sleep");
          this.#nowMs += delayMs;
        },
      },
      baselines: this.#baselines(),
      randomBytes: (count) => {
        this.#random += 1;
        return Buffer.alloc(count, this.#random % 256);
      },
      files: new AdaptiveLimit(FILES_IN_FLIGHT),
      diagnose: async () => ["The queue holds 3 waiting messages, and 0 are being worked on."],
    };
  }

  /** Not ended by an interruption: it is the disk's business, and what was sent is worth remembering. */
  #baselines(): BaselineStore {
    const store = openBaselines(this.stateFolder);
    return {
      open: async (...parameters) => {
        this.before("open the baseline");
        return store.open(...parameters);
      },
      draft: (...parameters) => {
        const draft = store.draft(...parameters);
        return {
          add: (...added) => draft.add(...added),
          takeOver: (...taken) => draft.takeOver(...taken),
          beginDeletions: () => draft.beginDeletions(),
          keep: async (deleted) => {
            this.before("keep the baseline");
            await draft.keep(deleted);
          },
          close: () => draft.close(),
        } satisfies BaselineDraft;
      },
    };
  }

  async #call<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.underWay += 1;
    try {
      this.before(name);
      if (this.#interrupted) throw interrupted();
      // Every answer takes its turn.
      await new Promise(setImmediate);
      return await work();
    } finally {
      this.underWay -= 1;
    }
  }

  async #deliver(body: string): Promise<void> {
    const message = decodeMessage(body);
    this.messages.push(message);
    this.bucket.events.push(`send ${message.shard.index}`);
    this.onMessage(message);
    if (this.validator === "stands still") return;
    const part =
      this.validator === "gives up" ? errorPart(message, "S3 is down", this.#context()) : await this.#check(message);
    const { prefix, run: name, shard } = message;
    this.#write(partKey(prefix, name, shard), encodeVersioned(part));
    const keys = this.bucket.keys().filter((key) => key.startsWith(partsPrefix(prefix, name)));
    if (!allPartsThere(keys)) return;
    const parts = keys.map((key) => decodePart(this.bucket.objects.get(key)?.body.toString() ?? ""));
    const report = assembleReport(parts);
    const forged = this.forge(report);
    if (forged === undefined) return;
    this.#write(reportKey(prefix, name), typeof forged === "string" ? forged : encodeVersioned(forged));
    const status = nextStatus(this.#status(prefix), report);
    if (status !== undefined) this.#write(statusKey(prefix), encodeVersioned(status));
  }

  #status(prefix: string): Status | undefined {
    try {
      return decodeStatus(this.bucket.objects.get(statusKey(prefix))?.body.toString() ?? "");
    } catch {
      return undefined;
    }
  }

  async #check(message: Message): Promise<Part> {
    const entries = decodeManifest(message.manifest, message.shard, message.prefix);
    const findings = new Findings();
    const quiet = new MemoryBucket();
    for (const [key, object] of this.bucket.objects) quiet.objects.set(key, object);
    const objects = listRange((page) => quiet.fetchPage(page), message.prefix, message.shard);
    const totals = await validateShard(entries, objects, findings);
    return {
      ...errorPart(message, "", this.#context()),
      error: null,
      totals,
      findings: [...findings.first],
    };
  }

  #context() {
    return { validatorVersion: "0.0.0", senderId: "AIDAHOST", now: () => new Date(this.#nowMs) };
  }

  #write(key: string, text: string): void {
    this.bucket.place(key, text);
  }
}

function interrupted(): Failure {
  return new Failure({
    outcome: "interrupted",
    operation: "go on with",
    subject: "run",
    reason: "interrupted",
    hint: "",
  });
}

/**
 * The world of a simulation: one host with its source and its baselines, one bucket, one queue, and the validator. Runs
 * the real agent and the real validator in it, as a plan says, and lets an observer see all that they do.
 */
import { openBaselines } from "#agent/baseline-store.ts";
import { Failure } from "#agent/errors.ts";
import type { Log } from "#agent/log.ts";
import { readRequest } from "#agent/options.ts";
import type { Ports } from "#agent/ports.ts";
import { run } from "#agent/run.ts";
import { deliver } from "#lambda/delivery.ts";
import { AGENT_ENV } from "#shared/names.ts";
import { MemoryBucket } from "../agent/memory-bucket.ts";
import { MAX_RECEIVE_COUNT, record } from "../lambda/delivering.ts";
import { agentPorts, interruption } from "./agent-ports.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { HostFiles, runOn } from "./memory-files.ts";
import { Observer, Violation } from "./observer.ts";
import { type QueuedMessage, SimulatedQueue } from "./queue.ts";
import type { Random } from "./random.ts";
import { BUCKET, type Ending, HOST, type Ran, type RunPlan, SOURCE, type Traits } from "./run-plan.ts";
import { Process, Scheduler, settled } from "./scheduler.ts";
import { storeFault, validatorStore } from "./validator-store.ts";

/** A run that needs more turns waits for something that does not come. */
const MOST_TURNS = 30_000;
/** How often Lambda looks whether a message is there, in turns. */
const DELIVERIES_PER_TURN = 0.3;

export class World {
  readonly random: Random;
  readonly traits: Traits;
  readonly scheduler: Scheduler;
  readonly disk: MemoryDisk;
  readonly bucket = new MemoryBucket();
  readonly queue: SimulatedQueue;
  readonly files = new HostFiles();
  readonly observer: Observer;
  /** How far the host's clock is from the true time. */
  hostOffsetMs = 0;
  /** Told of each call, for a trace. */
  trace: (text: string) => void = () => {};

  constructor(random: Random, traits: Traits) {
    this.random = random;
    this.traits = traits;
    this.scheduler = new Scheduler(random);
    this.disk = new MemoryDisk({ now: () => this.hostNowMs, ...traits });
    this.disk.makeDirectory(SOURCE);
    this.bucket.now = () => this.scheduler.nowMs;
    this.bucket.pageSize = traits.pageSize;
    this.bucket.encrypted = traits.encrypted;
    this.queue = new SimulatedQueue(random, () => this.scheduler.nowMs);
    this.observer = new Observer(this);
  }

  get hostNowMs(): number {
    return this.scheduler.nowMs + this.hostOffsetMs;
  }

  async run(plan: RunPlan): Promise<Ran> {
    const environment = { [AGENT_ENV.shardEntries]: String(this.traits.shardEntries) };
    const request = readRequest([...plan.switches, SOURCE, `s3://${BUCKET}/${this.traits.prefix}`], environment);
    if (request.kind !== "run") throw new Error("these switches do not run");
    const { options } = request;
    const agent = new Process();
    this.queue.habits = plan.queueHabits;
    const watch = this.observer.beginRun(plan, options);
    const lines: string[] = [];
    const line = (text: string) => {
      if (!agent.alive) return;
      lines.push(text);
      this.trace(`  | ${text}`);
      watch.line(text);
    };
    const log: Log = { debug: () => {}, info: line, warn: line, error: line, request: () => {}, result: line };
    let interrupted = false;
    const ports: Ports = {
      ...agentPorts({ world: this, process: agent, plan, watch, isInterrupted: () => interrupted }),
      baselines: openBaselines(plan.host === HOST ? "/state" : `/state-of-${plan.host}`),
    };
    runOn(this.files);
    let ending: Ending | undefined;
    let fault: unknown;
    run(options, ports, log, {
      host: plan.host,
      directory: SOURCE,
      agentVersion: "0.0.0",
      endpoint: "https://s3.example",
      enter: () => {},
      check: () => {
        if (interrupted) throw interruption();
      },
    }).then(
      (outcome) => {
        ending = outcome;
      },
      (error: unknown) => {
        if (error instanceof Failure) {
          ending = error.outcome;
          line(`${error.message} ${error.hint}`);
        } else {
          ending = "failed";
          fault = error;
        }
      },
    );
    await settled();
    for (let turn = 0; ; turn++) {
      if (turn === MOST_TURNS) throw new Violation("the run does not end");
      plan.meanwhile.get(turn)?.();
      const name = await this.#turn(plan);
      if (fault !== undefined) throw fault;
      if (ending !== undefined) break;
      if (plan.crashAfter !== undefined && agent.calls >= plan.crashAfter) {
        ending = "crashed";
        await this.scheduler.kill(agent);
        if (plan.losesPower) this.files.losePower(this.random);
        break;
      }
      const isTime = plan.interruptAfter !== undefined && agent.calls >= plan.interruptAfter;
      if (!interrupted && (isTime || (plan.interruptsDeletions && name?.startsWith("remove ")))) {
        interrupted = true;
        await this.scheduler.wakeAll(agent);
      }
    }
    this.trace(`  = ${ending} after ${agent.calls} calls`);
    if (ending !== "crashed" && this.scheduler.underWay(agent) > 0) throw new Violation("calls outlive the run");
    watch.end(ending);
    return { ending, lines, calls: agent.calls };
  }

  /** Lets the validator work on what is in the queue. */
  async drain(plan: RunPlan): Promise<void> {
    for (let turn = 0; this.queue.size > 0 || this.#deliveries > 0; turn++) {
      if (turn === MOST_TURNS) throw new Violation("the queue does not become empty");
      await this.#turn(plan);
    }
  }

  #deliveries = 0;

  /** @returns the call that was carried out */
  async #turn(plan: RunPlan): Promise<string | undefined> {
    if (plan.validatorWorks && this.random.chance(DELIVERIES_PER_TURN)) await this.#receive(plan);
    const name = await this.scheduler.turn();
    if (this.observer.violation !== undefined) throw this.observer.violation;
    if (name !== undefined) {
      this.trace(`  ${name}`);
      return name;
    }
    // Nobody does anything: time passes until somebody does.
    const nextMs = Math.min(this.scheduler.nextMs, plan.validatorWorks ? this.queue.nextMs : Number.POSITIVE_INFINITY);
    if (nextMs === Number.POSITIVE_INFINITY) return undefined;
    this.scheduler.nowMs = Math.max(this.scheduler.nowMs, nextMs);
    if (this.queue.nextMs <= this.scheduler.nowMs && plan.validatorWorks) await this.#receive(plan);
    return undefined;
  }

  async #receive(plan: RunPlan): Promise<void> {
    const message = this.queue.receive();
    if (message === undefined) return;
    void this.#deliver(message, plan);
    await settled();
  }

  /** One delivery, as Lambda makes it. */
  async #deliver(message: QueuedMessage, plan: RunPlan): Promise<void> {
    const lambda = new Process();
    const { random, scheduler, bucket, observer } = this;
    this.#deliveries += 1;
    const delivery = observer.beginDelivery();
    const crashes = random.chance(plan.validatorCrashes) ? random.between(1, 12) : undefined;
    const gate = <T>(name: string, work: () => T | Promise<T>): Promise<T> => {
      if (lambda.calls === crashes) {
        // Its time is up, or its machine is gone: the message comes again when nobody has answered for it.
        this.#deliveries -= 1;
        lambda.alive = false;
      }
      return scheduler.call(lambda, name, async () => {
        if (!random.chance(plan.validatorFaults)) return work();
        if (random.chance(0.3)) await work();
        throw storeFault(name);
      });
    };
    const delivered = await deliver(
      record(message.body, message.receiveCount, message.id),
      {
        config: {
          bucket: BUCKET,
          queueUrl: "https://sqs.eu-central-1.amazonaws.com/111122223333/queue",
          maxReceiveCount: MAX_RECEIVE_COUNT,
          packageVersion: "0.0.0",
        },
        bucket: validatorStore(bucket, gate, delivery, () => random.chance(plan.validatorFaults)),
        queue: {
          deliverAgainAfter: async (_receipt, delaySeconds) => {
            message.visibleMs = scheduler.nowMs + delaySeconds * 1_000;
          },
        },
        now: () => new Date(scheduler.nowMs),
      },
      new AbortController().signal,
    );
    this.#deliveries -= 1;
    // Now and then SQS does not hear that a message is done.
    if (delivered.done && !random.chance(this.queue.habits.twice / 4)) this.queue.remove(message);
  }
}

/**
 * A queue as SQS behaves: at least once, in no order, late; a message that was not done comes again, and after a number
 * of deliveries goes to the dead letters.
 */
import { MAX_RECEIVE_COUNT } from "../lambda/delivering.ts";
import type { Random } from "./random.ts";

export interface QueuedMessage {
  readonly body: string;
  readonly id: string;
  visibleMs: number;
  receiveCount: number;
}

export interface QueueHabits {
  /** How often a message is there twice. */
  readonly twice: number;
  /** How often it comes late, and by how much at most. */
  readonly late: number;
  readonly latestMs: number;
}

/** How long a message that is being worked on is hidden from others. */
export const VISIBILITY_TIMEOUT_MS = 360_000;

export class SimulatedQueue {
  readonly deadLetters: QueuedMessage[] = [];
  readonly #random: Random;
  readonly #now: () => number;
  #messages: QueuedMessage[] = [];
  #count = 0;
  habits: QueueHabits = { twice: 0, late: 0, latestMs: 0 };

  constructor(random: Random, now: () => number) {
    this.#random = random;
    this.#now = now;
  }

  /** How many messages are in it, those that are being worked on included. */
  get size(): number {
    return this.#messages.length;
  }

  send(body: string): void {
    const { twice, late, latestMs } = this.habits;
    for (let copies = this.#random.chance(twice) ? 2 : 1; copies > 0; copies--) {
      this.#count += 1;
      const delayMs = this.#random.chance(late) ? this.#random.below(latestMs) : this.#random.below(200);
      const now = this.#now();
      const message = { body, id: `message-${this.#count}`, visibleMs: now + delayMs, receiveCount: 0 };
      this.#messages.push(message);
    }
  }

  /** When the next message can be received. */
  get nextMs(): number {
    return this.#messages.reduce((least, { visibleMs }) => Math.min(least, visibleMs), Number.POSITIVE_INFINITY);
  }

  receive(): QueuedMessage | undefined {
    const visible = this.#messages.filter(({ visibleMs }) => visibleMs <= this.#now());
    if (visible.length === 0) return undefined;
    const message = this.#random.pick(visible);
    if (message.receiveCount === MAX_RECEIVE_COUNT) {
      this.remove(message);
      this.deadLetters.push(message);
      return this.receive();
    }
    message.receiveCount += 1;
    message.visibleMs = this.#now() + VISIBILITY_TIMEOUT_MS;
    return message;
  }

  remove(message: QueuedMessage): void {
    this.#messages = this.#messages.filter((other) => other !== message);
  }
}

/**
 * A parser of what others wrote, and what must hold of it: an input is either taken, and then what was read is written and
 * read again as the same, or refused with the parser's own error; within a time.
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { nastyTexts } from "../nasty-names.ts";
import { filePath } from "../shared/arbitrary.ts";

/** No input may keep a parser for as long, in processor time. */
const MOST_MS = 2_000;
const RUNS_A_TURN = 100;

export interface Parser {
  readonly name: string;
  /** Runs as often; tells how many inputs were taken. @throws with seed and input when something does not hold */
  fuzz(runs: number, seed?: number): Promise<{ taken: number; slowestMs: number }>;
}

interface ParserRules<Input, Value> {
  readonly inputs: fc.Arbitrary<Input>;
  readonly read: (input: Input) => Value | Promise<Value>;
  /** Whether this is how the parser refuses. */
  readonly refuses: (error: unknown) => boolean;
  /** What else must be true of what was read, said without the code that read it. */
  readonly holds?: (value: Value, input: Input) => void;
  /** The value as an input, and so that two that are the same are equal. */
  readonly write: (value: Value) => Input;
}

export function parser<Input, Value>(name: string, rules: ParserRules<Input, Value>): Parser {
  const { inputs, read, refuses, holds, write } = rules;
  return {
    name,
    async fuzz(numRuns, seed) {
      let taken = 0;
      let slowestMs = 0;
      let seen = 0;
      const property = fc.asyncProperty(inputs, async (input) => {
        // What zlib leaves of a failure is only freed in a turn of the event loop.
        if (++seen % RUNS_A_TURN === 0) await setImmediate();
        const before = process.cpuUsage();
        let value: Value;
        try {
          value = await read(input);
        } catch (error) {
          if (!refuses(error)) throw error;
          return;
        } finally {
          const { user, system } = process.cpuUsage(before);
          slowestMs = Math.max(slowestMs, (user + system) / 1_000);
          assert.ok(slowestMs < MOST_MS, `it took ${slowestMs} ms`);
        }
        taken += 1;
        holds?.(value, input);
        const written = write(value);
        assert.deepEqual(write(await read(written)), written);
      });
      await fc.assert(property, { numRuns, ...(seed === undefined ? {} : { seed }) });
      return { taken, slowestMs };
    },
  };
}

export const isOf =
  (type: new (...parameters: never[]) => Error) =>
  (error: unknown): boolean =>
    error instanceof type;

/** Any path of the corpus. */
export const nasty = fc.constantFrom(...nastyTexts("p/").map(({ text }) => text));
export const anyPath = fc.oneof(filePath, nasty);

/**
 * The facts to send along with a question about the command: what it runs on, as whom, and against what. Facts that
 * need AWS come from functions, each with a short time limit, so that the list is printed without a network as well.
 */
import { release, type as systemName } from "node:os";
import { queueName } from "#shared/names.ts";
import type { Target } from "#shared/target.ts";
import { CONTRACT_VERSION } from "#shared/version.ts";
import { COMMAND_NAME } from "./command.ts";
import { PACKAGE_VERSION } from "./package-version.ts";

/** The name of a fact, and how to find it out. */
export type Fact = readonly [name: string, find: () => Promise<string>];

/** Facts that are told by somebody else, all at once: of the queue, of the validator. */
export type LookUp = (target: Target | undefined, queueUrl: string | undefined) => Promise<FactList>;

type FactList = ReadonlyArray<readonly [name: string, value: string]>;

const FIND_TIMEOUT_MS = 3_000;
// As many questions one after the other, each with the limit above, as queue and validator need.
const LOOK_UP_TIMEOUT_MS = 6 * FIND_TIMEOUT_MS;

type Environment = Readonly<Record<string, string | undefined>>;

/** What is known without asking anybody: also the first lines of every log. */
export function localFacts(environment: Environment, now: Date): Array<[name: string, value: string]> {
  return [
    ["Version", `${COMMAND_NAME} ${PACKAGE_VERSION}, contract ${CONTRACT_VERSION}`],
    ["Interpreter", `Node.js ${process.versions.node} (${process.execPath})`],
    ["Platform", `${process.platform} (${systemName()} ${release()} ${process.arch})`],
    ["Encoding", "file names as bytes, keys as UTF-8"],
    ["Locale", localeOf(environment)],
    ["Timestamp", now.toISOString()],
  ];
}

/** The queue that a run on this target would use, by its name or by the URL that was given. */
export function queueFact(target: Target | undefined, queueUrl: string | undefined): [name: string, value: string] {
  if (queueUrl !== undefined) return ["Queue", queueUrl];
  if (target === undefined) return ["Queue", "named after the bucket; give sourceDir and s3BucketUrl to see it"];
  return ["Queue", queueName(target.bucket)];
}

/** The values of all facts; of what cannot be found out in time, why. */
export async function findFacts(facts: readonly Fact[]): Promise<Array<[name: string, value: string]>> {
  return Promise.all(
    facts.map(
      async ([name, find]) =>
        [name, await inTime(find, FIND_TIMEOUT_MS, (why) => `not known: ${why}`)] as [string, string],
    ),
  );
}

/** The same for facts that come all at once, after several questions. */
export async function lookUpFacts(lookUp: () => Promise<FactList>, limitMs = LOOK_UP_TIMEOUT_MS): Promise<FactList> {
  return inTime(lookUp, limitMs, (why) => [["Validator", `not reached: ${why}`]]);
}

/** `Name...: value`, aligned. */
export function factLines(facts: FactList): string[] {
  const width = Math.max(...facts.map(([name]) => name.length)) + "...".length;
  return facts.map(([name, value]) => `${name.padEnd(width, ".")}: ${value}`);
}

async function inTime<Value>(
  find: () => Promise<Value>,
  limitMs: number,
  otherwise: (why: string) => Value,
): Promise<Value> {
  const { promise: late, resolve } = Promise.withResolvers<Value>();
  const timer = setTimeout(() => resolve(otherwise(`no answer within ${limitMs / 1_000} seconds`)), limitMs);
  try {
    return await Promise.race([find(), late]);
  } catch (error) {
    return otherwise(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}

function localeOf(environment: Environment): string {
  const set = ["LC_ALL", "LC_CTYPE", "LANG"].flatMap((name) => {
    const value = environment[name];
    return value === undefined || value === "" ? [] : [`${name}=${value}`];
  });
  return set.length === 0 ? "none set (C)" : set.join(" ");
}

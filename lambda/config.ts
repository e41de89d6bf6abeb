/** What the stack tells the function by its environment: read and checked once, before the first message. */
import { SILENCE_ENV, VALIDATOR_ENV } from "#shared/names.ts";

export interface Config {
  /** The only bucket that this validator serves, whatever a message says. */
  readonly bucket: string;
  /** The queue that the messages come from. */
  readonly queueUrl: string;
  /** The delivery with this number is the last one before the dead letters. */
  readonly maxReceiveCount: number;
  readonly packageVersion: string;
}

/** The function was deployed in a way that it cannot work. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws {ConfigError} that names the variable */
export function readConfig(environment: Environment): Config {
  const required = (name: string) => readRequired(environment, name);
  const maxReceiveCount = Number(required(VALIDATOR_ENV.maxReceiveCount));
  if (!Number.isSafeInteger(maxReceiveCount) || maxReceiveCount < 2)
    throw new ConfigError(`${VALIDATOR_ENV.maxReceiveCount} is no integer from 2 on: deploy the stack again`);
  return {
    bucket: required(VALIDATOR_ENV.bucket),
    queueUrl: required(VALIDATOR_ENV.queueUrl),
    maxReceiveCount,
    packageVersion: required(VALIDATOR_ENV.packageVersion),
  };
}

/**
 * The bucket whose statuses the silence check reads.
 *
 * @throws {ConfigError} that names the variable
 */
export function readWatchedBucket(environment: Environment): string {
  return readRequired(environment, SILENCE_ENV.bucket);
}

function readRequired(environment: Environment, name: string): string {
  const value = environment[name];
  if (value === undefined || value === "") throw new ConfigError(`${name} is not set: deploy the stack again`);
  return value;
}

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigError, readConfig, readWatchedBucket } from "#lambda/config.ts";
import { SILENCE_ENV, VALIDATOR_ENV } from "#shared/names.ts";

const COMPLETE = {
  [VALIDATOR_ENV.bucket]: "data",
  [VALIDATOR_ENV.queueUrl]: "https://sqs.example/1/queue",
  [VALIDATOR_ENV.maxReceiveCount]: "5",
  [VALIDATOR_ENV.packageVersion]: "1.2.3",
};

describe("the validator's configuration", () => {
  it("is read from the environment that the stack sets", () => {
    assert.deepEqual(readConfig(COMPLETE), {
      bucket: "data",
      queueUrl: "https://sqs.example/1/queue",
      maxReceiveCount: 5,
      packageVersion: "1.2.3",
    });
  });

  for (const name of Object.keys(COMPLETE)) {
    it(`names ${name} when it is missing or empty`, () => {
      const saysSo = (error: unknown) => error instanceof ConfigError && error.message.includes(name);
      assert.throws(() => readConfig({ ...COMPLETE, [name]: "" }), saysSo);
      assert.throws(() => readConfig({ ...COMPLETE, [name]: undefined }), saysSo);
    });
  }

  for (const value of ["1", "0", "-3", "2.5", "five"]) {
    it(`refuses ${value} as the number of deliveries`, () => {
      assert.throws(() => readConfig({ ...COMPLETE, [VALIDATOR_ENV.maxReceiveCount]: value }), ConfigError);
    });
  }
});

describe("the silence check's configuration", () => {
  it("is the bucket, and names the variable when it is missing or empty", () => {
    assert.equal(readWatchedBucket({ [SILENCE_ENV.bucket]: "data" }), "data");
    for (const environment of [{}, { [SILENCE_ENV.bucket]: "" }])
      assert.throws(
        () => readWatchedBucket(environment),
        (error) => error instanceof ConfigError && error.message.includes(SILENCE_ENV.bucket),
      );
  });
});

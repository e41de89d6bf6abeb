import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  AGENT_ENV,
  METRIC_NAMESPACE,
  queueName,
  RESERVED_PREFIX,
  SILENCE_ENV,
  stackName,
  VALIDATOR_ENV,
  VALIDATOR_TAG,
} from "#shared/names.ts";
import { parseTarget } from "#shared/target.ts";

const bucket = fc.string({ unit: fc.constantFrom(..."ab9.-"), minLength: 3, maxLength: 63 }).filter((name) => {
  try {
    return parseTarget(`s3://${name}`).bucket === name;
  } catch {
    return false;
  }
});

describe("the names of a bucket's queue and stack", () => {
  test("are ones that SQS and CloudFormation take", () => {
    fc.assert(
      fc.property(fc.oneof(bucket, fc.constant("b".repeat(63))), (bucket) => {
        assert.match(queueName(bucket), /^[A-Za-z0-9_-]{1,80}$/);
        assert.match(stackName(bucket), /^[A-Za-z][A-Za-z0-9-]{0,127}$/);
      }),
    );
  });

  test("are never shared by two buckets", () => {
    fc.assert(
      fc.property(bucket, bucket, fc.nat(62), fc.constantFrom("-", ".", "a"), (one, other, position, character) => {
        const similar = one.slice(0, position) + character + one.slice(position + 1);
        for (const two of [other, similar]) {
          if (one === two) continue;
          assert.notEqual(queueName(one), queueName(two));
          assert.notEqual(stackName(one), stackName(two));
        }
      }),
    );
    assert.notEqual(stackName("a.b"), stackName("a-b"));
  });

  test("follow the documented rule", () => {
    assert.equal(queueName("www.example.com"), "cback-validator-www_example_com");
    assert.equal(stackName("my-backup"), "cback-my-backup");
  });
});

test("a name that two programs share is written nowhere but in names.ts", () => {
  const root = join(import.meta.dirname, "../..");
  const shared = [AGENT_ENV, VALIDATOR_ENV, SILENCE_ENV, VALIDATOR_TAG].flatMap((names) => Object.values(names));
  const names = [RESERVED_PREFIX, queueName(""), METRIC_NAMESPACE, ...shared];
  const files = globSync("{agent,lambda,infra,shared}/**/*.ts", { cwd: root }).filter(
    (file) => file !== "shared/names.ts",
  );
  assert.ok(files.length > 80);
  for (const file of files) {
    const code = readFileSync(join(root, file), "utf8")
      .replaceAll(/\/\*[\s\S]*?\*\//g, "")
      .replaceAll(/(^|\s)\/\/.*$/gm, "");
    for (const name of names) {
      const whole = new RegExp(`${name.replaceAll(".", "\\.")}${/\w$/.test(name) ? "\\b" : ""}`);
      assert.doesNotMatch(code, whole, `${file} repeats ${name}`);
    }
  }
});

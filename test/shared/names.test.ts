import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { queueName, stackName } from "#shared/names.ts";
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

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { factLines, findFacts, localFacts, lookUpFacts, queueFact } from "#agent/diagnostics.ts";

const never = () => new Promise<never>(() => {});
const refused = async () => {
  throw new Error("connect ECONNREFUSED");
};

describe("facts that need a network", { concurrency: true }, () => {
  test("have three seconds, and then say why they are not known", async () => {
    const startedMs = performance.now();
    const facts = await findFacts([
      ["Region", async () => "eu-west-1"],
      ["Identity", never],
      ["Endpoint", refused],
    ]);
    assert.deepEqual(facts, [
      ["Region", "eu-west-1"],
      ["Identity", "not known: no answer within 3 seconds"],
      ["Endpoint", "not known: connect ECONNREFUSED"],
    ]);
    assert.ok(performance.now() - startedMs < 4_500);
  });

  test("of the validator are looked up at once, with a limit as well", async () => {
    assert.deepEqual(await lookUpFacts(async () => [["Validator", "0.1.0"]]), [["Validator", "0.1.0"]]);
    assert.deepEqual(await lookUpFacts(refused), [["Validator", "not reached: connect ECONNREFUSED"]]);
    assert.deepEqual(await lookUpFacts(never, 50), [["Validator", "not reached: no answer within 0.05 seconds"]]);
  });
});

test("the queue is the one that was given, or the one named after the bucket", () => {
  const target = { bucket: "my.bucket", keyPrefix: "" };
  assert.equal(queueFact(target, "https://sqs/1/q")[1], "https://sqs/1/q");
  assert.equal(queueFact(target, undefined)[1], "cback-validator-my_bucket");
  assert.match(queueFact(undefined, undefined)[1], /give sourceDir and s3BucketUrl/);
});

test("the locale is shown as it is set", () => {
  const locale = (environment: Record<string, string>) => new Map(localFacts(environment, new Date(0))).get("Locale");
  assert.equal(locale({ LC_ALL: "C", LANG: "de_DE.UTF-8" }), "LC_ALL=C LANG=de_DE.UTF-8");
  assert.equal(locale({ LANG: "" }), "none set (C)");
});

test("the values stand below each other", () => {
  assert.deepEqual(
    factLines([
      ["Version", "1"],
      ["A long name", "2"],
    ]),
    ["Version.......: 1", "A long name...: 2"],
  );
});

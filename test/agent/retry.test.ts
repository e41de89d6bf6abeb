/** When a request is tried again, and how long after. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Retries, type RetryLimits } from "#agent/retry.ts";

const LIMITS: RetryLimits = { attempts: 1_000, budgetMs: 300_000, firstAnswerBudgetMs: 60_000, longestDelayMs: 20_000 };
const ANSWERED = Object.assign(new Error("503"), { $metadata: { httpStatusCode: 503 } });

/** The delays before each further try, until there is none. */
async function delays(limits: Partial<RetryLimits>, errorType: "TRANSIENT" | "THROTTLING" | "CLIENT_ERROR", most = 12) {
  const retries = new Retries({ ...LIMITS, ...limits });
  let token = await retries.acquireInitialRetryToken();
  const found: number[] = [];
  try {
    while (found.length < most) {
      token = await retries.refreshRetryTokenForRetry(token, { errorType, error: ANSWERED });
      found.push(token.getRetryDelay());
    }
  } catch {
    // That was the last one.
  }
  return found;
}

suite("A request that failed", () => {
  test("is tried again after growing delays, each random up to twice the last one's bound", async () => {
    const found = await delays({}, "TRANSIENT");
    assert.equal(found.length, 12);
    for (const [index, delayMs] of found.entries()) assert.ok(delayMs <= Math.min(100 * 2 ** index, 20_000));
    assert.ok(new Set(found).size > 10);
  });

  test("fault 2: waits longer where the server says that it is asked too often", async () => {
    const sums = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const sum = (all: number[]) => all.reduce((total, delayMs) => total + delayMs, 0);
        return [sum(await delays({}, "THROTTLING", 6)), sum(await delays({}, "TRANSIENT", 6))] as const;
      }),
    );
    const mean = (index: 0 | 1) => sums.reduce((total, pair) => total + pair[index], 0) / sums.length;
    assert.ok(mean(0) > 3 * mean(1));
  });

  test("is not tried again when it is the request's own fault", async () => {
    assert.deepEqual(await delays({}, "CLIENT_ERROR"), []);
  });

  test("is tried no more often than allowed", async () => {
    assert.equal((await delays({ attempts: 3 }, "TRANSIENT")).length, 2);
    assert.equal((await delays({ attempts: 1 }, "TRANSIENT")).length, 0);
  });

  test("is left when its time is over", async () => {
    assert.equal((await delays({ budgetMs: 0 }, "TRANSIENT")).length, 0);
  });

  test("fault 8: is left sooner while no server has ever answered", async () => {
    const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    const retries = new Retries({ ...LIMITS, firstAnswerBudgetMs: 0 });
    const first = await retries.acquireInitialRetryToken();
    const info = { errorType: "TRANSIENT", error: refused } as const;
    await assert.rejects(retries.refreshRetryTokenForRetry(first, info));
    retries.recordSuccess();
    assert.equal((await retries.refreshRetryTokenForRetry(first, info)).getRetryCount(), 1);
  });

  test("waits as long as the server asks, within bounds", async () => {
    const retries = new Retries(LIMITS);
    const first = await retries.acquireInitialRetryToken();
    const again = async (afterMs: number) => {
      const retryAfterHint = new Date(Date.now() + afterMs);
      const info = { errorType: "TRANSIENT", error: ANSWERED, retryAfterHint } as const;
      return (await retries.refreshRetryTokenForRetry(first, info)).getRetryDelay();
    };
    const delayMs = await again(5_000);
    assert.ok(delayMs > 4_000 && delayMs <= 5_000, String(delayMs));
    assert.equal(await again(3_600_000), 20_000);
    assert.ok((await again(-60_000)) <= 100);
  });

  test("takes no retries from the others", async () => {
    const retries = new Retries(LIMITS);
    for (let index = 0; index < 2_000; index++) {
      const token = await retries.acquireInitialRetryToken();
      await retries.refreshRetryTokenForRetry(token, { errorType: "TRANSIENT", error: ANSWERED });
    }
  });

  test("fault 2: makes all go slower when the service says that it is asked too often, and only then", async () => {
    const answered = (httpStatusCode: number) => Object.assign(new Error("no"), { $metadata: { httpStatusCode } });
    for (const [errorType, status, expected] of [
      ["THROTTLING", 400, 1],
      ["THROTTLING", 429, 1],
      ["TRANSIENT", 503, 1],
      ["TRANSIENT", 500, 0],
      ["CLIENT_ERROR", 403, 0],
    ] as const) {
      let count = 0;
      const retries = new Retries(LIMITS, () => {
        count += 1;
      });
      const token = await retries.acquireInitialRetryToken();
      await retries.refreshRetryTokenForRetry(token, { errorType, error: answered(status) }).catch(() => undefined);
      assert.equal(count, expected, `${errorType} ${status}`);
    }
  });
});

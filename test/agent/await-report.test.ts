/** Waiting for the report, with the real client against a server that fails on the way. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type AwaitedReport, awaitReport } from "#agent/await-report.ts";
import { Failure } from "#agent/errors.ts";
import type { Clock } from "#agent/ports.ts";
import { assembleReport, type Report } from "#shared/report.ts";
import { encodeVersioned } from "#shared/versioned.ts";
import { RUN, somePart } from "../shared/arbitrary.ts";
import { type Answer, type FakeS3, refusal, startFakeS3 } from "./fake-s3.ts";

const REPORT: Report = assembleReport([somePart({ bucket: "data", prefix: "p/" })]);
const FOUND: Answer = { status: 200, body: encodeVersioned(REPORT) };
const NONE = refusal(404, "NoSuchKey");

/** A clock that only moves when it is asked to wait. */
function clockWithin(delays: number[]): Clock {
  let nowMs = 0;
  return {
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    sleep: async (delayMs) => {
      delays.push(delayMs);
      nowMs += delayMs;
    },
  };
}

interface Choices {
  readonly timeoutMs?: number;
  readonly delays?: number[];
  readonly check?: () => void;
  readonly mode?: AwaitedReport["mode"];
}

function awaited(
  { bucket }: FakeS3,
  {
    timeoutMs = 60_000,
    delays = [],
    check = () => {},
    mode = REPORT.extras === "listed" ? "upload-only" : "sync",
  }: Choices = {},
) {
  return awaitReport(
    {
      target: { bucket: "data", keyPrefix: "p/" },
      run: RUN,
      digest: REPORT.digest,
      shardCount: REPORT.shards,
      mode,
      timeoutMs,
      check,
    },
    { bucket, clock: clockWithin(delays), diagnose: async () => ["The queue holds 1 waiting messages."] },
  );
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.catch((reason: unknown) => reason);
  assert.ok(error instanceof Failure, String(error));
  return error;
}

suite("The report", () => {
  test("is asked for until it is there, at growing distances", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(...Array.from({ length: 25 }, () => NONE), FOUND);
    const delays: number[] = [];
    assert.deepEqual(await awaited(s3, { delays }), REPORT);
    assert.equal(s3.asked[0]?.path, `/data/.cback/reports/p/${RUN}.json`);
    assert.equal(delays[0], 100);
    assert.equal(delays.at(-1), 5_000);
    assert.deepEqual(
      delays,
      [...delays].sort((left, right) => left - right),
    );
  });

  test("fault 1: is asked for again when the connection breaks, before or within it", async (t) => {
    const s3 = await startFakeS3(t, { attempts: 1 });
    const half: Answer = { status: 200, body: encodeVersioned(REPORT).slice(0, 99), cut: true };
    s3.answer("hang-up", half, refusal(503, "SlowDown"), NONE, "hang-up", FOUND);
    assert.deepEqual(await awaited(s3), REPORT);
  });

  test("fault 3: when S3 fails until the time is over, that is told, with what the queue shows", async (t) => {
    const s3 = await startFakeS3(t, { attempts: 1 });
    s3.answer(refusal(500, "InternalError"));
    const failure = await failureOf(awaited(s3));
    assert.equal(failure.outcome, "no-verdict");
    assert.equal(
      failure.message,
      `Cannot read the report [s3://data/.cback/reports/p/${RUN}.json]: InternalError for a test — InternalError 500.`,
    );
    assert.match(failure.hint, /^What was uploaded is in the bucket.*\n {2}The queue holds 1 waiting messages\.\n/);
  });

  test("fault 65: when it does not come, the time that was waited is told, and not overdrawn", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(NONE);
    const delays: number[] = [];
    const failure = await failureOf(awaited(s3, { timeoutMs: 90_000, delays }));
    assert.equal(failure.outcome, "no-verdict");
    assert.match(failure.message, /there is none after 90 s\.$/);
    assert.equal(Math.round(delays.reduce((sum, delayMs) => sum + delayMs, 0)), 90_000);
  });

  test("fault 68: of a check is believed by a check alone, and that of a sync by none", async (t) => {
    const s3 = await startFakeS3(t);
    const ofCheck = { ...REPORT, extras: "mismatch", check: true } as const;
    s3.answer({ status: 200, body: encodeVersioned(ofCheck) });
    assert.deepEqual(await awaited(s3, { mode: "verify-only" }), ofCheck);
    assert.match((await failureOf(awaited(s3, { mode: "sync" }))).message, /about other messages than this run sent/);
    s3.answer({ status: 200, body: encodeVersioned({ ...ofCheck, check: false }) });
    assert.match((await failureOf(awaited(s3, { mode: "verify-only" }))).message, /about other messages/);
  });

  test("fault 16: a denial ends the wait at once, and names what to allow", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(refusal(403, "AccessDenied"));
    const delays: number[] = [];
    const failure = await failureOf(awaited(s3, { delays }));
    assert.equal(failure.outcome, "denied");
    assert.match(failure.hint, /^Allow s3:GetObject on arn:aws:s3:::data\/\.cback\/reports\/p\//);
    assert.deepEqual(delays, []);
  });

  test("fault 14: a bucket that was deleted meanwhile ends the wait at once", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(refusal(404, "NoSuchBucket"));
    const delays: number[] = [];
    const failure = await failureOf(awaited(s3, { delays }));
    assert.match(failure.message, /no such bucket/);
    assert.deepEqual(delays, []);
  });

  test("fault 51: an interruption ends the wait", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(NONE);
    const stop = new Error("interrupted");
    const check = () => {
      if (s3.asked.length >= 3) throw stop;
    };
    await assert.rejects(awaited(s3, { check }), stop);
    assert.equal(s3.asked.length, 3);
  });

  test("fault 51: an interruption counts also when the report comes in the same moment", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer({ status: 200, body: encodeVersioned(REPORT) });
    const stop = new Error("interrupted");
    const check = () => {
      if (s3.asked.length > 0) throw stop;
    };
    await assert.rejects(awaited(s3, { check }), stop);
    assert.equal(s3.asked.length, 1);
  });

  test("fault 67: about other manifests is refused, unless it is only to say that something failed", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer({ status: 200, body: encodeVersioned({ ...REPORT, digest: "b".repeat(64) }) });
    const failure = await failureOf(awaited(s3));
    assert.equal(failure.outcome, "no-verdict");
    assert.match(failure.message, /^Cannot believe the report .*: it is about other messages than this run sent\.$/);
    for (const forged of [{ extras: "listed" as const }, { shards: REPORT.shards + 1 }]) {
      s3.answer({ status: 200, body: encodeVersioned({ ...REPORT, ...forged }) });
      assert.equal((await failureOf(awaited(s3))).outcome, "no-verdict");
    }
    const gaveUp = assembleReport([
      somePart({ bucket: "data", prefix: "p/", manifestDigest: null, error: "S3 is down" }),
    ]);
    s3.answer({ status: 200, body: encodeVersioned(gaveUp) });
    assert.equal((await awaited(s3)).verdict, "error");
  });

  test("fault 8: a login page in its place is no verdict", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer({ status: 200, headers: { "content-type": "text/html" }, body: "<html>Log in</html>" });
    const failure = await failureOf(awaited(s3));
    assert.equal(failure.outcome, "no-verdict");
    assert.match(failure.message, /the report is not JSON/);
  });
});

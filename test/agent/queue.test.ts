/** Queue and diagnosis through the real clients, against a server that answers as a test tells it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { suite, test } from "node:test";
import { diagnose } from "#agent/diagnose.ts";
import { Failure } from "#agent/errors.ts";
import { openPorts, throwIfInterrupted } from "#agent/open-ports.ts";
import { checkQueue, findQueue, openQueue } from "#agent/queue.ts";
import { type Answer, type Asked, connectTo, type FakeS3, startFakeS3 } from "./fake-s3.ts";

const JSON_TYPE = { "content-type": "application/x-amz-json-1.0" };
const QUEUE_ARN = "arn:aws:sqs:eu-central-1:111122223333:cback-validator-data";
const FUNCTION_ARN = "arn:aws:lambda:eu-central-1:111122223333:function:validator";

function json(value: unknown): Answer {
  return { status: 200, headers: JSON_TYPE, body: JSON.stringify(value) };
}

function jsonError(status: number, type: string, message = `${type} for a test.`): Answer {
  return {
    status,
    headers: { ...JSON_TYPE, "x-amzn-errortype": type },
    body: JSON.stringify({ __type: type, message }),
  };
}

const SENT = json({ MessageId: "m", MD5OfMessageBody: createHash("md5").update("{}").digest("hex") });
const NO_QUEUE = jsonError(400, "com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.");

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.catch((reason: unknown) => reason);
  assert.ok(error instanceof Failure, String(error));
  return error;
}

function actionOf({ headers, path }: Asked): string {
  return String(headers["x-amz-target"] ?? path).replace("AmazonSQS.", "");
}

suite("The queue", () => {
  const find = ({ connections, interrupt }: FakeS3, bucket = "data") =>
    findQueue(connections.sqs, bucket, interrupt.signal);
  const sendTo = ({ connections, endpoint, interrupt }: FakeS3) =>
    openQueue(connections.sqs, `${endpoint}/111122223333/queue`, "data", interrupt.signal).send("{}");

  test("is found by the bucket's name", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(json({ QueueUrl: "https://sqs.example/q" }));
    assert.equal(await find(s3, "my.bucket"), "https://sqs.example/q");
    assert.deepEqual(JSON.parse(s3.asked[0]?.body ?? ""), { QueueName: "cback-validator-my_bucket" });
  });

  test("that is missing is told with the command that makes it", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(NO_QUEUE);
    const failure = await failureOf(find(s3));
    assert.equal(failure.outcome, "configuration");
    assert.match(failure.message, /^Cannot find the validator's queue \[cback-validator-data\]: no such queue/);
    assert.match(failure.hint, /`npx cdk deploy -c bucket=data`; or name its queue with --queue URL/);
  });

  test("fault 16: a denial may hide that there is none: it names what makes it, and what to allow", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(jsonError(403, "AccessDeniedException"));
    const found = await failureOf(find(s3));
    assert.equal(found.outcome, "denied");
    assert.equal(found.reason, "access denied (sqs:GetQueueUrl): no such queue, or no right to see it");
    assert.equal(
      found.hint,
      "Check the bucket's name and AWS_REGION; `npx cdk deploy -c bucket=data` makes the queue. If it is there: " +
        "Allow sqs:GetQueueUrl on arn:aws:sqs:*:*:cback-validator-data for these credentials; the statement SeeTheQueues of the stack's host policy does.",
    );
    const sent = await failureOf(sendTo(s3));
    assert.equal(sent.outcome, "denied");
    assert.equal(sent.reason, "access denied (sqs:SendMessage): no such queue, or no right to send to it");
    assert.match(sent.hint, /^Check --queue and .* `npx cdk deploy -c bucket=data` .*: Allow sqs:SendMessage on /);
  });

  test("fault 16: where a policy forbids it, the queue is there", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(jsonError(403, "AccessDeniedException", "Not authorized, with an explicit deny in a policy"));
    for (const failure of [await failureOf(find(s3)), await failureOf(sendTo(s3))]) {
      assert.match(failure.reason, /explicit deny/);
      assert.doesNotMatch(failure.reason + failure.hint, /no such queue|cdk deploy/);
    }
  });

  test("that is gone, though it was named, is told with what to check", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(NO_QUEUE);
    const { hint } = await failureOf(sendTo(s3));
    assert.match(hint, /^Check --queue and CBACK_QUEUE_URL, where one is given; `npx cdk deploy -c bucket=data`/);
  });

  test("fault 61: a message that cannot be sent says that the data is safe, and how to check it later", async (t) => {
    const s3 = await startFakeS3(t);
    for (const [answer, reason] of [
      [NO_QUEUE, /^no such queue$/],
      [jsonError(400, "KmsThrottled"), /KmsThrottled/],
      [jsonError(500, "InternalFailure"), /InternalFailure/],
      ["hang-up", /the connection failed \(ECONNRESET\)/],
    ] as const) {
      s3.answer(answer);
      const failure = await failureOf(sendTo(s3));
      assert.equal(failure.outcome, "no-verdict");
      assert.match(failure.reason, reason);
      assert.match(failure.hint, /What was uploaded is in the bucket; --verifyOnly repeats the check alone\.$/);
    }
  });

  test("fault 3: a message is sent again after a 500 or a 503", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(jsonError(500, "InternalFailure"), jsonError(503, "ServiceUnavailable"), SENT);
    await sendTo(s3);
    assert.deepEqual(s3.asked.map(actionOf), ["SendMessage", "SendMessage", "SendMessage"]);
  });

  test("fault 51: an interruption while sending is one", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(() => {
      setTimeout(() => s3.interrupt.abort(), 10);
      return "silence";
    });
    assert.equal((await failureOf(sendTo(s3))).outcome, "interrupted");
  });

  test("that was named is not looked for", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(json({}), SENT);
    const { connections, interrupt, endpoint } = s3;
    const queueUrl = `${endpoint}/111122223333/mine`;
    const ports = await openPorts({
      target: { bucket: "data", keyPrefix: "" },
      queueUrl,
      connections,
      signal: interrupt.signal,
      stateDirectory: undefined,
      log: { debug: () => {} },
    });
    await ports.queue.send("{}");
    assert.deepEqual(s3.asked.map(actionOf), ["GetQueueAttributes", "SendMessage"]);
    assert.equal(JSON.parse(s3.asked[1]?.body ?? "").QueueUrl, queueUrl);
  });
});

suite("A queue that was named, looked at before anything is sent,", () => {
  const OWN = "/111122223333/cback-validator-my_bucket";
  const found = (path: string) => json({ QueueUrl: `https://sqs.example${path}` });
  const DENIED = jsonError(403, "AccessDeniedException");

  /** What is thrown, what the log is told, and what was asked. */
  async function looked(s3: FakeS3, path = OWN) {
    const debug: string[] = [];
    const { connections, interrupt, endpoint } = s3;
    const log = { debug: (text: string) => void debug.push(text) };
    const failure = await checkQueue(connections.sqsOnce, endpoint + path, "my.bucket", interrupt.signal, log).then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(failure === undefined || failure instanceof Failure, String(failure));
    return { failure, debug, asked: s3.asked.map(actionOf) };
  }

  test("is there: nothing is said", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(json({ Attributes: { QueueArn: QUEUE_ARN } }));
    assert.deepEqual(await looked(s3), { failure: undefined, debug: [], asked: ["GetQueueAttributes"] });
  });

  const HTML = { "content-type": "text/html" };
  for (const [what, answer] of [
    ["that SQS does not know", NO_QUEUE],
    ["whose URL SQS takes for none", jsonError(400, "com.amazonaws.sqs#InvalidAddress")],
    ["where some other server has nothing", { status: 404, headers: HTML, body: "<p>Nothing here</p>" }],
  ] as const)
    test(`fault 61: ${what}, is told with what to check`, async (t) => {
      const s3 = await startFakeS3(t);
      s3.answer(answer);
      const { failure } = await looked(s3, "/111122223333/gone");
      assert.equal(failure?.outcome, "no-verdict");
      assert.equal(failure.reason, "no such queue");
      assert.match(
        failure.hint,
        /^Nothing was sent or deleted\. Check --queue and CBACK_QUEUE_URL.*-c bucket=my\.bucket`/,
      );
    });

  test("fault 71: of another bucket's validator, is told without asking anybody", async (t) => {
    const s3 = await startFakeS3(t);
    for (const path of ["/111122223333/cback-validator-other", "/111122223333/cback-validator-my_bucket2"]) {
      const { failure, asked } = await looked(s3, path);
      assert.equal(failure?.outcome, "no-verdict");
      assert.match(failure.message, /: it is the queue of another bucket's validator\.$/);
      assert.match(failure.hint, /Leave --queue and CBACK_QUEUE_URL out/);
      assert.deepEqual(asked, []);
    }
  });

  const denials: [what: string, named: string, answers: Answer[], stops: boolean][] = [
    ["with no right to see any", "/111122223333/mine", [DENIED, DENIED], false],
    ["while the bucket's own is this very one", OWN, [DENIED, found(OWN)], false],
    ["while the bucket's own is not there", "/111122223333/mine", [DENIED, NO_QUEUE], false],
    ["while the bucket's own may be seen", "/111122223333/mine", [DENIED, found(OWN)], true],
    ["in another account, while the bucket's own may be seen", "/999922223333/mine", [DENIED, found(OWN)], true],
    ["in another region", OWN, [jsonError(403, "SignatureDoesNotMatch"), found(OWN)], true],
    ["with credentials that nobody takes", OWN, [jsonError(403, "SignatureDoesNotMatch")], false],
  ];
  for (const [what, named, answers, stops] of denials)
    test(`fault 16: that is denied, ${what}: ${stops ? "stop" : "go on"}`, async (t) => {
      const s3 = await startFakeS3(t);
      s3.answer(...answers);
      const { failure, debug, asked } = await looked(s3, named);
      assert.deepEqual(asked, ["GetQueueAttributes", "GetQueueUrl"]);
      assert.equal(failure?.outcome, stops ? "denied" : undefined);
      assert.equal(debug.length, stops ? 0 : 1);
      if (stops) assert.match(failure?.reason ?? "", /, and the bucket's queue is https:\/\/sqs\.example\/1111/);
    });

  const others: [what: string, answer: Answer, reason: RegExp][] = [
    ["fault 3: while SQS answers 503", jsonError(503, "ServiceUnavailable"), /ServiceUnavailable/],
    ["fault 2: while SQS is asked too often", jsonError(429, "ThrottlingException"), /ThrottlingException/],
    ["fault 1: while the connection breaks", "hang-up", /ECONNRESET/],
    ["fault 6: while nobody answers", "silence", /no answer/],
    ["fault 8: behind a login page", { status: 200, headers: HTML, body: "<html>Log in</html>" }, /damaged/],
  ];
  for (const [what, answer, reason] of others)
    test(`${what}: it is asked once, and the run goes on`, async (t) => {
      const s3 = await startFakeS3(t);
      s3.answer(answer);
      const started = performance.now();
      const { failure, debug, asked } = await looked(s3);
      assert.equal(failure, undefined);
      assert.match(debug.join(), reason);
      assert.deepEqual(asked, ["GetQueueAttributes"]);
      assert.ok(performance.now() - started < 10_000);
    });

  test("fault 8: on a host that nobody knows is told at once", async (t) => {
    const { interrupt } = await startFakeS3(t);
    const connections = connectTo("https://nobody.invalid", {});
    t.after(() => connections.close());
    const looking = checkQueue(connections.sqsOnce, "https://nobody.invalid/1/q", "data", interrupt.signal, {
      debug: (text) => assert.match(text, /EAI_AGAIN/, "there is no name service here"),
    });
    const failure = await looking.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) return;
    assert.ok(failure instanceof Failure && failure.outcome === "no-verdict", String(failure));
    assert.match(failure.reason, /^its host name is not known/);
  });

  test("fault 51: an interruption is one", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(() => {
      setTimeout(() => s3.interrupt.abort(), 10);
      return "silence";
    });
    assert.equal((await looked(s3)).failure?.outcome, "interrupted");
  });
});

suite("The diagnosis", () => {
  const HEALTHY: Record<string, Answer> = {
    GetQueueUrl: json({ QueueUrl: "https://sqs.example/dead" }),
    "/2015-03-31/event-source-mappings": json({
      EventSourceMappings: [{ State: "Enabled", LastProcessingResult: "OK", FunctionArn: FUNCTION_ARN }],
    }),
    [`/2017-03-31/tags/${FUNCTION_ARN}`]: json({
      Tags: { "cback:package-version": "1.2.3", "cback:contract-version": "1.0" },
    }),
  };
  const attributes = (redrivePolicy?: string): Answer =>
    json({
      Attributes: {
        ApproximateNumberOfMessages: "3",
        ApproximateNumberOfMessagesNotVisible: "1",
        QueueArn: QUEUE_ARN,
        ...(redrivePolicy === undefined ? {} : { RedrivePolicy: redrivePolicy }),
      },
    });
  const REDRIVE = JSON.stringify({
    deadLetterTargetArn: "arn:aws:sqs:eu-central-1:111122223333:dead",
    maxReceiveCount: 5,
  });

  async function diagnosed(s3: FakeS3, changes: Record<string, Answer> = {}) {
    s3.answer((asked) => {
      const action = actionOf(asked).replace(/\/$/, "");
      const answers: Record<string, Answer> = { GetQueueAttributes: attributes(REDRIVE), ...HEALTHY, ...changes };
      return answers[action] ?? { status: 404 };
    });
    const { sqs, lambda } = s3.connections;
    return diagnose({ sqs, lambda: await lambda(), queueUrl: `${s3.endpoint}/111122223333/queue` });
  }

  test("fault 65: tells what queue, dead letters, mapping and function show", async (t) => {
    const { lines, validatorVersion } = await diagnosed(await startFakeS3(t));
    assert.deepEqual(lines, [
      "The queue holds 3 waiting messages, and 1 is being worked on.",
      "The dead letters (dead) hold 3 messages.",
      "The event source mapping is Enabled; last result: OK.",
      "The validator is validator, version 1.2.3, contract 1.0.",
    ]);
    assert.equal(validatorVersion, "1.2.3");
  });

  test("fault 65: tells when no function reads the queue, or the mapping is off", async (t) => {
    const s3 = await startFakeS3(t);
    const none = await diagnosed(s3, { "/2015-03-31/event-source-mappings": json({ EventSourceMappings: [] }) });
    assert.equal(none.lines.at(-1), "No function reads the queue: deploy the stack again.");
    const off = json({ EventSourceMappings: [{ State: "Disabled", FunctionArn: FUNCTION_ARN }] });
    const disabled = await diagnosed(s3, { "/2015-03-31/event-source-mappings": off });
    assert.ok(
      disabled.lines.some((line) => line.includes("Disabled")),
      disabled.lines.join("\n"),
    );
  });

  test("never throws: what cannot be learned is said, and why", async (t) => {
    const s3 = await startFakeS3(t, { attempts: 1 });
    const denied = jsonError(403, "AccessDeniedException", "not allowed");
    assert.deepEqual((await diagnosed(s3, { GetQueueAttributes: denied })).lines, [
      "The queue: not known (not allowed).",
    ]);
    const { lines } = await diagnosed(s3, { "/2015-03-31/event-source-mappings": denied });
    assert.equal(lines.at(-1), "The event source mapping: not known (not allowed).");
    for (const policy of ["", "{", "null", "7", '{"other":1}'])
      assert.equal((await diagnosed(s3, { GetQueueAttributes: attributes(policy) })).lines.length, 3, policy);
    assert.equal((await diagnosed(s3, { GetQueueAttributes: "hang-up" })).lines.length, 1);
  });

  test("does not wait long for an answer", async (t) => {
    const s3 = await startFakeS3(t);
    const started = performance.now();
    const { lines } = await diagnosed(s3, { GetQueueAttributes: "silence" });
    assert.deepEqual(lines, ["The queue: not known (no answer)."]);
    assert.ok(performance.now() - started < 5_000);
  });
});

suite("The connections", () => {
  test("--output tells each request with subject, outcome and tries, and no secret", async (t) => {
    const s3 = await startFakeS3(t);
    const told: string[] = [];
    const connections = connectTo(
      s3.endpoint,
      { attempts: 3, longestDelayMs: 10 },
      { request: (line) => told.push(line), warn: () => {} },
    );
    t.after(() => connections.close());
    s3.answer(jsonError(503, "ServiceUnavailable"), json({ QueueUrl: "u" }), NO_QUEUE);
    await findQueue(connections.sqs, "data", s3.interrupt.signal);
    await failureOf(findQueue(connections.sqs, "data", s3.interrupt.signal));
    assert.match(told[0] ?? "", /^SQS GetQueueUrl \[cback-validator-data\]: 200, 2 tries, \d+ ms$/);
    assert.match(told[1] ?? "", /^SQS GetQueueUrl \[cback-validator-data\]: 400 QueueDoesNotExist, 1 try, \d+ ms$/);
    assert.ok(!told.join().includes("AKIDEXAMPLE"), "I7");
  });

  test("what cannot be loaded any more to explain a report that is missing, is said", async (t) => {
    const s3 = await startFakeS3(t);
    const lambda = () => Promise.reject(new Error("Cannot find module 'x.js'"));
    s3.answer(json({ QueueUrl: "https://sqs.example/q" }));
    const ports = await openPorts({
      target: { bucket: "data", keyPrefix: "" },
      queueUrl: undefined,
      connections: { ...s3.connections, lambda },
      signal: s3.interrupt.signal,
      stateDirectory: undefined,
      log: { debug: () => {} },
    });
    assert.deepEqual(await ports.diagnose(), ["Queue and validator: not known (Cannot find module 'x.js')."]);
  });

  test("the clock's sleep ends at once when the run is interrupted", async (t) => {
    const s3 = await startFakeS3(t);
    const { connections, interrupt } = s3;
    s3.answer(json({ QueueUrl: "https://sqs.example/q" }));
    const { clock } = await openPorts({
      target: { bucket: "data", keyPrefix: "" },
      queueUrl: undefined,
      connections,
      signal: interrupt.signal,
      stateDirectory: undefined,
      log: { debug: () => {} },
    });
    const started = clock.monotonicMs();
    setTimeout(() => interrupt.abort(), 10);
    await clock.sleep(60_000);
    assert.ok(clock.monotonicMs() - started < 5_000);
    assert.throws(() => throwIfInterrupted(interrupt.signal), { name: "Failure", outcome: "interrupted" });
    throwIfInterrupted(new AbortController().signal);
  });
});

/** The bucket port and the SDK behind it, against a server over real HTTP that lies, fails, hangs and cuts. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { suite, test } from "node:test";
import { openBucket } from "#agent/bucket.ts";
import { FILES_IN_FLIGHT } from "#agent/concurrency.ts";
import { Failure, UploadLost } from "#agent/errors.ts";
import type { Bucket } from "#agent/ports.ts";
import { listRange } from "#shared/listing.ts";
import { type Answer, connectTo, contents, type FakeS3, page, refusal, startFakeS3, xml } from "./fake-s3.ts";

const PAGE = { keyPrefix: "p/", startAfter: undefined, token: undefined };
const BODY = Buffer.from("content");
const PART = { partNumber: 1, etag: '"part"', crc32: "AAAAAA==" };
const ETAG: Answer = { status: 200, headers: { etag: '"e"' } };
const COMPLETED = xml("CompleteMultipartUploadResult", "<ETag>&quot;e-1&quot;</ETag>");
const ALL = { after: null, through: null };

interface Call {
  readonly name: string;
  /** What goes before, and is not counted. */
  readonly before?: (bucket: Bucket) => Promise<unknown>;
  readonly cannot: string;
  readonly action: string;
  /** What a denial may hide. */
  readonly hidden?: string;
  readonly good: Answer;
  call(bucket: Bucket): Promise<unknown>;
}

const CALLS: readonly Call[] = [
  {
    name: "fetchPage",
    cannot: "list [s3://data]",
    action: "s3:ListBucket",
    hidden: "no such bucket, or no right to list it",
    good: page(["p/a"]),
    call: (bucket) => bucket.fetchPage(PAGE),
  },
  {
    name: "put",
    cannot: "write [s3://data/p/a]",
    action: "s3:PutObject",
    good: ETAG,
    call: (bucket) => bucket.put("p/a", BODY, 1),
  },
  {
    name: "put, once one has arrived",
    before: (bucket) => bucket.put("p/first", BODY, 1),
    cannot: "write [s3://data/p/a]",
    action: "s3:PutObject",
    good: ETAG,
    call: (bucket) => bucket.put("p/a", BODY, 1),
  },
  {
    name: "startMultipart",
    cannot: "write [s3://data/p/a]",
    action: "s3:PutObject",
    good: xml("InitiateMultipartUploadResult", "<UploadId>u</UploadId>"),
    call: (bucket) => bucket.startMultipart("p/a"),
  },
  {
    name: "putPart",
    cannot: "write [s3://data/p/a]",
    action: "s3:PutObject",
    good: ETAG,
    call: (bucket) => bucket.putPart("p/a", "u", 1, BODY, 1),
  },
  {
    name: "completeMultipart",
    cannot: "write [s3://data/p/a]",
    action: "s3:PutObject",
    good: COMPLETED,
    call: (bucket) => bucket.completeMultipart("p/a", "u", [PART], 7),
  },
  {
    name: "remove",
    cannot: "delete objects in [s3://data]",
    action: "s3:DeleteObject",
    good: xml("DeleteResult", "<Deleted><Key>p/a</Key></Deleted>"),
    call: (bucket) => bucket.remove(["p/a"]),
  },
  {
    name: "read",
    cannot: "read [s3://data/.cback/reports/r.json]",
    action: "s3:GetObject",
    good: { status: 200, body: "{}" },
    call: (bucket) => bucket.read(".cback/reports/r.json"),
  },
];

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => assert.fail("it should have failed"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Failure, `not a Failure: ${error}`);
  return error;
}

async function keysOf({ bucket }: FakeS3): Promise<string[]> {
  const pages = await Array.fromAsync(listRange((request) => bucket.fetchPage(request), "p/", ALL));
  return pages.flat().map(({ path }) => path);
}

for (const { name, before, cannot, action, hidden, good, call } of CALLS) {
  suite(`${name}:`, () => {
    async function start(...of: Parameters<typeof startFakeS3>): Promise<FakeS3> {
      const s3 = await startFakeS3(...of);
      s3.answer(good);
      await before?.(s3.bucket);
      s3.asked.length = 0;
      return s3;
    }

    test("fault 16: a denial names action, resource and what to allow", async (t) => {
      const s3 = await start(t);
      s3.answer(refusal(403, "AccessDenied"));
      const failure = await failureOf(call(s3.bucket));
      assert.equal(failure.outcome, "denied");
      const [reason, first] = hidden ? [`: ${hidden}`, "Check the bucket's name, .* If it is there: "] : ["", ""];
      assert.equal(failure.message, `Cannot ${cannot}: access denied (${action})${reason}.`);
      assert.match(
        failure.hint,
        new RegExp(`^${first}Allow ${action} on arn:aws:s3:::data\\S*( \\(s3:prefix p/\\*\\))? for these credentials;`),
      );
      const requests = s3.asked.map(({ path, query }) => `${path}?${query}`);
      assert.equal(new Set(requests).size, requests.length, "a denial is not tried again");
    });

    test("fault 14: a missing bucket is named, and nothing is created", async (t) => {
      const s3 = await start(t);
      s3.answer(refusal(404, "NoSuchBucket"));
      const failure = await failureOf(call(s3.bucket));
      assert.equal(failure.outcome, "failed");
      assert.equal(failure.message, `Cannot ${cannot}: no such bucket.`);
      assert.match(failure.hint, /Check the URL\. Nothing was created/);
      assert.equal(s3.asked.length, 1);
    });

    test("fault 2: a 503 is tried again, with the same body", async (t) => {
      const s3 = await start(t);
      s3.answer(refusal(503, "ServiceUnavailable"), good);
      await call(s3.bucket);
      assert.equal(s3.asked.length, 2);
      assert.equal(s3.asked[1]?.body, s3.asked[0]?.body);
    });

    test("fault 3: 500, 502, 504 and 429 are tried again, and named when they last", async (t) => {
      const s3 = await start(t, { attempts: 5 });
      s3.answer(refusal(500, "InternalError"), { status: 502 }, { status: 504 }, refusal(429, "TooManyRequests"), good);
      await call(s3.bucket);
      assert.equal(s3.asked.length, 5);
      s3.answer(refusal(500, "InternalError", "We encountered an internal error."));
      const failure = await failureOf(call(s3.bucket));
      assert.equal(failure.outcome, "failed");
      assert.equal(failure.message, `Cannot ${cannot}: We encountered an internal error — InternalError 500.`);
      assert.equal(failure.hint, "Run again; --debug tells more.");
      assert.equal(s3.asked.length, 10);
    });

    test("fault 1: a connection that is cut before or within an answer is tried again", async (t) => {
      const s3 = await start(t, { attempts: 4 });
      const half = { ...(good as object), cut: true } as Answer;
      s3.answer("hang-up", half, good);
      await call(s3.bucket);
      assert.ok(s3.asked.length >= 2);
      s3.answer("hang-up");
      const failure = await failureOf(call(s3.bucket));
      assert.equal(failure.message, `Cannot ${cannot}: the connection failed (ECONNRESET).`);
      assert.match(failure.hint, /^Check the network, AWS_REGION and AWS_ENDPOINT_URL, then run again/);
    });

    test("fault 6: a server that never answers is left, and asked again", async (t) => {
      const s3 = await start(t, { idleTimeoutMs: 100, attempts: 2 });
      s3.answer("silence", good);
      await call(s3.bucket);
      s3.answer("silence");
      const failure = await failureOf(call(s3.bucket));
      assert.equal(failure.message, `Cannot ${cannot}: the connection failed (ETIMEDOUT).`);
      assert.equal(s3.asked.length, 4);
    });

    test("an interruption ends it at once, and is named", async (t) => {
      const s3 = await start(t);
      s3.answer(() => {
        setTimeout(() => s3.interrupt.abort(), 20);
        return "silence";
      });
      const failure = await failureOf(call(s3.bucket));
      assert.equal(failure.outcome, "interrupted");
      assert.equal(s3.asked.length, 1);
    });

    for (const [code, reason] of [
      ["ExpiredToken", "the credentials have expired"],
      ["InvalidAccessKeyId", "the credentials are not accepted (InvalidAccessKeyId)"],
    ] as const)
      test(`fault 11: ${code} is told once, with the way to log in`, async (t) => {
        const s3 = await start(t);
        s3.answer(refusal(code === "ExpiredToken" ? 400 : 403, code));
        const failure = await failureOf(call(s3.bucket));
        assert.equal(failure.outcome, "denied");
        assert.equal(failure.message, `Cannot ${cannot}: ${reason}.`);
        assert.match(failure.hint, /aws sso login/);
        assert.equal(s3.asked.length, 1);
      });
  });
}

suite("Time limits", () => {
  test("fault 6: a request without content ends after its time, a slow one with content does not", async (t) => {
    const s3 = await startFakeS3(t, { requestTimeoutMs: 100, attempts: 1 });
    s3.answer("silence");
    assert.match((await failureOf(s3.bucket.fetchPage(PAGE))).message, /ETIMEDOUT/);
    s3.answer({ status: 200, headers: { etag: '"e"' }, delayMs: 300 });
    assert.deepEqual(await s3.bucket.put("p/a", BODY, 1), { etag: "e" });
    assert.equal((await s3.bucket.putPart("p/a", "u", 1, BODY, 1)).etag, "e");
  });
});

suite("A burst of 503", () => {
  test("fault 2: over many requests at once none of them gives up", async (t) => {
    // The SDK's own rule would have used up its retries for all of them after about 35.
    const s3 = await startFakeS3(t, { attempts: 20 });
    let left = 200;
    s3.answer(() => (left-- > 0 ? { status: 503 } : ETAG));
    await Promise.all(Array.from({ length: 64 }, (_, index) => s3.bucket.put(`p/${index}`, BODY, 1)));
    assert.equal(s3.asked.length, 264);
  });

  test("fault 2: a server that never lets up ends the request after its time, not after its tries", async (t) => {
    const s3 = await startFakeS3(t, { attempts: 1_000, budgetMs: 700 });
    s3.answer({ status: 503 });
    const started = performance.now();
    await failureOf(s3.bucket.put("p/a", BODY, 1));
    assert.ok(performance.now() - started < 3_000);
    assert.ok(s3.asked.length > 2);
  });
});

suite("A large content", () => {
  test("fault 3: arrives whole with each try", async (t) => {
    const s3 = await startFakeS3(t, { attempts: 3 });
    const content = Buffer.alloc(3 * 1024 * 1024 + 1, "abcdefghijk");
    for (const send of [() => s3.bucket.putPart("p/a", "u", 1, content, 1), () => s3.bucket.put("p/a", content, 1)]) {
      s3.asked.length = 0;
      s3.answer({ status: 500 }, { status: 503 }, ETAG);
      assert.equal((await send()).etag, "e");
      assert.equal(s3.asked.length, 3);
      for (const { headers, body } of s3.asked) {
        assert.equal(headers["content-length"], String(content.length));
        assert.ok(body === content.toString(), "the content is whole");
      }
    }
  });
});

suite("A server that is asked too often", () => {
  test("fault 2: has half as many files worked on at once", async (t) => {
    const s3 = await startFakeS3(t);
    for (const [answer, places] of [
      [refusal(500, "InternalError"), FILES_IN_FLIGHT.first],
      [refusal(503, "SlowDown"), FILES_IN_FLIGHT.first / 2],
    ] as const) {
      s3.answer(answer, ETAG);
      await s3.bucket.put("p/a", BODY, 1);
      assert.equal(s3.connections.files.places, places);
    }
  });
});

suite("Addresses that are wrong", () => {
  async function failureAt(endpoint: string): Promise<Failure> {
    const connections = connectTo(endpoint, { firstAnswerBudgetMs: 300, longestDelayMs: 50 });
    try {
      return await failureOf(openBucket(connections, "data", new AbortController().signal).fetchPage(PAGE));
    } finally {
      connections.close();
    }
  }

  test("fault 8: a port where nothing listens is named as such, without waiting long", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const failure = await failureAt(`http://127.0.0.1:${port}`);
    assert.equal(failure.message, "Cannot list [s3://data]: nothing listens there (ECONNREFUSED).");
    assert.match(failure.hint, /AWS_ENDPOINT_URL/);
  });

  test("fault 8: a server that speaks no TLS is named as such, and not asked again", async (t) => {
    let connectionCount = 0;
    const server = createServer((socket) => {
      connectionCount += 1;
      socket.on("error", () => {});
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    const failure = await failureAt(`https://127.0.0.1:${port}`);
    assert.match(failure.message, /TLS|certificate/);
    assert.equal(failure.outcome, "configuration");
    assert.equal(connectionCount, 1);
  });

  test("fault 8: a login page that answers everything with 200 is never taken for S3", async (t) => {
    const s3 = await startFakeS3(t);
    const html = { "content-type": "text/html" };
    const page = "<!DOCTYPE html><html><body><p>Log in & pay<br></body></html>";
    for (const { name, before, good, cannot, call } of CALLS) {
      if (name === "read" || name === "remove") continue;
      s3.answer(good);
      await before?.(s3.bucket);
      s3.answer({ status: 200, headers: html, body: page });
      const failure = await failureOf(call(s3.bucket));
      assert.ok(
        failure.message.startsWith(`Cannot ${cannot}: the answer is damaged, or not from S3: `),
        `${name}: ${failure.message}`,
      );
      assert.match(failure.hint, /login page/);
    }
  });

  test("fault 8: a proxy that wants a login is named as such, and not asked again", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer({ status: 407 });
    const failure = await failureOf(s3.bucket.fetchPage(PAGE));
    assert.equal(failure.outcome, "configuration");
    assert.equal(failure.message, "Cannot list [s3://data]: the proxy wants a login (407).");
    assert.match(failure.hint, /HTTPS_PROXY/);
    assert.equal(s3.asked.length, 1);
  });

  test("fault 12: without credentials it says what was looked for and how to log in", async (t) => {
    const s3 = await startFakeS3(t);
    const { AWS_ACCESS_KEY_ID: keyId, ...others } = process.env;
    delete process.env.AWS_ACCESS_KEY_ID;
    process.env.AWS_SHARED_CREDENTIALS_FILE = "/nonexistent";
    process.env.AWS_CONFIG_FILE = "/nonexistent";
    t.after(() => {
      process.env.AWS_ACCESS_KEY_ID = keyId;
      for (const name of ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"])
        if (others[name] === undefined) delete process.env[name];
    });
    const failure = await failureOf(s3.bucket.fetchPage(PAGE));
    assert.equal(failure.outcome, "denied");
    assert.match(failure.message, /^Cannot list \[s3:\/\/data\]: no credentials: /);
    assert.match(failure.hint, /AWS_PROFILE.*aws sso login.*--diagnostics/);
    assert.equal(s3.asked.length, 0);
  });

  test("fault 13: the region that S3 names is followed", async (t) => {
    const s3 = await startFakeS3(t);
    const headers = { "x-amz-bucket-region": "us-west-2" };
    s3.answer(refusal(301, "PermanentRedirect", "Wrong region.", headers), page(["p/a"]));
    const { objects } = await s3.bucket.fetchPage(PAGE);
    assert.equal(objects.length, 1);
    assert.match(s3.asked[0]?.headers.authorization ?? "", /\/eu-central-1\/s3\//);
    assert.match(s3.asked[1]?.headers.authorization ?? "", /\/us-west-2\/s3\//);
  });

  test("fault 13: a wrong region that nobody corrects says what to set", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(refusal(400, "AuthorizationHeaderMalformed"));
    const failure = await failureOf(s3.bucket.fetchPage(PAGE));
    assert.equal(failure.outcome, "configuration");
    assert.match(failure.message, /the bucket is in another region/);
    assert.match(failure.hint, /AWS_REGION/);
  });

  test("fault 9: a clock that is wrong is corrected by the server's, and the request sent again", async (t) => {
    const s3 = await startFakeS3(t);
    const serverTime = new Date(Date.now() + 3 * 3_600_000);
    const headers = { date: serverTime.toUTCString() };
    s3.answer(refusal(403, "RequestTimeTooSkewed", "Wrong time.", headers), ETAG);
    await s3.bucket.put("p/a", BODY, 1);
    const told = String(s3.asked[1]?.headers["x-amz-date"]);
    const hour = serverTime.toISOString().slice(0, 13).replaceAll("-", "");
    const corrected = new Date(serverTime.getTime() + 60_000).toISOString().slice(0, 13).replaceAll("-", "");
    assert.ok(told.startsWith(hour) || told.startsWith(corrected), told);
  });
});

suite("Listings", () => {
  test("fault 5: a page that is not whole is asked for again", async (t) => {
    const whole = page(["p/a", "p/b"]) as { body: string };
    const torn: Answer[] = [
      { status: 200, body: whole.body.slice(0, -40) },
      { status: 200, body: "" },
      page(["p/a"], { count: 2 }),
      xml("ListBucketResult", `<KeyCount>1</KeyCount>${contents("p/a")}`),
      xml(
        "ListBucketResult",
        `<KeyCount>1</KeyCount><IsTruncated>false</IsTruncated><Contents><Key>p/a</Key></Contents>`,
      ),
      page(["p/%E9"]),
      refusal(200, "InternalError"),
    ];
    for (const [index, answer] of torn.entries()) {
      const s3 = await startFakeS3(t);
      s3.answer(answer, whole as Answer);
      assert.deepEqual(await keysOf(s3), ["a", "b"], `case ${index}`);
      assert.equal(s3.asked.length, 2, `case ${index}`);
    }
  });

  test("fault 5: a page that stays torn is no end of the listing, but a failure", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(page(["p/a"], { count: 2 }));
    await assert.rejects(keysOf(s3), /the listing is not trustworthy: a page does not hold as many keys as it says/);
    assert.equal(s3.asked.length, 4);
  });

  test("fault 7: a listing that contradicts itself is not trusted", async (t) => {
    const s3 = await startFakeS3(t);
    const noToken = xml("ListBucketResult", `<KeyCount>1</KeyCount><IsTruncated>true</IsTruncated>${contents("p/a")}`);
    s3.answer(noToken);
    await assert.rejects(keysOf(s3), /the listing is not trustworthy: it goes on but gives no token/);
    s3.answer(page([], { token: "t" }), page([], { token: "t" }));
    await assert.rejects(keysOf(s3), /the listing is not trustworthy: it repeats its token/);
    s3.answer(page(["p/b", "p/a"]));
    await assert.rejects(keysOf(s3), /the listing is not trustworthy: its keys do not ascend/);
    s3.answer(page(["p/b"], { token: "t" }), page(["p/a"]));
    await assert.rejects(keysOf(s3), /the listing is not trustworthy: its keys do not ascend/);
    s3.answer(page(["p2/a"]));
    await assert.rejects(keysOf(s3), /the listing is not trustworthy: it shows a key outside the prefix/);
  });

  test("keys arrive as they are: plus, percent, controls, line ends, what XML reserves", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(
      page([
        "p/%00",
        "p/%0A",
        "p/%0D",
        "p/%1B%5B31m",
        "p/a+b",
        "p/a%2520b",
        "p/a%26%3C%3E%22%27",
        "p/a%2Bb",
        "p/%F0%9F%98%80",
      ]),
    );
    assert.deepEqual(await keysOf(s3), ["\0", "\n", "\r", "\x1b[31m", "a b", "a%20b", "a&<>\"'", "a+b", "😀"]);
    assert.equal(s3.asked[0]?.query.get("encoding-type"), "url");
    assert.equal(s3.asked[0]?.query.get("prefix"), "p/");
  });
});

suite("Writing", () => {
  test("fault 17: a denied key is named with its action, not the bucket's", async (t) => {
    const s3 = await startFakeS3(t);
    const message =
      "User: arn:aws:iam::1:user/h is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:eu-central-1:1:key/k because no resource-based policy allows it";
    s3.answer(refusal(403, "AccessDenied", message));
    const failure = await failureOf(s3.bucket.put("p/a", BODY, 1));
    assert.equal(failure.outcome, "denied");
    assert.match(failure.reason, /^access denied \(kms:GenerateDataKey\): .*arn:aws:kms:eu-central-1:1:key\/k/);
    assert.match(failure.hint, /^Allow kms:GenerateDataKey on the key that encrypts the bucket/);
  });

  test("fault 16: where a policy forbids it, nobody is told to allow it", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(refusal(403, "AccessDenied", "Denied with an explicit deny in a resource-based policy"));
    const failure = await failureOf(s3.bucket.put("p/a", BODY, 1));
    assert.equal(failure.outcome, "denied");
    assert.match(failure.hint, /^A policy denies s3:PutObject on arn:aws:s3:::data\/p\/a: look for a Deny/);
  });

  test("a put names its content's checksum, size and key byte by byte", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(ETAG);
    const key = "p/a b+c%20\n\r\x1b\u{fffd}\u{1f600}e\u0301'\"&";
    assert.deepEqual(await s3.bucket.put(key, BODY, 0x01020304), { etag: "e" });
    const [asked] = s3.asked;
    assert.equal(asked?.path, `/data/${key}`);
    assert.equal(asked?.headers["x-amz-checksum-crc32"], "AQIDBA==");
    assert.equal(asked?.headers["content-length"], "7");
    assert.equal(asked?.body, "content");
  });

  test("I4: a put is refused that S3 answered without an ETag", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer({ status: 200 });
    assert.match((await failureOf(s3.bucket.put("p/a", BODY, 1))).message, /the answer has no ETag/);
    assert.match((await failureOf(s3.bucket.putPart("p/a", "u", 1, BODY, 1))).message, /the answer has no ETag/);
  });

  test("fault 4: a completion that answers 200 with an error is one, and is tried again where that helps", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(refusal(200, "InternalError"), COMPLETED);
    assert.deepEqual(await s3.bucket.completeMultipart("p/a", "u", [PART], 7), { etag: "e-1" });
    assert.equal(s3.asked.length, 2);
    s3.answer(refusal(200, "BadDigest", "The checksum did not match."));
    const failure = await failureOf(s3.bucket.completeMultipart("p/a", "u", [PART], 7));
    assert.match(failure.message, /^Cannot write \[s3:\/\/data\/p\/a\]: The checksum did not match — BadDigest/);
  });

  test("a completion names each part with its checksum, and the whole size", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(COMPLETED);
    await s3.bucket.completeMultipart("p/a", "u", [PART, { ...PART, partNumber: 2 }], 7);
    const [asked] = s3.asked;
    assert.equal(asked?.headers["x-amz-mp-object-size"], "7");
    assert.equal(asked?.body.match(/<ChecksumCRC32>AAAAAA==<\/ChecksumCRC32>/g)?.length, 2);
  });

  test("fault 21: a multipart upload that is gone, or a part of it, is told apart from other failures", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(refusal(404, "NoSuchUpload"));
    assert.ok((await failureOf(s3.bucket.putPart("p/a", "u", 1, BODY, 1))) instanceof UploadLost);
    assert.ok((await failureOf(s3.bucket.completeMultipart("p/a", "u", [PART], 7))) instanceof UploadLost);
    s3.answer(refusal(400, "InvalidPart"));
    assert.ok((await failureOf(s3.bucket.completeMultipart("p/a", "u", [PART], 7))) instanceof UploadLost);
  });

  test("an abort that fails is no failure of its own, and goes out although the run is interrupted", async (t) => {
    const s3 = await startFakeS3(t);
    s3.interrupt.abort();
    s3.answer({ status: 204 });
    await s3.bucket.abortMultipart("p/a", "u");
    assert.deepEqual([s3.asked[0]?.method, s3.asked[0]?.query.get("uploadId")], ["DELETE", "u"]);
    s3.answer(refusal(403, "AccessDenied"));
    await s3.bucket.abortMultipart("p/a", "u");
  });
});

suite("Deleting", () => {
  const deleted = (...keys: string[]) =>
    xml("DeleteResult", keys.map((key) => `<Deleted><Key>${key}</Key></Deleted>`).join(""));

  test("goes in batches of 1,000", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(({ body }) => deleted(...[...body.matchAll(/<Key>([^<]*)<\/Key>/g)].map((match) => match[1] ?? "")));
    assert.deepEqual(await s3.bucket.remove(Array.from({ length: 2_001 }, (_, index) => `p/${index}`)), []);
    assert.deepEqual(
      s3.asked.map(({ body }) => body.match(/<Object>/g)?.length),
      [1_000, 1_000, 1],
    );
  });

  test("keys that XML cannot hold are deleted one by one, byte by byte", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer((asked) => (asked.method === "POST" ? deleted("p/a", "p/a&amp;b") : { status: 204 }));
    assert.deepEqual(await s3.bucket.remove(["p/a", "p/\0", "p/\r", "p/\x1b", "p/\uffff", "p/a&b"]), []);
    assert.deepEqual(
      s3.asked.map(({ method, path }) => (method === "POST" ? "batch" : path)),
      ["batch", "/data/p/\0", "/data/p/\r", "/data/p/\x1b", "/data/p/\uffff"],
    );
  });

  test("fault 16: what S3 refuses to delete is named with what to allow; the others are gone", async (t) => {
    const s3 = await startFakeS3(t);
    const error = (key: string, code: string) =>
      `<Error><Key>${key}</Key><Code>${code}</Code><Message>${code} for a test.</Message></Error>`;
    s3.answer(
      xml(
        "DeleteResult",
        `<Deleted><Key>p/a</Key></Deleted>${error("p/b", "AccessDenied")}${error("p/c", "InternalError")}`,
      ),
    );
    const faults = await s3.bucket.remove(["p/a", "p/b", "p/c"]);
    assert.deepEqual(
      faults.map(({ key }) => key),
      ["p/b", "p/c"],
    );
    assert.match(
      faults[0]?.reason ?? "",
      /^access denied \(s3:DeleteObject\)\. Allow s3:DeleteObject on arn:aws:s3:::data\/p\/b for these credentials/,
    );
    assert.equal(faults[1]?.reason, "InternalError for a test — InternalError");
  });

  test("fault 4: a deletion that S3 does not confirm is not one", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(xml("DeleteResult", ""));
    const unconfirmed = [{ key: "p/a", reason: "S3 does not say that it is gone" }];
    assert.deepEqual(await s3.bucket.remove(["p/a"]), unconfirmed);
    s3.answer(refusal(200, "InternalError"));
    const outcome = await s3.bucket.remove(["p/a"]).catch((error: unknown) => error);
    assert.ok(outcome instanceof Failure || (outcome as unknown[]).length === 1);
  });

  test("a single deletion that fails names its key and the reason", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(refusal(500, "InternalError"));
    assert.deepEqual(await s3.bucket.remove(["p/\r"]), [
      { key: "p/\r", reason: "InternalError for a test — InternalError 500" },
    ]);
  });
});

suite("Reading", () => {
  test("an object that is not there is none, and no failure", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(refusal(404, "NoSuchKey"));
    assert.equal(await s3.bucket.read("k"), undefined);
  });

  test("a denial means absence to a host that may list where it reads, and sees nothing there", async (t) => {
    const s3 = await startFakeS3(t);
    const denied = refusal(403, "AccessDenied");
    s3.answer(denied, page([]));
    assert.equal(await s3.bucket.read("p/k"), undefined);
    assert.equal(s3.asked[1]?.query.get("prefix"), "p/k");
    s3.answer(denied, page(["p/k2"]));
    assert.equal(await s3.bucket.read("p/k"), undefined, "a neighbour is not the object");
    s3.answer(denied, page(["p/k"]));
    assert.equal((await failureOf(s3.bucket.read("p/k"))).outcome, "denied", "it is there and may not be read");
    s3.answer(denied, refusal(503, "SlowDown"));
    const { message, outcome } = await failureOf(s3.bucket.read("p/k"));
    assert.match(message, /^Cannot list \[s3:\/\/data\]/);
    assert.equal(outcome, "failed", "no answer is neither");
  });

  test("fault 1: a body that breaks off is read again, and never taken for the whole", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer({ status: 200, body: '{"half":', cut: true }, { status: 200, body: '{"whole":1}' });
    assert.equal(await s3.bucket.read("k"), '{"whole":1}');
    s3.answer({ status: 200, body: '{"half":', cut: true });
    const failure = await failureOf(s3.bucket.read("k"));
    assert.match(failure.message, /^Cannot read \[s3:\/\/data\/k\]: the connection failed \(ECONNRESET\)/);
  });

  test("fault 6: a body that stops within is left after the idle time, and asked for again", async (t) => {
    const s3 = await startFakeS3(t, { idleTimeoutMs: 100, requestTimeoutMs: 5_000 });
    s3.answer({ status: 200, body: '{"half":', stall: true }, { status: 200, body: '{"whole":1}' });
    assert.equal(await s3.bucket.read("k"), '{"whole":1}');
    const { body = "" } = page(["p/a"]) as { body?: string };
    s3.answer({ status: 200, body: body.slice(0, 50), stall: true }, page(["p/a"]));
    assert.deepEqual(await keysOf(s3), ["a"]);
    s3.answer({ status: 200, body: '{"half":', stall: true });
    assert.match(
      (await failureOf(s3.bucket.read("k"))).message,
      /^Cannot read \[s3:\/\/data\/k\]: the connection failed/,
    );
  });
});

suite("The checksums of an object", () => {
  const stored = (headers: Record<string, string>): Answer => ({ status: 200, headers: { etag: '"e-2"', ...headers } });

  test("are asked for with one HEAD, and only those of the whole content are given", async (t) => {
    const { bucket, asked, answer } = await startFakeS3(t);
    const none = { etag: "e-2", crc32: undefined, sha256: undefined };
    for (const [headers, found] of [
      [{}, none],
      [
        { "x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-type": "FULL_OBJECT" },
        { ...none, crc32: "AAAAAA==" },
      ],
      [{ "x-amz-checksum-sha256": "x=" }, { ...none, sha256: "x=" }],
      [{ "x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-type": "COMPOSITE" }, none],
      [{ "x-amz-checksum-sha256": "x=-2" }, none],
    ] as const) {
      answer(stored(headers));
      assert.deepEqual(await bucket.checksums("p/a"), found);
    }
    assert.equal(asked.length, 5);
    assert.ok(asked.every(({ method, headers }) => method === "HEAD" && headers["x-amz-checksum-mode"] === "ENABLED"));
  });

  test("fault 16: are unknown where the host may not ask, or there is no object", async (t) => {
    const { bucket, answer } = await startFakeS3(t);
    for (const status of [403, 404]) {
      answer({ status });
      assert.equal(await bucket.checksums("p/a"), undefined);
    }
  });

  test("fault 3: that a server keeps from giving, or an answer without an ETag, is a failure that names the key", async (t) => {
    const { bucket, answer } = await startFakeS3(t);
    for (const given of [{ status: 503 }, { status: 412 }, "hang-up", { status: 200 }] as const) {
      answer(given);
      const { message } = await failureOf(bucket.checksums("p/a"));
      assert.match(message, /^Cannot read the checksum of \[s3:\/\/data\/p\/a\]: /);
    }
    answer({ status: 503 }, stored({}));
    assert.equal((await bucket.checksums("p/a"))?.etag, "e-2");
  });

  test("of a server that never answers are a failure in time", async (t) => {
    const { bucket, answer } = await startFakeS3(t, { requestTimeoutMs: 50, attempts: 1 });
    answer("silence");
    assert.match((await failureOf(bucket.checksums("p/a"))).message, /^Cannot read the checksum of/);
  });

  test("fault 51: are not waited for after an interruption", async (t) => {
    const { bucket, answer, interrupt } = await startFakeS3(t);
    answer("silence");
    const asking = failureOf(bucket.checksums("p/a"));
    interrupt.abort();
    assert.equal((await asking).outcome, "interrupted");
  });
});

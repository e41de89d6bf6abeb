/** Puts that go past most of the SDK's client, beside those that the client sends itself. */
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";
import { PutObjectCommand, S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { DirectPuts, type Put } from "#agent/direct-puts.ts";
import { type Answer, type Asked, connectTo, type FakeS3, refusal, startFakeS3 } from "./fake-s3.ts";

const SECRET = "example";
const ETAG: Answer = { status: 200, headers: { etag: '"e"' } };
const OPTIONS = { abortSignal: new AbortController().signal, requestTimeout: 60_000 };
const KEYS = [
  "a",
  "p/a b+c%20",
  "p//x/../y/.",
  "é\u0301\u{1f600}\u{fffd}",
  "!'()*~-_.;:@&=$,?#[]",
  '\0\n\r\x1b"<>\\^`{|}',
];

function put(key: string, body: string | Buffer = "content"): Put {
  return { Bucket: "data", Key: key, Body: Buffer.from(body), ChecksumCRC32: "AAAAAQ==" };
}

/** Whether the client counted tries: it does so with each request that it sends itself. */
function isDirect({ headers }: Asked): boolean {
  return headers["amz-sdk-request"] === undefined;
}

function last({ asked }: FakeS3): Asked {
  const found = asked.at(-1);
  assert.ok(found);
  return found;
}

async function sendOne({ connections, answer }: FakeS3): Promise<void> {
  answer(ETAG);
  await connections.puts.send(put("first"), OPTIONS);
}

/** The signature of a request, from what arrived alone (S3 API reference, "Signature Version 4"). */
function signatureOf({ method, url, headers }: Asked, region: string): string {
  const [path, query = ""] = url.split("?");
  const [, signedHeaders = ""] = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? "") ?? [];
  const date = String(headers["x-amz-date"]);
  const canonical = [
    ...[method, path, query],
    ...signedHeaders.split(";").map((name) => `${name}:${headers[name]}`),
    ...["", signedHeaders, headers["x-amz-content-sha256"]],
  ].join("\n");
  const scope = [date.slice(0, 8), region, "s3", "aws4_request"];
  const hashed = createHash("sha256").update(canonical).digest("hex");
  const toSign = ["AWS4-HMAC-SHA256", date, scope.join("/"), hashed].join("\n");
  const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  return hmac(scope.reduce<string | Buffer>(hmac, `AWS4${SECRET}`), toSign).toString("hex");
}

function assertSigned(asked: Asked, region: string): void {
  const authorization = String(asked.headers.authorization);
  assert.match(authorization, new RegExp(`/${region}/s3/aws4_request`));
  assert.equal(/Signature=(\w+)/.exec(authorization)?.[1], signatureOf(asked, region));
  const sha256 = createHash("sha256").update(asked.body).digest("hex");
  assert.equal(asked.headers["x-amz-content-sha256"], sha256);
}

/** Puts by a client with credentials of its own. */
function putsWith(
  scope: { after(hook: () => void): void },
  { endpoint }: FakeS3,
  credentials: NonNullable<S3ClientConfig["credentials"]>,
): DirectPuts {
  const client = new S3Client({ endpoint, region: "eu-central-1", forcePathStyle: true, credentials });
  scope.after(() => client.destroy());
  return new DirectPuts(client, (_, send) => send());
}

suite("A direct put", () => {
  test("is what the client would have sent, whatever the key and the content", async (t) => {
    const s3 = await startFakeS3(t);
    await sendOne(s3);
    assert.ok(!isDirect(last(s3)));
    for (const key of KEYS)
      for (const body of ["", "content"]) {
        await s3.connections.s3.send(new PutObjectCommand(put(key, body)));
        const byClient = last(s3);
        assertSigned(byClient, "eu-central-1");
        assert.deepEqual(await s3.connections.puts.send(put(key, body), OPTIONS), {
          ETag: '"e"',
          $metadata: { httpStatusCode: 200, attempts: 1 },
        });
        const direct = last(s3);
        assert.ok(isDirect(direct));
        assertSigned(direct, "eu-central-1");
        assert.equal(direct.url, byClient.url);
        assert.equal(direct.body, body);
        const OWN = /^(amz-sdk-(request|invocation-id)|x-amz-date|authorization)$/;
        const shared = (asked: Asked) => Object.entries(asked.headers).filter(([name]) => !OWN.test(name));
        assert.deepEqual(shared(direct), shared(byClient));
      }
  });

  test("is not signed by the client's signer, but for the first", async (t) => {
    // Not on two days.
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
    const s3 = await startFakeS3(t);
    const { config } = s3.connections.s3;
    const signerOf = config.signer;
    let signed = 0;
    config.signer = async (authScheme) => {
      const signer = await signerOf(authScheme);
      const sign: typeof signer.sign = async (...of) => {
        signed += 1;
        return signer.sign(...of);
      };
      return { sign };
    };
    // One that the client sends, with a signature of its own, is the model.
    s3.answer(ETAG);
    for (const key of KEYS) await s3.connections.puts.send(put(key), OPTIONS);
    assert.equal(signed, 2);
    for (const asked of s3.asked) assertSigned(asked, "eu-central-1");
  });

  test("leaves its connection to the next", async (t) => {
    let connectionCount = 0;
    const server = createServer((request, response) => {
      request.resume();
      request.on("end", () => response.writeHead(200, { etag: '"e"', "content-length": 0 }).end());
    });
    server.on("connection", () => {
      connectionCount += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const connections = connectTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {});
    t.after(() => {
      connections.close();
      server.closeAllConnections();
      server.close();
    });
    for (let index = 0; index < 20; index++) await connections.puts.send(put(`p/${index}`), OPTIONS);
    // The answer is still read to its end when the next begins.
    assert.ok(connectionCount <= 2, String(connectionCount));
  });

  test("is none for another bucket than before, nor for large content", async (t) => {
    const s3 = await startFakeS3(t);
    await sendOne(s3);
    await s3.connections.puts.send({ ...put("a"), Bucket: "other" }, OPTIONS);
    assert.ok(!isDirect(last(s3)));
    assert.equal(last(s3).path, "/other/a");
    await s3.connections.puts.send(put("a", Buffer.alloc(2 * 1024 * 1024)), OPTIONS);
    assert.ok(!isDirect(last(s3)));
  });

  test("is signed with the credentials that the client has by then", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(ETAG);
    let count = 0;
    // They have expired at once.
    const puts = putsWith(t, s3, async () => ({
      accessKeyId: `AKID${++count}`,
      secretAccessKey: SECRET,
      sessionToken: `token ${count}`,
      expiration: new Date(0),
    }));
    await puts.send(put("a"), OPTIONS);
    const before = count;
    await puts.send(put("b"), OPTIONS);
    assert.ok(count > before);
    assert.ok(isDirect(last(s3)));
    assert.match(last(s3).headers.authorization ?? "", new RegExp(`Credential=AKID${count}/`));
    assert.equal(last(s3).headers["x-amz-security-token"], `token ${count}`);
    assertSigned(last(s3), "eu-central-1");
  });

  test("fault 12: says what the client says when there are no credentials any more", async (t) => {
    const s3 = await startFakeS3(t);
    s3.answer(ETAG);
    let count = 0;
    const puts = putsWith(t, s3, async () => {
      if (s3.asked.length > 0) throw Object.assign(new Error("logged out"), { name: "CredentialsProviderError" });
      return { accessKeyId: `AKID${++count}`, secretAccessKey: SECRET, expiration: new Date(0) };
    });
    await puts.send(put("a"), OPTIONS);
    await assert.rejects(puts.send(put("b"), OPTIONS), { name: "CredentialsProviderError", message: "logged out" });
    assert.equal(s3.asked.length, 1);
  });

  test("fault 9: follows the clock that the client has corrected", async (t) => {
    const s3 = await startFakeS3(t);
    await sendOne(s3);
    const serverTime = new Date(Date.now() + 3 * 3_600_000);
    const headers = { date: serverTime.toUTCString() };
    s3.answer(refusal(403, "RequestTimeTooSkewed", "Wrong time.", headers), {
      status: 200,
      headers: { etag: '"e"', ...headers },
    });
    await s3.connections.puts.send(put("a"), OPTIONS);
    await s3.connections.puts.send(put("b"), OPTIONS);
    assert.deepEqual(s3.asked.slice(1).map(isDirect), [true, false, true]);
    const signed = (asked: Asked | undefined) => {
      const date = String(asked?.headers["x-amz-date"]);
      return Date.parse(date.replace(/^(....)(..)(..T..)(..)(..)Z$/, "$1-$2-$3:$4:$5Z"));
    };
    const [, refused, again, next] = s3.asked.map(signed);
    for (const one of [again, next]) assert.ok((one ?? 0) - (refused ?? 0) > 2 * 3_600_000, `${refused} ${one}`);
  });

  test("fault 13: follows its bucket to another region", async (t) => {
    const s3 = await startFakeS3(t);
    await sendOne(s3);
    const headers = { "x-amz-bucket-region": "us-west-2" };
    s3.answer(refusal(301, "PermanentRedirect", "Wrong region.", headers), ETAG);
    await s3.connections.puts.send(put("a"), OPTIONS);
    await s3.connections.puts.send(put("b"), OPTIONS);
    const [, refused, ...others] = s3.asked;
    assert.deepEqual(
      [refused, ...others].map((asked) => asked && isDirect(asked)),
      [true, false, true],
    );
    assert.match(refused?.headers.authorization ?? "", /\/eu-central-1\/s3\//);
    for (const asked of others) assertSigned(asked, "us-west-2");
  });

  test("is told like any request, with the tries that the client went on with", async (t) => {
    const s3 = await startFakeS3(t);
    const lines: string[] = [];
    const log = { request: (line: string) => void lines.push(line.replace(/\d+ ms/, "N ms")), warn() {} };
    const connections = connectTo(s3.endpoint, { attempts: 2, longestDelayMs: 20 }, log);
    t.after(() => connections.close());
    s3.answer(ETAG, ETAG, { status: 503 }, ETAG, refusal(403, "AccessDenied"));
    for (const key of ["a", "b", "c"]) await connections.puts.send(put(key), OPTIONS);
    await assert.rejects(connections.puts.send(put("d"), OPTIONS));
    assert.deepEqual(lines, [
      "S3 PutObject [a]: 200, 1 try, N ms",
      "S3 PutObject [b]: 200, 1 try, N ms",
      "S3 PutObject [c]: 200, 2 tries, N ms",
      "S3 PutObject [d]: 403 AccessDenied, 1 try, N ms",
    ]);
  });
});

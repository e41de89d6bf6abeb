/** Signatures of puts that are alike, beside those of the SDK's signer. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { S3Client } from "@aws-sdk/client-s3";
import fc from "fast-check";
import { type HttpRequest, PutSignatures, type Signer } from "#agent/put-signatures.ts";

const SCOPE = { signingRegion: "eu-central-1", signingService: "s3" };
const NOON = new Date("2026-01-31T12:00:00.123Z");

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const CREDENTIALS: Credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "example" };

function request(path: string, body = "content", headers: Record<string, string> = {}): HttpRequest {
  const query = { "x-id": "PutObject" };
  return {
    ...{ method: "PUT", protocol: "https:", hostname: "s3.example", path, query, body: Buffer.from(body) },
    headers: {
      host: "s3.example",
      "content-length": String(Buffer.byteLength(body)),
      "user-agent": "nobody",
      "x-amz-checksum-crc32": "AAAAAQ==",
      ...headers,
    },
  } as unknown as HttpRequest;
}

async function signBySdk(credentials: Credentials, ...of: Parameters<Signer["sign"]>): Promise<HttpRequest> {
  const client = new S3Client({ region: SCOPE.signingRegion, credentials });
  const signer = await client.config.signer({ name: "sigv4", signingName: "s3", ...SCOPE, properties: {} });
  client.destroy();
  return (await signer.sign(...of)) as HttpRequest;
}

/** Signs with whatever credentials there are by then; tells how often the SDK's signer was asked. */
function newSignatures() {
  const state = {
    credentials: CREDENTIALS,
    forSigner: undefined as Credentials | undefined,
    asked: 0,
    spoil: (_: Record<string, string>): void => {},
    /** Else another object each time, as some providers do. */
    givesItself: false,
  };
  const signer: Signer = {
    async sign(...of) {
      state.asked += 1;
      const signed = await signBySdk(state.forSigner ?? state.credentials, ...of);
      state.spoil(signed.headers);
      return signed;
    },
  };
  const provider = async () => (state.givesItself ? state.credentials : { ...state.credentials });
  const signatures = new PutSignatures(signer, provider, SCOPE);
  const sign = async (one: HttpRequest, date: Date) => {
    const { headers } = await signatures.sign(one, date);
    const bySdk = await signBySdk(state.credentials, one, { signingDate: date, ...SCOPE });
    assert.deepEqual({ ...headers }, { ...bySdk.headers });
  };
  return { state, sign, signatures };
}

suite("The signatures of puts that are alike", () => {
  test("are those of the SDK's signer, which is asked for the first alone", async () => {
    const text = fc.string({ unit: "grapheme", maxLength: 20 });
    const puts = fc.array(fc.tuple(text, text, fc.integer({ min: 0, max: 11 * 3_600_000 })), { minLength: 2 });
    const keys = fc.record({ accessKeyId: fc.string({ minLength: 1 }), secretAccessKey: text });
    const credentials = fc.tuple(keys, fc.option(fc.base64String())).map(([both, sessionToken]) => ({
      ...both,
      ...(sessionToken === null ? {} : { sessionToken }),
    }));
    await fc.assert(
      fc.asyncProperty(puts, credentials, async (puts, credentials) => {
        const { state, sign } = newSignatures();
        state.credentials = credentials;
        for (const [key, body, laterMs] of puts)
          await sign(request(`/data/${encodeURIComponent(key)}`, body), new Date(NOON.getTime() + laterMs));
        assert.equal(state.asked, 1);
      }),
      { numRuns: 50 },
    );
  });

  test("are the signer's own again with other credentials, and on another day", async () => {
    const { state, sign } = newSignatures();
    const day = 24 * 3_600_000;
    await sign(request("/data/a"), NOON);
    state.credentials = { ...CREDENTIALS, secretAccessKey: "renewed", sessionToken: "token" };
    await sign(request("/data/b"), NOON);
    await sign(request("/data/c"), NOON);
    assert.equal(state.asked, 2);
    await sign(request("/data/d"), new Date(NOON.getTime() + day));
    await sign(request("/data/e"), new Date(NOON.getTime() + day));
    // A clock that is corrected may go back.
    await sign(request("/data/f"), NOON);
    assert.equal(state.asked, 4);
  });

  test("are always the signer's where it reads a header in another way", async () => {
    const { state, sign } = newSignatures();
    for (const path of ["/data/a", "/data/b"]) await sign(request(path, "", { "x-amz-meta-a": " two  words " }), NOON);
    assert.equal(state.asked, 2);
  });

  test("are always the signer's where it signs in another way, or sends something more", async () => {
    const spoils: ((headers: Record<string, string>) => void)[] = [
      (headers) => {
        headers.authorization += "0";
      },
      (headers) => {
        headers["x-extra"] = "1";
      },
    ];
    for (const spoil of spoils) {
      const { state, signatures } = newSignatures();
      state.spoil = spoil;
      for (const path of ["/data/a", "/data/b"]) {
        const { headers } = await signatures.sign(request(path), NOON);
        const bySdk = await signBySdk(CREDENTIALS, request(path), { signingDate: NOON, ...SCOPE });
        spoil(bySdk.headers);
        assert.deepEqual({ ...headers }, { ...bySdk.headers });
      }
      assert.equal(state.asked, 2);
    }
  });

  test("go by the texts of the credentials, also where they change in the object that holds them", async () => {
    const { state, sign } = newSignatures();
    const changing = { ...CREDENTIALS };
    state.credentials = changing;
    state.givesItself = true;
    await sign(request("/data/a"), NOON);
    changing.secretAccessKey = "renewed";
    await sign(request("/data/b"), NOON);
    await sign(request("/data/c"), NOON);
    assert.equal(state.asked, 2);
  });

  test("fail as the signer fails, or whoever has the credentials", async () => {
    const fault = new Error("no credentials");
    const fails = () => Promise.reject(fault);
    const signer = { sign: fails } as unknown as Signer;
    for (const provider of [fails, async () => CREDENTIALS])
      await assert.rejects(new PutSignatures(signer, provider, SCOPE).sign(request("/data/a"), NOON), fault);
  });

  test("are never made of credentials that the signer did not have", async () => {
    const { state, sign, signatures } = newSignatures();
    // Renewed between the two.
    state.forSigner = { ...CREDENTIALS, secretAccessKey: "renewed" };
    await signatures.sign(request("/data/a"), NOON);
    state.credentials = state.forSigner;
    await sign(request("/data/b"), NOON);
    await sign(request("/data/c"), NOON);
    assert.equal(state.asked, 2);
  });
});

/**
 * The signatures of requests that are alike: same host, query and names of headers; another path, content and time. The
 * SDK's signer takes each of them to pieces anew, which is most of what a signature costs. Decision 0008 says why so.
 *
 * The signer signs one; what it says it has signed is signed here as well, and has to come to the same. Then those that
 * follow are signed here, as long as credentials and day stay the same. Where it does not, the signer signs all of them.
 * ("Signature Version 4" in AWS's IAM user guide.)
 */
import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { S3Client } from "@aws-sdk/client-s3";

export type HttpRequest = Parameters<S3Client["config"]["requestHandler"]["handle"]>[0];
export type Signer = Awaited<ReturnType<S3Client["config"]["signer"]>>;
type CredentialsProvider = S3Client["config"]["credentials"];
type Credentials = Awaited<ReturnType<CredentialsProvider>>;

export interface Scope {
  readonly signingRegion: string;
  readonly signingService: string;
}

/** Of credentials: a provider may give them in another object each time, or change the one that it gave. */
interface Texts {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

/** What is the same in all of them, for a time. */
interface Learned {
  readonly credentials: Texts;
  /** YYYYMMDD */
  readonly day: string;
  /** What follows the time in the text that is signed. */
  readonly scope: string;
  readonly key: KeyObject;
  readonly query: string;
  /** Of the headers that are signed, in their order. */
  readonly headerNames: readonly string[];
  /** What precedes the signature in its header. */
  readonly authorization: string;
}

const ALGORITHM = "AWS4-HMAC-SHA256";

export class PutSignatures {
  readonly #signer: Signer;
  readonly #credentials: CredentialsProvider;
  readonly #scope: Scope;
  #learned: Learned | undefined;
  /** Whether what is signed by it comes to what the signer makes of it. */
  #isSame = false;

  /** @param credentials those of the signer */
  constructor(signer: Signer, credentials: CredentialsProvider, scope: Scope) {
    this.#signer = signer;
    this.#credentials = credentials;
    this.#scope = scope;
  }

  /** @throws what the signer throws, or the provider of the credentials */
  async sign(request: HttpRequest, signingDate: Date): Promise<HttpRequest> {
    const credentials = await this.#credentials();
    const time = signingDate.toISOString().replace(/[-:]|\.\d+/g, "");
    const known = this.#learned;
    const isKnown = known !== undefined && areSame(known.credentials, credentials) && time.startsWith(known.day);
    if (isKnown && this.#isSame) return { ...request, headers: signedHeaders(request, time, known) } as HttpRequest;
    const signed = (await this.#signer.sign(request, { signingDate, ...this.#scope })) as HttpRequest;
    if (isKnown) return signed;
    const learned = learn(request, signed, credentials, this.#scope, time);
    this.#learned = learned;
    this.#isSame = isDeepStrictEqual(signedHeaders(request, time, learned), { ...signed.headers });
    return signed;
  }
}

function areSame(left: Texts, right: Credentials): boolean {
  return (
    left.accessKeyId === right.accessKeyId &&
    left.secretAccessKey === right.secretAccessKey &&
    left.sessionToken === right.sessionToken
  );
}

function learn(
  { query = {} }: HttpRequest,
  signed: Pick<HttpRequest, "headers">,
  credentials: Credentials,
  { signingRegion, signingService }: Scope,
  time: string,
): Learned {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const [, names = ""] = /SignedHeaders=([^,]+)/.exec(signed.headers.authorization ?? "") ?? [];
  const day = time.slice(0, 8);
  const parts = [day, signingRegion, signingService, "aws4_request"];
  const secret = Buffer.from(`AWS4${secretAccessKey}`);
  const key = parts.reduce((key, part) => createHmac("sha256", key).update(part).digest(), secret);
  const scope = parts.join("/");
  return {
    credentials: { accessKeyId, secretAccessKey, sessionToken },
    day,
    scope,
    key: createSecretKey(key),
    query: Object.entries(query)
      .map(([name, value]) => `${name}=${value}`)
      .join("&"),
    headerNames: names.split(";"),
    authorization: `${ALGORITHM} Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=`,
  };
}

function signedHeaders(
  { method, path, headers, body }: HttpRequest,
  time: string,
  { credentials, scope, key, query, headerNames, authorization }: Learned,
): Record<string, string> {
  const contentHash = hash("sha256", body as Uint8Array, "hex");
  const complete: Record<string, string> = { ...headers, "x-amz-date": time, "x-amz-content-sha256": contentHash };
  if (credentials.sessionToken) complete["x-amz-security-token"] = credentials.sessionToken;
  const names = headerNames.join(";");
  const lines = headerNames.map((name) => `${name}:${complete[name]}\n`).join("");
  const canonical = `${method}\n${path}\n${query}\n${lines}\n${names}\n${contentHash}`;
  const text = `${ALGORITHM}\n${time}\n${scope}\n${hash("sha256", canonical, "hex")}`;
  complete.authorization = authorization + createHmac("sha256", key).update(text).digest("hex");
  return complete;
}

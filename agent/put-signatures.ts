/**
 * The signatures of requests that are alike: same host, query and names of headers; another path, content and time. The
 * SDK's signer takes each of them to pieces anew, which is two thirds of what a signature costs (docs/measurements.md).
 *
 * The signer signs one; what it says it has signed is signed here as well, and has to come to the same. Then those that
 * follow are signed here, as long as credentials and day stay the same ("Signature Version 4" in AWS's IAM user guide;
 * decision 0008).
 */
import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";
import type { S3Client } from "@aws-sdk/client-s3";

export type HttpRequest = Parameters<S3Client["config"]["requestHandler"]["handle"]>[0];
export type Signer = Awaited<ReturnType<S3Client["config"]["signer"]>>;
type CredentialsProvider = S3Client["config"]["credentials"];
type Credentials = Awaited<ReturnType<CredentialsProvider>>;

export interface Scope {
  readonly signingRegion: string;
  readonly signingService: string;
}

/** What is the same in all of them, for a time. */
interface Learned {
  readonly credentials: Credentials;
  /** YYYYMMDD */
  readonly day: string;
  /** What follows the time in the text that is signed. */
  readonly scope: string;
  readonly key: KeyObject;
  readonly query: string;
  readonly headerNames: readonly string[];
}

const ALGORITHM = "AWS4-HMAC-SHA256";

export class PutSignatures {
  readonly #signer: Signer;
  readonly #credentials: CredentialsProvider;
  readonly #scope: Scope;
  #learned: Learned | undefined;

  /** @param credentials of the signer: the same object as long as they are the same */
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
    if (known?.credentials === credentials && time.startsWith(known.day))
      return { ...request, headers: signedHeaders(request, time, known) } as HttpRequest;
    const signed = await this.#signer.sign(request, { signingDate, ...this.#scope });
    const learned = learn(request, signed, credentials, this.#scope, time);
    const { authorization } = signedHeaders(request, time, learned);
    this.#learned = authorization === signed.headers.authorization ? learned : undefined;
    return signed as HttpRequest;
  }
}

function learn(
  { query = {} }: HttpRequest,
  signed: Pick<HttpRequest, "headers">,
  credentials: Credentials,
  { signingRegion, signingService }: Scope,
  time: string,
): Learned {
  const [, names = ""] = /SignedHeaders=([^,]+)/.exec(signed.headers.authorization ?? "") ?? [];
  const day = time.slice(0, 8);
  const scope = [day, signingRegion, signingService, "aws4_request"];
  const secret = Buffer.from(`AWS4${credentials.secretAccessKey}`);
  const key = scope.reduce((key, part) => createHmac("sha256", key).update(part).digest(), secret);
  return {
    credentials,
    day,
    scope: scope.join("/"),
    key: createSecretKey(key),
    query: Object.entries(query)
      .map(([name, value]) => `${name}=${value}`)
      .join("&"),
    headerNames: names.split(";"),
  };
}

function signedHeaders(
  { method, path, headers, body }: HttpRequest,
  time: string,
  { credentials, scope, key, query, headerNames }: Learned,
): Record<string, string> {
  const contentHash = hash("sha256", body as Uint8Array, "hex");
  const complete: Record<string, string> = { ...headers, "x-amz-date": time, "x-amz-content-sha256": contentHash };
  if (credentials.sessionToken !== undefined) complete["x-amz-security-token"] = credentials.sessionToken;
  const names = headerNames.join(";");
  const lines = headerNames.map((name) => `${name}:${complete[name]}\n`).join("");
  const canonical = `${method}\n${path}\n${query}\n${lines}\n${names}\n${contentHash}`;
  const text = `${ALGORITHM}\n${time}\n${scope}\n${hash("sha256", canonical, "hex")}`;
  const signature = createHmac("sha256", key).update(text).digest("hex");
  complete.authorization = `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return complete;
}

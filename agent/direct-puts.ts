/**
 * Small objects, sent past most of the SDK's client: of what a put of 4 KiB costs, four fifths are the client building
 * again and again what is always the same (docs/measurements.md).
 *
 * The first put goes through the client, and the request that it made is kept as a model. A later put is that request
 * with another key and another content: signed as the client's signer signs it, with the credentials and the clock that
 * the client has by then, and sent by its handler, over its connections, within the same time limits. A plain success
 * ends there. Everything else, answer or error, is given to the client as what came of its own first try: whether it is
 * tried again, in which region, by which clock, and what it is called, stays the client's to say. Decision 0008 says why.
 */
import { PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { asLargeContent } from "./large-content.ts";
import { type HttpRequest, PutSignatures } from "./put-signatures.ts";

/** Above this, the cost of the client is hardly seen beside that of the content; from 2 MiB on it asks before it sends. */
const DIRECT_BYTES = 1024 * 1024;

/** All that may differ from one put to another. */
export interface Put {
  readonly Bucket: string;
  readonly Key: string;
  readonly Body: Uint8Array;
  readonly ChecksumCRC32: string;
}

export interface PutOptions {
  readonly abortSignal: AbortSignal;
  /** In milliseconds. */
  readonly requestTimeout: number;
}

export interface PutOutput {
  readonly ETag?: string | undefined;
  readonly $metadata: { readonly httpStatusCode?: number | undefined; readonly attempts?: number | undefined };
}

type Handled = Awaited<ReturnType<S3Client["config"]["requestHandler"]["handle"]>>;
type AuthScheme = NonNullable<Parameters<S3Client["config"]["signer"]>[0]>;

/** A request as it was before its tries were counted and it was signed. */
interface Learned {
  readonly request: HttpRequest;
  readonly authScheme: AuthScheme | undefined;
}

interface Model {
  readonly bucket: string;
  /** All but path, content and what depends on it. */
  readonly request: HttpRequest;
  /** The path of a key, without the key. */
  readonly basePath: string;
  readonly signatures: PutSignatures;
}

export class DirectPuts {
  readonly #client: S3Client;
  readonly #tell: (key: string, send: () => Promise<PutOutput>) => Promise<PutOutput>;
  #model: Model | undefined;

  /** @param tell sends a put, and tells of it */
  constructor(client: S3Client, tell: (key: string, send: () => Promise<PutOutput>) => Promise<PutOutput>) {
    this.#client = client;
    this.#tell = tell;
  }

  /** Sends an object, as the client's own `send`. */
  send(put: Put, options: PutOptions): Promise<PutOutput> {
    return this.#tell(put.Key, () => this.#send(put, options));
  }

  async #send(put: Put, options: PutOptions): Promise<PutOutput> {
    if (put.Body.length > DIRECT_BYTES) return this.#client.send(asLargeContent(new PutObjectCommand(put)), options);
    const request = this.#model?.bucket === put.Bucket ? await signed(put, this.#model, this.#client) : undefined;
    if (request === undefined) return this.#sendByClient(put, options, undefined);
    const firstTry = this.#client.config.requestHandler.handle(request, options);
    const { response } = await firstTry.catch(() => ({ response: undefined }));
    const ETag = response?.headers.etag ?? "";
    if (response?.statusCode !== 200 || response.headers["content-length"] !== "0" || ETag === "")
      return this.#sendByClient(put, options, firstTry);
    // The connection is free again when the answer has been read to its end.
    response.body.resume();
    return { ETag, $metadata: { httpStatusCode: 200, attempts: 1 } };
  }

  /** @param firstTry what came of the first try, when there was one */
  async #sendByClient(put: Put, options: PutOptions, firstTry: Promise<Handled> | undefined): Promise<PutOutput> {
    const command = new PutObjectCommand(put);
    let learned: Learned | undefined;
    command.middlewareStack.add(
      (next, context) => (args) => {
        const { headers, ...others } = args.request as HttpRequest;
        // A copy of the headers, for those of tries and signature are added to them.
        const request = { ...others, headers: { ...headers }, body: undefined } as HttpRequest;
        learned = { request, authScheme: context.endpointV2?.properties?.authSchemes?.[0] };
        return next(args);
      },
      // The last before tries are counted, and signed.
      { step: "build", priority: "low", name: "learnRequest" },
    );
    let taken = firstTry;
    command.middlewareStack.add(
      (next) => (args) => {
        const handled = taken ?? next(args);
        taken = undefined;
        return handled;
      },
      // The last before the handler.
      { step: "deserialize", priority: "low", name: "takeFirstTry" },
    );
    const output = await this.#client.send(command, options);
    // Only what S3 has accepted is a model.
    if (learned !== undefined) this.#model = (await this.#modelOf(put, learned)) ?? this.#model;
    return output;
  }

  async #modelOf({ Bucket, Key }: Put, { request, authScheme }: Learned): Promise<Model | undefined> {
    const keyPath = pathOf(Key);
    const { path } = request;
    const { config } = this.#client;
    // Express buckets are signed in a way of their own.
    if (authScheme?.name !== "sigv4" || authScheme.signingRegion === undefined || !path.endsWith(keyPath))
      return undefined;
    return {
      bucket: Bucket,
      request,
      basePath: path.slice(0, -keyPath.length),
      signatures: new PutSignatures(await config.signer(authScheme), config.credentials, {
        signingRegion: authScheme.signingRegion,
        signingService: authScheme.signingName,
      }),
    };
  }
}

/** @returns undefined when it cannot be done, which the client says better */
async function signed(
  { Key, Body, ChecksumCRC32 }: Put,
  model: Model,
  client: S3Client,
): Promise<HttpRequest | undefined> {
  const { request, basePath, signatures } = model;
  const headers = {
    ...request.headers,
    "content-length": String(Body.length),
    "x-amz-checksum-crc32": ChecksumCRC32,
  };
  // The client keeps by how much this machine's clock differs from S3's.
  const signingDate = new Date(Date.now() + client.config.systemClockOffset);
  try {
    const unsigned = { ...request, path: basePath + pathOf(Key), headers, body: Body } as HttpRequest;
    return await signatures.sign(unsigned, signingDate);
  } catch {
    return undefined;
  }
}

/** A key as it stands in a URL's path: as RFC 3986 has it, which is stricter than encodeURIComponent. */
function pathOf(key: string): string {
  return encodeURIComponent(key)
    .replaceAll("%2F", "/")
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

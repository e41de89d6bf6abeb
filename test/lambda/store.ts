/**
 * Just enough of S3, and the one call of SQS, over real HTTP: for answers that the engine never gives. A test can
 * replace any answer, and see each request. It shares no code with what it tests: it sorts and encodes by itself.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export const BUCKET = "data";
export const OWNER = "111122223333";

export interface StoredObject {
  readonly body: Buffer;
  /** Without quotes. */
  readonly etag: string;
  readonly modified: string;
}

export interface Asked {
  readonly action: "list" | "get" | "put" | "visibility";
  /** Empty for a listing. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Announces a longer body than it sends, then cuts the connection. */
  readonly cut?: boolean;
}

/** What happens to a request instead of its answer: another answer, no connection, silence, or undefined: nothing. */
export type Fault = (asked: Asked, answer: () => Answer) => Answer | "hang-up" | "silence" | undefined;

export class Store {
  readonly objects = new Map<string, StoredObject>();
  readonly asked: Asked[] = [];
  /** The delays that the queue was told, in seconds. */
  readonly delays: number[] = [];
  fault: Fault = () => undefined;
  pageSize = 1000;
  endpoint = "";

  put(key: string, body: string | Buffer, modified = "2026-11-20T10:00:00.000Z"): StoredObject {
    const bytes = Buffer.from(body);
    const object = { body: bytes, etag: createHash("md5").update(bytes).digest("hex"), modified };
    this.objects.set(key, object);
    return object;
  }

  text(key: string): string | undefined {
    return this.objects.get(key)?.body.toString("utf8");
  }

  keys(prefix = ""): string[] {
    return [...this.objects.keys()]
      .filter((key) => key.startsWith(prefix))
      .sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
  }

  answer({ action, key, query, headers, body }: Asked): Answer {
    if (action === "visibility") {
      this.delays.push(JSON.parse(body.toString("utf8")).VisibilityTimeout);
      return { status: 200, body: "{}" };
    }
    if (action === "list") return { status: 200, body: this.#list(query) };
    const known = this.objects.get(key);
    if (action === "get")
      return known === undefined
        ? failure(404, "NoSuchKey")
        : { status: 200, body: known.body.toString("utf8"), headers: { etag: `"${known.etag}"` } };
    const { "if-none-match": ifNoneMatch, "if-match": ifMatch } = headers;
    if (ifMatch !== undefined && known === undefined) return failure(404, "NoSuchKey");
    if ((ifNoneMatch === "*" && known !== undefined) || (ifMatch !== undefined && ifMatch !== `"${known?.etag}"`))
      return failure(412, "PreconditionFailed");
    return { status: 200, headers: { etag: `"${this.put(key, body).etag}"` } };
  }

  #list(query: URLSearchParams): string {
    const token = query.get("continuation-token");
    const after = token === null ? (query.get("start-after") ?? "") : Buffer.from(token, "base64url").toString("utf8");
    const rest = this.keys(query.get("prefix") ?? "").filter(
      (key) => Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0,
    );
    const keys = rest.slice(0, this.pageSize);
    return page({
      objects: keys.map((key) => ({ key, ...(this.objects.get(key) as StoredObject) })),
      token: rest.length > keys.length ? Buffer.from(keys.at(-1) ?? "").toString("base64url") : undefined,
    });
  }
}

export interface PageParts {
  readonly objects: readonly ({ readonly key: string } & StoredObject)[];
  readonly token?: string | undefined;
  readonly truncated?: boolean;
  readonly count?: number;
}

/** A page as S3 writes it. */
export function page({ objects, token, truncated = token !== undefined, count = objects.length }: PageParts): string {
  const contents = objects.map(
    ({ key, body, etag, modified }) =>
      `<Contents><Key>${urlEncoded(key)}</Key><LastModified>${modified}</LastModified><ETag>&quot;${etag}&quot;</ETag>` +
      `<Size>${body.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
    `<Name>${BUCKET}</Name><Prefix></Prefix>${token === undefined ? "" : `<NextContinuationToken>${token}</NextContinuationToken>`}` +
    `<KeyCount>${count}</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>${truncated}</IsTruncated>` +
    `${contents.join("")}</ListBucketResult>`
  );
}

/** As S3 encodes: all but a few characters by their bytes, a space as a plus sign. */
function urlEncoded(key: string): string {
  return [...Buffer.from(key)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (/[\w.\-*/]/.test(character)) return character;
      return character === " " ? "+" : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
}

/** An error as S3 answers it. */
export function failure(status: number, code: string): Answer {
  return {
    status,
    body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code} for a test.</Message></Error>`,
  };
}

/** A store on a free port, closed when the test ends. */
export async function startStore(test: Pick<TestContext, "after">): Promise<Store> {
  const store = new Store();
  const server = createServer((request, response) => void serve(store, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  store.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return store;
}

async function serve(store: Store, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const url = new URL(request.url ?? "/", store.endpoint);
  const key = decodeURIComponent(url.pathname).replace(`/${BUCKET}`, "").replace(/^\//, "");
  const toQueue = request.headers["x-amz-target"] === "AmazonSQS.ChangeMessageVisibility";
  const asked: Asked = {
    action: toQueue ? "visibility" : request.method === "PUT" ? "put" : key === "" ? "list" : "get",
    key,
    query: url.searchParams,
    headers: request.headers,
    body: Buffer.concat(chunks),
  };
  store.asked.push(asked);
  const answer = store.fault(asked, () => store.answer(asked)) ?? store.answer(asked);
  if (answer === "silence") return;
  if (answer === "hang-up") {
    request.socket.destroy();
    return;
  }
  const bytes = Buffer.from(answer.body ?? "");
  const type = toQueue ? "application/x-amz-json-1.0" : "application/xml";
  response.writeHead(answer.status, {
    "content-type": type,
    ...answer.headers,
    "content-length": bytes.length + (answer.cut === true ? 100 : 0),
  });
  if (answer.cut === true) response.write(bytes, () => request.socket.destroy());
  else response.end(bytes);
}

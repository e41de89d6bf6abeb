/**
 * Reads the objects of a listing's page from its text. The SDK's client reads any XML, at several times the cost of all
 * that a comparison does with an object; S3 writes this part of an answer in one plain way. What is not written just so
 * is left to the SDK: other XML that means the same, and damaged text, which it refuses.
 */
import type { PageAnswer } from "#shared/page.ts";

type Contents = NonNullable<PageAnswer["Contents"]>;

export interface TakenContents {
  readonly contents: Contents;
  /** The text without them. */
  readonly rest: string;
}

/** The command whose answers these are. */
const LISTING = "ListObjectsV2Command";

const END = "</Contents>";
/** Between two elements: nothing, or the end of a line. */
const SPACE = String.raw`(?:[ \t]*\n[ \t\n]*)?`;
const SPACE_ONLY = new RegExp(`^${SPACE}$`);
/** An element of an object: it holds text only. With what is before it. */
const ELEMENT = new RegExp(String.raw`${SPACE}<([A-Za-z]+)>([^<\r]*)</\1>`, "y");
/**
 * What a page may have outside of its objects, where the SDK reads the texts. In an attribute, a comment or an instruction
 * that does not end where it seems to, what looks like an object would be none.
 */
const PAGE_START = /^(?:<\?xml [^<>?]*\?>)?\n?<ListBucketResult(?: xmlns="[^"<>]*")?>/;
const OTHER_ELEMENT = new RegExp(String.raw`${SPACE}<(?!Contents)([A-Za-z]+)(?:/>|>[^<]*</\1>)`, "y");
const OBJECT_START = new RegExp(`${SPACE}<Contents>`, "y");
const PAGE_END = new RegExp(`${SPACE}</ListBucketResult>\n?$`, "y");
/** To the millisecond, which is all that a date holds. */
const TIME = /^(?!0000)\d{4}-\d\d-(\d\d)T(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,3})?Z$/;
const SIZE = /^\d{1,15}$/;
const ENTITIES: Readonly<Record<string, string>> = {
  "&quot;": '"',
  "&#34;": '"',
  "&apos;": "'",
  "&#39;": "'",
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
};

/** @returns undefined where there are none, or where the SDK has to read the whole text */
export function takeContents(text: string): TakenContents | undefined {
  const head = PAGE_START.exec(text)?.[0];
  if (head === undefined) return undefined;
  const contents: Contents[number][] = [];
  let rest = head;
  let position = head.length;
  for (;;) {
    const inside = endOf(OBJECT_START, text, position);
    if (inside === undefined) {
      const after = endOf(OTHER_ELEMENT, text, position);
      if (after === undefined) break;
      rest += text.slice(position, after);
      position = after;
      continue;
    }
    const end = text.indexOf(END, inside);
    const object = end === -1 ? undefined : readObject(text, inside, end);
    if (object === undefined) return undefined;
    contents.push(object);
    position = end + END.length;
  }
  if (contents.length === 0 || endOf(PAGE_END, text, position) === undefined) return undefined;
  return { contents, rest: rest + text.slice(position) };
}

/** Where a match that begins at this position ends. */
function endOf(sticky: RegExp, text: string, position: number): number | undefined {
  sticky.lastIndex = position;
  return sticky.test(text) ? sticky.lastIndex : undefined;
}

/** Of an element that is there twice, or that S3 does not write, nothing is guessed. */
function readObject(text: string, start: number, end: number): Contents[number] | undefined {
  let [key, size, etag, time, checksumType, storageClass]: (string | undefined)[] = [];
  let position = start;
  while (position < end) {
    ELEMENT.lastIndex = position;
    const element = ELEMENT.exec(text);
    if (element === null) {
      if (!SPACE_ONLY.test(text.slice(position, end))) return undefined;
      break;
    }
    position = ELEMENT.lastIndex;
    const [, name, content = ""] = element;
    if (name === "Key" && key === undefined) key = content;
    else if (name === "Size" && size === undefined) size = content;
    else if (name === "ETag" && etag === undefined) etag = content;
    else if (name === "LastModified" && time === undefined) time = content;
    else if (name === "StorageClass" && storageClass === undefined) storageClass = content;
    else if (name === "ChecksumType" && checksumType === undefined) checksumType = content;
    else if (name !== "ChecksumAlgorithm") return undefined;
  }
  const Key = plainText(key);
  const ETag = copyOf(plainText(etag));
  const LastModified = dateOf(time);
  if (Key === undefined || ETag === undefined || LastModified === undefined) return undefined;
  return size !== undefined && SIZE.test(size) ? { Key, ETag, Size: Number(size), LastModified } : undefined;
}

function dateOf(time = ""): Date | undefined {
  const day = TIME.exec(time)?.[1];
  if (day === undefined) return undefined;
  const date = new Date(time);
  // The 31st of a shorter month is read as a day of the next one.
  return Number.isNaN(date.getTime()) || date.getUTCDate() !== Number(day) ? undefined : date;
}

/** A part of a text keeps all of it in memory: an ETag is kept for longer than its page. */
function copyOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text).toString();
}

/** What is meant by the text of an element; undefined where that takes more than a few entities. */
function plainText(text: string | undefined): string | undefined {
  if (text === undefined || text.trim() !== text) return undefined;
  if (!text.includes("&")) return text;
  let isPlain = true;
  const meant = text.replaceAll(/&[^;]*;?/g, (entity) => {
    const character = ENTITIES[entity];
    isPlain &&= character !== undefined;
    return character ?? "";
  });
  return isPlain ? meant : undefined;
}

/** An answer as the SDK's middleware hands it on, by its shape: this module does not know the SDK. */
interface Answer {
  readonly response: unknown;
}

interface ListingResponse {
  readonly statusCode: number;
  body: unknown;
}

type Handler = (args: never) => Promise<Answer>;
interface MiddlewareStack {
  add(
    middleware: (next: Handler, context: { readonly commandName?: string }) => Handler,
    options: { readonly step: "deserialize"; readonly name: string; readonly priority: "high" | "low" },
  ): void;
  remove(name: string): boolean;
}

/**
 * Has a client's listings read here as far as they are plain: before the SDK reads an answer the objects are taken out of
 * it, and afterwards put into what it has read. All else remains the SDK's: errors, retries, the rest of the page. Its own
 * log is taken away, for which it copies each object of an answer, also where nobody reads it.
 */
export function readContentsFirst(client: { readonly middlewareStack: unknown }): void {
  const stack = client.middlewareStack as MiddlewareStack;
  stack.remove("loggerMiddleware");
  const taken = new WeakMap<object, Contents>();
  stack.add(
    (next, { commandName }) =>
      async (args) => {
        const answer = await next(args);
        const response = answer.response as ListingResponse;
        if (commandName !== LISTING || response.statusCode !== 200) return answer;
        const body = Buffer.concat(await Array.fromAsync(response.body as AsyncIterable<Uint8Array>));
        const whole = takeContents(body.toString("utf8"));
        response.body = whole === undefined ? body : Buffer.from(whole.rest);
        if (whole !== undefined) taken.set(response, whole.contents);
        return answer;
      },
    { step: "deserialize", name: "takeContents", priority: "low" },
  );
  stack.add(
    (next) => async (args) => {
      const answer = await next(args);
      const contents = taken.get(answer.response as object);
      if (contents !== undefined) Object.assign((answer as { output?: object }).output ?? {}, { Contents: contents });
      return answer;
    },
    { step: "deserialize", name: "giveContents", priority: "high" },
  );
}

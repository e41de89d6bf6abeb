/** What S3 answers to a listing: as XML, as the SDK hands it on, and page by page. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Failure } from "#agent/errors.ts";
import { readContentsFirst } from "#shared/contents.ts";
import { ListingError, listRange, type Page, type PageRequest } from "#shared/listing.ts";
import { type PageAnswer, readPage } from "#shared/page.ts";
import { inRange } from "#shared/shard.ts";
import { pageOfAnswer } from "../page-of-answer.ts";
import { byBytes, etag } from "../shared/arbitrary.ts";
import { anyText, damagedText, sometimes } from "./damage.ts";
import { anyPath, isOf, parser } from "./parser.ts";

const size = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(undefined, Number.NaN, -1, 0.5, 2 ** 53, Number.POSITIVE_INFINITY),
);
const time = fc.oneof(fc.date({ noInvalidDate: false }), fc.constantFrom(undefined, new Date(Number.NaN)));
const encodedKey = fc.oneof(
  anyPath.map((path) => encodeURIComponent(path)),
  fc
    .tuple(anyPath, damagedText(["%", "+", "%2", "%00", "%FF", "%ED%A0%80"]))
    .map(([path, damage]) => damage(encodeURIComponent(path))),
  anyPath,
  fc.constantFrom(undefined, ""),
);
const objectAnswer = fc.record({
  Key: encodedKey,
  Size: size,
  ETag: fc.oneof(etag, fc.constantFrom(undefined, "", '""', '"e"')),
  LastModified: time,
});
const pageAnswer: fc.Arbitrary<PageAnswer> = fc
  .record({
    Contents: fc.oneof(fc.array(objectAnswer, { maxLength: 5 }), fc.constant(undefined)),
    IsTruncated: fc.constantFrom(true, false, undefined),
    count: fc.constantFrom(0, 0, 0, 0, 1, -1, Number.NaN),
    NextContinuationToken: fc.constantFrom("token", "", undefined),
    EncodingType: fc.constantFrom("url", "url", undefined, "URL"),
  })
  .map(({ count, ...answer }) => ({ ...answer, KeyCount: (answer.Contents?.length ?? 0) + count }));

function answerOf({ objects, truncated, nextToken }: Page): PageAnswer {
  return {
    Contents: objects.map(({ key, sizeBytes, etag: one, modifiedMs }) => ({
      ...{ Key: encodeURIComponent(key), Size: sizeBytes, ETag: `"${one}"`, LastModified: new Date(modifiedMs) },
    })),
    ...{ IsTruncated: truncated, KeyCount: objects.length, NextContinuationToken: nextToken, EncodingType: "url" },
  };
}

/** The pages that a server gives one after another, the last one for ever, and what is asked of them. */
const listing = fc.record(
  {
    pages: fc.array(
      fc.record(
        {
          objects: fc.array(
            fc
              .tuple(fc.constantFrom("p/", "p/", "p/", "", ".cback/", "q/"), anyPath)
              .map(([first, path]) => ({ key: first + path, sizeBytes: 1, etag: "e", modifiedMs: 0 })),
            { maxLength: 4 },
          ),
          truncated: fc.boolean(),
          nextToken: fc.constantFrom("one", "two", "three", "", undefined),
          isSorted: fc.constantFrom(true, true, true, false),
        },
        { noNullPrototype: true },
      ),
      { minLength: 1, maxLength: 4 },
    ),
    prefix: fc.constantFrom("p/", "p/", ""),
    range: fc.record({ after: fc.option(anyPath), through: fc.option(anyPath) }, { noNullPrototype: true }),
  },
  { noNullPrototype: true },
);
type Listing = typeof listing extends fc.Arbitrary<infer T> ? T : never;

/** Whatever a server says, what is believed of it is in order, in the range and nobody's own. */
async function readListing({ pages, prefix, range }: Listing): Promise<Listing> {
  let asked = 0;
  const fetchPage = async (_: PageRequest): Promise<Page> => {
    const page = pages[Math.min(asked++, pages.length - 1)];
    const objects = page?.isSorted
      ? page.objects.toSorted((one, two) => byBytes(one.key, two.key))
      : (page?.objects ?? []);
    return { objects, truncated: page?.truncated ?? false, nextToken: page?.nextToken };
  };
  const entries = (await Array.fromAsync(listRange(fetchPage, prefix, range))).flat();
  const paths = entries.map(({ path }) => path);
  assert.deepEqual(paths, [...new Set(paths)].sort(byBytes));
  for (const path of paths) assert.ok(inRange(range, path) && !(prefix + path).startsWith(".cback/"));
  const objects = entries.map(({ path, ...rest }) => ({ key: prefix + path, ...rest }));
  return { pages: [{ objects, truncated: false, nextToken: undefined, isSorted: true }], prefix, range };
}

/** What else S3, and other servers, say of an object; and what none should. */
const USUAL_ELEMENTS = [
  "",
  "<StorageClass>STANDARD</StorageClass>",
  "\n  <ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>\n",
];
const ODD_ELEMENTS = [
  "<Owner><ID>owner</ID><DisplayName></DisplayName></Owner>",
  "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus>",
  "<Key>other</Key>",
  "<Size>1</Size>",
  '<Size unit="byte">1</Size>',
  "text",
];

/** Odd things in one of some places, or hardly a page of several objects would be without. */
function mostly<T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ arbitrary: usual, weight: 30 }, { arbitrary: odd, weight: 1 });
}

/** A page as S3 writes it, damaged: what the SDK's reader of XML makes of it, and then the agent. */
const pageXml = fc
  .record({
    objects: fc.array(
      fc.record({
        key: anyPath,
        size: mostly(
          fc.nat().map(String),
          fc.constantFrom("-1", "", "1e3", "NaN", " 5 ", "0x1", "9007199254740991", "99999999999999999999"),
        ),
        etag,
        other: mostly(fc.constantFrom(...USUAL_ELEMENTS), fc.constantFrom(...ODD_ELEMENTS)),
      }),
      { maxLength: 4 },
    ),
    truncated: mostly(fc.constantFrom("true", "false"), fc.constantFrom("TRUE", "", "1")),
    token: fc.constantFrom("", "<NextContinuationToken>t</NextContinuationToken>"),
    time: mostly(
      fc.constantFrom("2026-11-20T10:00:00.000Z", "2024-02-29T23:59:59Z", "2026-11-20T10:00:00.5Z"),
      fc.constantFrom("2026-13-45T99:99:99.000Z", "2026-02-29T10:00:00.000Z", "yesterday", ""),
    ),
    count: mostly(fc.constant(0), fc.constant(1)),
    damage: sometimes(
      damagedText([
        ...[
          "<Contents>",
          "</Contents>",
          "<Key>",
          "</Key>",
          "<Contents/>",
          "<IsTruncated>false</IsTruncated>",
          "<KeyCount>0</KeyCount>",
        ],
        ...[
          "&",
          "&amp;",
          "&#0;",
          "&#x110000;",
          "&a;",
          "<![CDATA[",
          "]]>",
          "<!--",
          "-->",
          "<?",
          "?>",
          '"',
          "='",
          '<!DOCTYPE x [<!ENTITY a "b">]>',
          "<",
          ">",
          "\u0000",
          "\ufffe",
        ],
        ...[
          "<__proto__>1</__proto__>",
          "<Contents><Key>__proto__</Key></Contents>",
          "<ListBucketResult>",
          "<Error><Code>x</Code></Error>",
        ],
      ]),
    ),
  })
  .map(({ objects, truncated, token, time: modified, count, damage }) => {
    const sorted = objects.map(({ key, size: bytes, etag: one, other }) =>
      contents(encodeURIComponent(key), bytes, one, modified, other),
    );
    const whole = pageXmlOf(sorted, objects.length + count, truncated, token);
    return damage?.(whole) ?? whole;
  });

function contents(key: string, bytes: string | number, one: string, modified: string, other = ""): string {
  const shown = one.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("\r", "&#xD;");
  return `<Contents><Key>${key}</Key><LastModified>${modified}</LastModified><ETag>&quot;${shown}&quot;</ETag><Size>${bytes}</Size>${other}</Contents>`;
}

function pageXmlOf(objects: readonly string[], count: number, truncated: string, token: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType><KeyCount>${count}</KeyCount><IsTruncated>${truncated}</IsTruncated>${token}${objects.join("")}</ListBucketResult>`;
}

/** What the agent reads from this answer. It is what the SDK alone would have it read, or both refuse it. */
async function readXml(answer: string): Promise<Page> {
  const [own, sdks] = await Promise.allSettled([pageOfAnswer([answer], readContentsFirst), pageOfAnswer([answer])]);
  if (own.status === "rejected") {
    assert.equal(sdks.status, "rejected", "refused what the SDK reads");
    throw own.reason;
  }
  assert.deepEqual(sdks, own);
  return own.value;
}

function xmlOf({ objects, truncated, nextToken }: Page): string {
  const token = nextToken === undefined ? "" : `<NextContinuationToken>${nextToken}</NextContinuationToken>`;
  const shown = objects.map(({ key, sizeBytes, etag: one, modifiedMs }) =>
    contents(encodeURIComponent(key), sizeBytes, one, new Date(modifiedMs).toISOString()),
  );
  return pageXmlOf(shown, objects.length, String(truncated), token);
}

function assertPage({ objects, truncated }: Page): void {
  assert.equal(typeof truncated, "boolean");
  for (const { key, sizeBytes, etag: one, modifiedMs } of objects) {
    assert.ok(key !== "" && one !== "" && Number.isFinite(modifiedMs));
    assert.ok(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0);
  }
}

export const LISTING_PARSERS = [
  parser("page of a listing", {
    inputs: pageAnswer,
    read: readPage,
    holds: assertPage,
    write: answerOf,
    refuses: isOf(ListingError),
  }),
  parser("listing", {
    inputs: listing,
    read: readListing,
    write: (read) => read,
    refuses: isOf(ListingError),
  }),
  parser("page as XML", {
    inputs: fc.oneof({ arbitrary: pageXml, weight: 9 }, anyText),
    read: readXml,
    holds: assertPage,
    write: xmlOf,
    refuses: (error) => error instanceof ListingError || (error instanceof Failure && error.outcome === "failed"),
  }),
];

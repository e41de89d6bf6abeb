/** One answer of ListObjectsV2, whole or with something odd in it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ListingError } from "#shared/listing.ts";
import { type PageAnswer, readPage, withoutQuotes } from "#shared/page.ts";

const TIME = new Date("2026-11-20T10:00:00.000Z");
const OBJECT = { Key: "a", Size: 1, ETag: '"e"', LastModified: TIME };

const page = (changes: Partial<PageAnswer> = {}): PageAnswer => ({
  ...{ Contents: [OBJECT], IsTruncated: false, KeyCount: 1, EncodingType: "url" },
  ...changes,
});
const pageWith = (changes: NonNullable<PageAnswer["Contents"]>[number]) =>
  page({ Contents: [{ ...OBJECT, ...changes }] });

describe("a page of a listing", () => {
  test("is read as it stands, its keys decoded", () => {
    assert.deepEqual(readPage(page({ IsTruncated: true, NextContinuationToken: "t" })), {
      objects: [{ key: "a", sizeBytes: 1, etag: "e", modifiedMs: TIME.getTime() }],
      truncated: true,
      nextToken: "t",
    });
    for (const [encoded, key] of [
      ["a+b%2Bc", "a b+c"],
      ["%F0%9F%98%80", "\u{1f600}"],
      ["%EF%BB%BF", "\ufeff"],
    ] as const)
      assert.equal(readPage(pageWith({ Key: encoded })).objects[0]?.key, key);
    assert.equal(readPage({ ...pageWith({ Key: "a+b" }), EncodingType: undefined }).objects[0]?.key, "a+b");
    assert.deepEqual(readPage({ IsTruncated: false, KeyCount: 0 }).objects, []);
  });

  const odd: [string, PageAnswer, RegExp][] = [
    ["that does not say whether it is the last", page({ IsTruncated: undefined }), /whether it is the last/],
    ["that says nothing of its keys", page({ KeyCount: undefined }), /as many keys as it says/],
    ["of fewer keys than it says", page({ KeyCount: 2 }), /as many keys as it says/],
    ["of none of its keys", page({ Contents: undefined }), /as many keys as it says/],
    ["with broken bytes in a key", pageWith({ Key: "%FF" }), /not URL encoded UTF-8/],
    ["with half of a surrogate pair in a key", pageWith({ Key: "%ED%A0%80" }), /not URL encoded UTF-8/],
    ...(
      [
        ["without a key", { Key: undefined }],
        ["with an empty key", { Key: "" }],
        ["without a size", { Size: undefined }],
        ["of a size that is no number", { Size: Number.NaN }],
        ["of a negative size", { Size: -1 }],
        ["of a size that no number holds", { Size: 2 ** 53 }],
        ["of half a byte", { Size: 0.5 }],
        ["without an ETag", { ETag: undefined }],
        ["with an empty ETag", { ETag: '""' }],
        ["without a time", { LastModified: undefined }],
        // Taken for a time, it would make an object that is never in doubt: it compares as older than any.
        ["of a time that is none", { LastModified: new Date(Number.NaN) }],
      ] as const
    ).map(([what, changes]): [string, PageAnswer, RegExp] => [
      `with an object ${what}`,
      pageWith(changes),
      /without key, size, ETag or time/,
    ]),
  ];
  for (const [what, answer, reason] of odd)
    test(`fault 5: ${what} is not believed`, () => {
      assert.throws(
        () => readPage(answer),
        (error) => error instanceof ListingError && reason.test(error.message),
      );
    });
});

test("an ETag loses the quotes around it, and no others", () => {
  assert.deepEqual(['"e"', "e", '"', '""', '"a"b"'].map(withoutQuotes), ["e", "e", '"', "", 'a"b']);
  // Found by fuzzing the XML of pages, seed 716303955.
  assert.equal(withoutQuotes('"\n"e""'), '\n"e"');
});

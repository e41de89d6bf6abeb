/** What is read of a listing without the SDK is what the SDK reads; what is not plain is left to it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readContentsFirst, takeContents } from "#shared/contents.ts";
import { pageOfAnswer } from "../page-of-answer.ts";

const KEY = "<Key>a%2Fb+c</Key>";
const TIME = "<LastModified>2024-02-29T12:34:56.000Z</LastModified>";
const ETAG = "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag>";
const SIZE = "<Size>12</Size>";
const WHOLE = KEY + TIME + ETAG + SIZE;
const STORAGE = "<StorageClass>STANDARD</StorageClass>";

const contents = (inside: string) => `<Contents>${inside}</Contents>`;
const page = (objects: string, count = 1) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
  `<Name>bucket</Name><Prefix/><KeyCount>${count}</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>` +
  `<IsTruncated>true</IsTruncated>${objects}<NextContinuationToken>t</NextContinuationToken></ListBucketResult>`;

const plain: Record<string, string> = {
  "as S3 writes it": page(contents(`${WHOLE}<ChecksumAlgorithm>CRC32</ChecksumAlgorithm>${STORAGE}`)),
  "with its elements in another order": page(contents(SIZE + STORAGE + ETAG + KEY + TIME)),
  "with line ends between elements": page(contents(`\n  ${WHOLE.replaceAll("><", ">\n  <")}\n`)),
  "with other elements between objects": page(`${contents(WHOLE)}<Delimiter></Delimiter>${contents(WHOLE)}`, 2),
  "with two checksums": page(contents(`${WHOLE}${"<ChecksumAlgorithm>CRC32</ChecksumAlgorithm>".repeat(2)}`)),
  "with an ETag without quotes": page(contents(`${KEY}${TIME}<ETag>e</ETag>${SIZE}`)),
  "with an ETag in other quotes": page(contents(`${KEY}${TIME}<ETag>&#34;e-2&#34;</ETag>${SIZE}`)),
  "with entities": page(contents(`<Key>&lt;&amp;&gt;&apos;&#39;</Key>${TIME}${ETAG}${SIZE}`)),
  "with an entity that was meant as text": page(contents(`<Key>&amp;lt;</Key>${TIME}${ETAG}${SIZE}`)),
  "with letters that are not ASCII": page(contents(`<Key>\u00e9\u{1f600}</Key>${TIME}${ETAG}${SIZE}`)),
  "with a time without fractions": page(contents(WHOLE.replace(".000Z", "Z"))),
  "with a prefix that has the word": page(contents(WHOLE)).replace("<Prefix/>", "<Prefix>X.app/Contents/</Prefix>"),
  "of no bytes": page(contents(WHOLE.replace("12<", "0<"))),
  "of as many bytes as an object can have": page(contents(WHOLE.replace("12<", "53687091200000<"))),
};

const other: Record<string, string> = {
  "with no object": page("", 0),
  "with an owner": page(contents(`${WHOLE}<Owner><ID>o</ID></Owner>`)),
  "with a key in CDATA": page(contents(WHOLE.replace(">a%2Fb+c<", "><![CDATA[<Key>]]><"))),
  "with an object in a comment": page(`<!-- ${contents(WHOLE)} -->${contents(WHOLE)}`),
  "with an attribute": page(contents(WHOLE.replace("<Size>", '<Size unit="byte">'))),
  "with an attribute of an object": page(`<Contents of="it">${WHOLE}</Contents>${contents(WHOLE)}`, 2),
  "with an empty object beside a whole one": page(`<Contents/>${contents(WHOLE)}`, 2),
  "with a white space in a name": page(contents(WHOLE.replace("<Size>", "<Size >"))),
  "with text between elements": page(contents(`${WHOLE}text`)),
  "with a character by its number": page(contents(WHOLE.replace("a%2Fb+c", "&#97;&#x62;"))),
  "with an entity that is none": page(contents(WHOLE.replace("a%2Fb+c", "&nbsp;"))),
  "with an ampersand alone": page(contents(WHOLE.replace("a%2Fb+c", "a&b"))),
  "with white space around a key": page(contents(WHOLE.replace("a%2Fb+c", " a "))),
  "with two keys": page(contents(`${WHOLE}<Key>other</Key>`)),
  "with two sizes": page(contents(`${WHOLE}<Size>13</Size>`)),
  "with two ETags": page(contents(`${WHOLE}<ETag>e</ETag>`)),
  "with two classes of storage": page(contents(WHOLE + STORAGE + STORAGE)),
  "with an element that S3 does not write": page(contents(`${WHOLE}<Color>red</Color>`)),
  "with two times": page(contents(`${WHOLE}${TIME}`)),
  "without a key": page(contents(TIME + ETAG + SIZE)),
  "without a size": page(contents(KEY + TIME + ETAG)),
  "without an ETag": page(contents(KEY + TIME + SIZE)),
  "without a time": page(contents(KEY + ETAG + SIZE)),
  "with an empty size": page(contents(WHOLE.replace("12<", "<"))),
  "with a size that is none": page(contents(WHOLE.replace("12<", "1e3<"))),
  "with a negative size": page(contents(WHOLE.replace("12<", "-1<"))),
  "with a size that no number holds": page(contents(WHOLE.replace("12<", "99999999999999999999<"))),
  "with a time that is none": page(contents(WHOLE.replace("2024-02-29T12:34:56.000Z", "yesterday"))),
  "with a day that is none": page(contents(WHOLE.replace("2024-02-29", "2024-02-31"))),
  "with a time of another zone": page(contents(WHOLE.replace(".000Z", "+01:00"))),
  "with a time as in HTTP": page(contents(WHOLE.replace("2024-02-29T12:34:56.000Z", "Thu, 29 Feb 2024 12:34:56 GMT"))),
  "with a name that is another's": page(
    contents(WHOLE.replace("<Key>", "<constructor>").replace("</Key>", "</constructor>")),
  ),
  "with a time of microseconds": page(contents(WHOLE.replace(".000Z", ".999999Z"))),
  "with spaces between elements": page(contents(WHOLE.replace("<Size>", " <Size>"))),
  "with other white space between elements": page(contents(WHOLE.replace("<Size>", "\u00a0\n<Size>"))),
  "with a carriage return in a key": page(contents(WHOLE.replace("a%2Fb+c", "a\rb"))),
  "with an object in an instruction": page(`<?x ${contents(WHOLE)}?>`),
  "with an object in a declaration that ends late": page(contents(WHOLE))
    .replace("?>", ">")
    .replace("</L", "?><L/></L"),
  "with an object in an attribute that ends late": page(contents(WHOLE))
    .replace('/">', ">")
    .replace("</List", '"></List'),
  "with an object in another element": page(`<CommonPrefixes>${contents(WHOLE)}</CommonPrefixes>`),
  "with an object in a word": page("").replace("<IsTruncated>true", `<IsTruncated>tr${contents(WHOLE)}ue`),
  "with an object in a name": page("").replace("<IsTruncated>", `<IsTru${contents(WHOLE)}ncated>`),
  "with an object in an attribute": page(`<X a='${contents(WHOLE)}'/>`),
  "with an object that would end a comment": page("").replace("<Prefix/>", `<${contents(WHOLE)}!-- x -->`),
  "cut off in an object": page(contents(WHOLE)).split("<Size>")[0] ?? "",
  "with an hour that is none": page(contents(WHOLE.replace("T12", "T24"))),
  "with a minute that is none": page(contents(WHOLE.replace(":34:", ":60:"))),
  "with an end too many": page(`${contents(WHOLE)}</Contents>`),
  "with an object in an object": page(contents(contents(WHOLE))),
};

describe("a page's objects, read without the SDK", () => {
  const agrees = async (body: readonly (string | Buffer | Error)[]) => {
    const [own, sdks] = await Promise.allSettled([pageOfAnswer(body, readContentsFirst), pageOfAnswer(body)]);
    assert.deepEqual(own, sdks);
    return own;
  };

  for (const [what, text] of Object.entries(plain))
    test(`a page ${what}: taken`, async () => {
      assert.notEqual(takeContents(text), undefined);
      assert.equal((await agrees([text])).status, "fulfilled");
    });

  for (const [what, text] of Object.entries(other))
    test(`a page ${what}: left to the SDK`, async () => {
      assert.equal(takeContents(text), undefined);
      await agrees([text]);
    });

  test("no object is copied for the SDK's own log", async () => {
    const names: string[] = [];
    await pageOfAnswer([page(contents(WHOLE))], (client) => {
      assert.match(client.middlewareStack.identify().join("\n"), /^loggerMiddleware/m);
      readContentsFirst(client);
      names.push(...client.middlewareStack.identify());
    });
    assert.ok(names.length > 0 && !names.some((name) => name.startsWith("loggerMiddleware")));
  });

  test("what is left of a page has no object any more", () => {
    const { contents: taken, rest } = takeContents(page(contents(WHOLE) + contents(WHOLE), 2)) ?? {};
    assert.equal(taken?.length, 2);
    assert.equal(rest, page("", 2));
  });

  test("a page with more elements than an expression could go back through", async () => {
    assert.equal((await agrees([page("<a/>".repeat(2_500_000) + contents(WHOLE))])).status, "fulfilled");
  });

  test("a page that is cut off after its objects is refused", async () => {
    const [text = ""] = page(contents(WHOLE)).split("<NextC");
    assert.equal((await agrees([text])).status, "rejected");
  });

  test("an answer in pieces, cut within a letter", async () => {
    const text = page(contents(WHOLE.replace("a%2Fb+c", "\u{1f600}")));
    const middle = Buffer.from(text).indexOf(0xf0) + 2;
    const pieces = [Buffer.from(text).subarray(0, middle), Buffer.from(text).subarray(middle)];
    assert.equal((await agrees(pieces)).status, "fulfilled");
  });

  test("an answer that breaks off fails as it does with the SDK alone", async () => {
    const text = page(contents(WHOLE));
    const broken = Object.assign(new Error("aborted"), { code: "ECONNRESET" });
    assert.equal((await agrees([text.slice(0, 300), broken])).status, "rejected");
    assert.equal((await agrees([text, broken])).status, "rejected");
  });

  test("an error that comes with status 200 is an error", async () => {
    const text = "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>";
    assert.equal((await agrees([text])).status, "rejected");
  });
});

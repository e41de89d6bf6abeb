import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { keyPrefixFault, MAX_KEY_PREFIX_BYTES, parseTarget, TargetError } from "#shared/target.ts";
import { RUN, text } from "./arbitrary.ts";

describe("a target", () => {
  const good: [string, string, string][] = [
    ["s3://bucket", "bucket", ""],
    ["s3://bucket/", "bucket", ""],
    ["s3://bucket/prefix", "bucket", "prefix/"],
    ["s3://bucket/prefix/", "bucket", "prefix/"],
    ["s3://bucket/a/b", "bucket", "a/b/"],
    ["s3://bucket/a b+c%20?#\u{1f600}", "bucket", "a b+c%20?#\u{1f600}/"],
    ["s3://bucket/a/.cback", "bucket", "a/.cback/"],
    ["s3://bucket/.cbackup", "bucket", ".cbackup/"],
    ["s3://bucket/...", "bucket", ".../"],
    ["s3://www.example.com/x", "www.example.com", "x/"],
    [`s3://${"b".repeat(63)}`, "b".repeat(63), ""],
    [`s3://bucket/${"p".repeat(MAX_KEY_PREFIX_BYTES - 1)}`, "bucket", `${"p".repeat(MAX_KEY_PREFIX_BYTES - 1)}/`],
  ];
  for (const [url, bucket, keyPrefix] of good) {
    test(`fault 39: [${url.slice(0, 60)}] means bucket ${bucket.slice(0, 20)}, prefix [${keyPrefix.slice(0, 20)}]`, () => {
      assert.deepEqual(parseTarget(url), { bucket, keyPrefix });
      assert.equal(keyPrefixFault(keyPrefix), undefined);
    });
  }

  const bad: [string, RegExp][] = [
    ["", /does not begin with s3:\/\//],
    ["bucket/prefix", /does not begin with s3:\/\//],
    ["https://bucket.s3.amazonaws.com/", /does not begin with s3:\/\//],
    ["S3://bucket", /does not begin with s3:\/\//],
    ["s3:/bucket", /does not begin with s3:\/\//],
    ["s3://", /names no bucket/],
    ["s3:///prefix", /names no bucket/],
    ["s3://b", /is no bucket name/],
    [`s3://${"b".repeat(64)}`, /is no bucket name/],
    ["s3://Bucket", /is no bucket name/],
    ["s3://my_bucket", /is no bucket name/],
    ["s3://-bucket", /is no bucket name/],
    ["s3://bucket.", /is no bucket name/],
    ["s3://a..b", /is no bucket name \(two dots in a row\)/],
    ["s3://192.168.0.1", /is no bucket name \(an IP address\)/],
    ["s3://xn--bucket", /is no bucket name \(AWS keeps what begins with xn--/],
    ["s3://bucket-s3alias", /is no bucket name \(AWS keeps what ends in -s3alias/],
    ["s3://bucket\n", /is no bucket name/],
    ["s3://arn:aws:s3:::bucket", /is no bucket name/],
    ["s3://bucket--use1-az4--x-s3", /directory bucket/],
    ["s3://bucket/../x", /segment of the prefix is named \[\.\.\]/],
    ["s3://bucket/..", /segment of the prefix is named \[\.\.\]/],
    ["s3://bucket/x/../y", /segment of the prefix is named \[\.\.\]/],
    ["s3://bucket/./x", /segment of the prefix is named \[\.\]/],
    ["s3://bucket/x/.", /segment of the prefix is named \[\.\]/],
    ["s3://bucket//", /empty segment/],
    ["s3://bucket//x", /empty segment/],
    ["s3://bucket/x//", /empty segment/],
    ["s3://bucket/x//y", /empty segment/],
    ["s3://bucket/.cback", /\.cback\/ belongs to the validator/],
    ["s3://bucket/.cback/reports/", /\.cback\/ belongs to the validator/],
    ["s3://bucket/\ud800", /not Unicode text/],
    [`s3://bucket/${RUN}`, /looks like a run id/],
    [`s3://bucket/x/${RUN}/y`, /looks like a run id/],
    [`s3://bucket/${"p".repeat(MAX_KEY_PREFIX_BYTES)}`, /longer than 900 bytes/],
    [`s3://bucket/${"\u{1f600}".repeat(225)}`, /longer than 900 bytes/],
  ];
  for (const [url, reason] of bad) {
    test(`fault 38: ${JSON.stringify(url).slice(0, 60)} is refused: ${reason.source}`, () => {
      assert.throws(
        () => parseTarget(url),
        (error) => error instanceof TargetError && reason.test(error.message),
      );
    });
  }

  test("that the agent takes is one that the validator takes, and ends in / or is empty", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          fc.nat(1000).map((length) => "p".repeat(length)),
        ),
        (prefix) => {
          let keyPrefix: string;
          try {
            ({ keyPrefix } = parseTarget(`s3://bucket/${prefix}`));
          } catch (error) {
            assert.ok(error instanceof TargetError);
            return;
          }
          assert.equal(keyPrefixFault(keyPrefix), undefined);
          assert.ok(keyPrefix === "" || keyPrefix.endsWith("/"));
        },
      ),
    );
  });

  test("fault 40: never reaches its neighbour", () => {
    assert.ok(!"my2/file".startsWith(parseTarget("s3://bucket/my").keyPrefix));
  });
});

test("a prefix in a message must end in /", () => {
  assert.match(keyPrefixFault("prefix") ?? "", /does not end in \//);
});

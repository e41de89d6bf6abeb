import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeManifest, encodeManifest, ManifestError } from "#shared/manifest.ts";
import { decodeMessage, encodeMessage, MAX_MESSAGE_BYTES, type Message, MessageError } from "#shared/message.ts";
import { CONTRACT_VERSION } from "#shared/version.ts";
import { keyPrefix, manifestEntries, RUN, runs, text } from "./arbitrary.ts";

const FIXTURES = new URL("../fixtures/messages/", import.meta.url);

const message: fc.Arbitrary<Message> = fc
  .record(
    {
      run: runs,
      bucket: fc.constantFrom("example-backup", "www.example.com"),
      prefix: keyPrefix,
      shard: fc.record(
        { index: fc.nat(99_999), after: fc.option(text), through: fc.option(text), last: fc.boolean() },
        { noNullPrototype: true },
      ),
      extras: fc.constantFrom("mismatch" as const, "listed" as const),
      repairs: fc.option(runs),
      source: fc.record({ host: text, directory: text }, { noNullPrototype: true }),
      agentVersion: fc.constantFrom("0.1.0", "1.0.0-rc.1+build"),
      manifest: manifestEntries.map(encodeManifest),
    },
    { noNullPrototype: true },
  )
  .map((parts) => ({ version: CONTRACT_VERSION, ...parts }));

describe("a message", () => {
  test("comes back as it was, whatever it holds", () => {
    fc.assert(fc.property(message, (message) => assert.deepEqual(decodeMessage(encodeMessage(message)), message)));
  });

  test("holds only characters that SQS takes, whatever the names are", () => {
    const strange = fc.constantFrom("\uffff", "\ufffe", "\u0000", "\u000b", "\ud800", "\u{10ffff}", "\u007f");
    const names = fc.string({ unit: fc.oneof(strange, fc.string({ minLength: 1, maxLength: 1 })) });
    fc.assert(
      fc.property(message, names, (message, name) => {
        const strangely = {
          ...message,
          // A bound is a path, and so always text.
          shard: { ...message.shard, after: name.toWellFormed() },
          source: { host: name, directory: name },
        };
        const encoded = encodeMessage(strangely);
        assert.match(encoded, /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u);
        assert.deepEqual(decodeMessage(encoded), strangely);
      }),
    );
  });

  test("that SQS would not take is not made", () => {
    const [whole] = fc.sample(message, { numRuns: 1, seed: 1 });
    assert.ok(whole);
    const tooLarge = { ...whole, manifest: { ...whole.manifest, body: "b".repeat(MAX_MESSAGE_BYTES) } };
    assert.throws(() => encodeMessage(tooLarge), ManifestError);
  });
});

interface Expected {
  readonly reason?: RegExp;
  /** Whether the run can be told, so that its report can say what is wrong. */
  readonly header: boolean;
}

const noHeader = (reason: RegExp): Expected => ({ reason, header: false });
const withHeader = (reason: RegExp): Expected => ({ reason, header: true });

const EXPECTED: Record<string, Expected> = {
  "whole.json": { header: true },
  "minor-newer-with-a-new-field.json": { header: true },
  "major-newer.json": withHeader(/agent speaks contract 2\.0, this validator only 1\.0: deploy the stack again/),
  "major-newer-of-another-shape.json": withHeader(/contract 12\.3.*deploy the stack again/),
  "major-older.json": withHeader(/contract 0\.9, which this validator \(1\.0\) no longer serves: upgrade the agent/),
  "not-json.txt": noHeader(/is not JSON/),
  "header-array.json": noHeader(/has no header/),
  "header-bucket-no-name.json": noHeader(/bucket is no bucket that can be/),
  "header-empty.json": noHeader(/has no header/),
  "header-null.json": noHeader(/has no header/),
  "header-prefix-reserved.json": noHeader(/prefix is no prefix: \.cback\/ belongs to the validator/),
  "header-prefix-with-dots.json": noHeader(/prefix is no prefix: a segment of the prefix is named \[/),
  "header-prefix-without-slash.json": noHeader(/prefix is no prefix: the prefix does not end in/),
  "header-prototype.json": noHeader(/has no header/),
  "header-run-of-another-shape.json": noHeader(/has no header: \/run/),
  "header-shard-bound-a-number.json": noHeader(/has no header: \/shard\/after/),
  "header-shard-bound-no-text.json": noHeader(/shard begins or ends at what is no key/),
  "header-shard-bound-too-long.json": noHeader(/shard begins or ends at what is no key/),
  "header-shard-index-negative.json": noHeader(/has no header: \/shard\/index/),
  "header-shard-index-too-high.json": noHeader(/has no header: \/shard\/index/),
  "header-shard-without-last.json": noHeader(/has no header: \/shard/),
  "header-text.json": noHeader(/has no header/),
  "header-version-a-number.json": noHeader(/has no header: \/version/),
  "header-version-without-minor.json": noHeader(/has no header: \/version/),
  "header-without-run.json": noHeader(/has no header/),
  "header-without-shard.json": noHeader(/has no header/),
  "body-count-negative.json": withHeader(/does not follow the contract: \/manifest\/count/),
  "body-count-too-high.json": withHeader(/does not follow the contract: \/manifest\/count/),
  "body-digest-too-short.json": withHeader(/does not follow the contract: \/manifest\/digest/),
  "body-digest-upper-case.json": withHeader(/does not follow the contract: \/manifest\/digest/),
  "body-extras-unknown.json": withHeader(/does not follow the contract: \/extras/),
  "body-manifest-not-text.json": withHeader(/does not follow the contract: \/manifest\/body/),
  "body-repairs-not-a-run.json": withHeader(/does not follow the contract: \/repairs/),
  "body-source-too-long.json": withHeader(/does not follow the contract: \/source\/host/),
  "body-without-manifest.json": withHeader(/does not follow the contract/),
  "body-without-source.json": withHeader(/does not follow the contract/),
};

describe("a received message", () => {
  test("has a fixture for each way of being broken, and each fixture is expected", () => {
    assert.deepEqual(readdirSync(FIXTURES).sort(), Object.keys(EXPECTED).sort());
  });

  for (const [file, { reason, header }] of Object.entries(EXPECTED)) {
    const readFixture = () => readFileSync(new URL(file, FIXTURES), "utf8");
    if (reason === undefined)
      test(`is read: ${file}`, () => {
        const message = decodeMessage(readFixture());
        assert.equal(message.run, RUN);
        assert.equal(decodeManifest(message.manifest, message.shard, message.prefix).length, 2);
      });
    else
      test(`fault ${file.startsWith("major") ? 66 : 63}: is refused: ${file}`, () => {
        assert.throws(
          () => decodeMessage(readFixture()),
          (error) => {
            assert.ok(error instanceof MessageError);
            assert.match(error.message, reason);
            assert.equal(error.header?.run, header ? RUN : undefined);
            assert.equal(error.header?.shard.last, header ? true : undefined);
            return true;
          },
        );
      });
  }

  test("fault 72: of a million brackets is refused at once", () => {
    const deep = "[".repeat(500_000) + "]".repeat(500_000);
    for (const text of [deep, `{"version":${deep}}`, "[".repeat(1_000_000)])
      assert.throws(() => decodeMessage(text), MessageError);
  });

  test("fault 72: loses the fields that nobody knows, however deep they are and whatever they are called", () => {
    const whole = readFileSync(new URL("whole.json", FIXTURES), "utf8");
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    const text = whole.replace("{", `{"__proto__":${deep},"new":${deep},`).replace('"index"', `"new":${deep},"index"`);
    assert.deepEqual(decodeMessage(text), decodeMessage(whole));
  });

  test("is refused with a MessageError, whatever the JSON", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => assert.throws(() => decodeMessage(text), MessageError)),
    );
  });
});

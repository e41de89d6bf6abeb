import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { encodeManifest } from "#shared/manifest.ts";
import { encodeMessage } from "#shared/message.ts";
import { assembleReport } from "#shared/report.ts";
import { nextStatus } from "#shared/status.ts";
import { encodeVersioned } from "#shared/versioned.ts";
import { RUN, somePart } from "./arbitrary.ts";
import { SCHEMA_FOLDER, SCHEMA_TEXTS } from "./schema-files.ts";

const FIXTURES = new URL("../fixtures/messages/", import.meta.url);

function validatorOf(file: string): ValidateFunction {
  return new Ajv2020({ strict: true, allErrors: true }).compile(
    JSON.parse(readFileSync(new URL(file, SCHEMA_FOLDER), "utf8")),
  );
}

describe("the shipped JSON Schemas", () => {
  test("are the four of the contract, each named as it names itself", () => {
    assert.deepEqual(readdirSync(SCHEMA_FOLDER).sort(), [...SCHEMA_TEXTS.keys()]);
    for (const [file, text] of SCHEMA_TEXTS) assert.equal(JSON.parse(text).$id, file);
  });

  for (const [file, text] of SCHEMA_TEXTS)
    test(`${file} is what the sources say and is JSON Schema 2020-12`, () => {
      assert.equal(readFileSync(new URL(file, SCHEMA_FOLDER), "utf8"), text, "write it again: npm run schemas");
      assert.equal(new Ajv2020().validateSchema(JSON.parse(text)), true);
    });

  const report = assembleReport([
    somePart({
      findings: [
        { kind: "missing", path: "a", expected: { sizeBytes: 1, etag: "e" } },
        { kind: "unexpected", path: "b", actual: { sizeBytes: 1, etag: "e", modified: "2026-11-22T12:00:00.000Z" } },
      ],
    }),
  ]);
  const examples: [string, string][] = [
    [
      "message.schema.json",
      encodeMessage({
        run: RUN,
        bucket: "example-backup",
        prefix: "",
        shard: { index: 0, after: null, through: "m", last: false },
        extras: "listed",
        repairs: RUN,
        source: { host: "laptop", directory: "/home/me" },
        agentVersion: "0.1.0",
        manifest: encodeManifest([{ path: "a", sizeBytes: 1, etag: "e" }]),
      }),
    ],
    ["part.schema.json", encodeVersioned(somePart())],
    ["report.schema.json", encodeVersioned(report)],
    ["status.schema.json", encodeVersioned(nextStatus(undefined, report) ?? report)],
  ];
  for (const [file, text] of examples)
    test(`${file} takes what the code writes, and nothing of another kind`, () => {
      const validate = validatorOf(file);
      assert.ok(validate(JSON.parse(text)), JSON.stringify(validate.errors));
      for (const [, other] of examples) if (other !== text) assert.ok(!validate(JSON.parse(other)));
    });

  test("message.schema.json takes and refuses the fixtures as the code does, but for what no schema can say", () => {
    const validate = validatorOf("message.schema.json");
    const accepted = readdirSync(FIXTURES).filter(
      (file) => file.endsWith(".json") && validate(JSON.parse(readFileSync(new URL(file, FIXTURES), "utf8"))),
    );
    assert.deepEqual(accepted.sort(), [
      "header-bucket-no-name.json",
      "header-prefix-reserved.json",
      "header-prefix-with-dots.json",
      "header-prefix-without-slash.json",
      "header-shard-bound-no-text.json",
      "header-shard-bound-too-long.json",
      "major-newer.json",
      "major-older.json",
      "minor-newer-with-a-new-field.json",
      "whole.json",
    ]);
  });
});

/** What `docs/deploy.md` says, held to the code: settings, properties, outputs, and what all of it costs. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { CONTEXT_KEYS } from "#infra/context-keys.ts";
import { SyncStack } from "#infra/stack.ts";
import type { KnownEntry } from "#shared/entry.ts";
import { encodeManifest } from "#shared/manifest.ts";
import { METRIC, STACK_OUTPUT } from "#shared/names.ts";
import { deliverBody, messageBody, newRun, startValidator } from "#test/lambda/delivering.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { monthTable, priceTable, runTable, validatorRequests } from "./deploy-costs.ts";

const ROOT = join(import.meta.dirname, "../..");
const page = readFileSync(join(ROOT, "docs/deploy.md"), "utf8");

function assertHolds(part: string): void {
  assert.ok(page.includes(part), `docs/deploy.md lacks this:\n\n${part}\n`);
}

test("every context key is in the table, as the app knows it", () => {
  const rows = Object.entries(CONTEXT_KEYS).map(
    ([key, { example, meaning }]) => `| \`-c ${key}=${example}\` | ${meaning} |`,
  );
  assertHolds(["| key | what it says |", "|---|---|", ...rows, ""].join("\n"));
});

test("no command names a context key that the app does not know", () => {
  const named = [...page.matchAll(/-c (\w+)=/g)].map(([, key = ""]) => key);
  assert.ok(named.length > Object.keys(CONTEXT_KEYS).length, "there are commands");
  assert.deepEqual(
    [...new Set(named)].filter((key) => !(key in CONTEXT_KEYS)),
    [],
  );
});

test("no command asks the stack for an output that it does not have", () => {
  const known = Object.values(STACK_OUTPUT);
  const asked = [...page.matchAll(/\(output (\w+)\)/g)].map(([, name = ""]) => name);
  assert.ok(asked.length > 0);
  // A host's name follows that of its policy.
  assert.deepEqual(
    asked.filter((name) => !known.some((output) => name.startsWith(output))),
    [],
  );
});

test("every property of the construct is in the table, with its default", () => {
  const source = readFileSync(join(ROOT, "infra/backup-validator-props.ts"), "utf8");
  const [, declared = ""] = /interface BackupValidatorProps \{(.*?)\n\}/s.exec(source) ?? [];
  const properties = [...declared.matchAll(/\/\*\*(.*?)\*\/\s+readonly (\w+)/gs)].map(([, comment = "", name = ""]) => {
    const [, standard = ""] = /@default (.*)/s.exec(comment.replaceAll(/\s*\n\s*\*?\s*/g, " ")) ?? [];
    return { name, standard: standard.trim() };
  });
  const [, table = ""] = /\| property \|.*?\n\|.*?\n(.*?)\n\n/s.exec(page) ?? [];
  const rows = table.split("\n").map((row) => {
    const [, name = "", , standard = ""] = row.split(" | ").join("|").split("|");
    return { name: name.trim().replaceAll("`", ""), standard: standard.trim() };
  });
  assert.deepEqual(rows, properties);
});

test("the costs are those of the formulas", () => {
  const stack = new SyncStack(new App({ outdir: temporaryFolder({ after }) }), "Costs", { bucketName: "costs" });
  const template = Template.fromStack(stack);
  const count = (type: string) => Object.keys(template.findResources(type)).length;
  const standing = {
    alarms: count("AWS::CloudWatch::Alarm"),
    dashboards: count("AWS::CloudWatch::Dashboard"),
    metrics: Object.keys(METRIC).length,
  };
  for (const table of [priceTable(), runTable(), monthTable(standing)]) assertHolds(`${table}\n`);
});

test("the validator asks of S3 what the formula says", async (t) => {
  // One page holds all parts, as it does of a run over millions of files.
  const [shards, shardEntries, pageObjects] = [4, 15, 5];
  const validator = await startValidator(t);
  const { store } = validator;
  store.pageSize = pageObjects;
  const entries = Array.from({ length: shards * shardEntries }, (_, index): KnownEntry => {
    const path = String(index).padStart(3, "0");
    return { path, sizeBytes: path.length, etag: store.put(`me/${path}`, path).etag };
  });
  const run = newRun();
  for (let index = 0; index < shards; index++) {
    const own = entries.slice(index * shardEntries, (index + 1) * shardEntries);
    const last = index === shards - 1;
    const after = entries[index * shardEntries - 1]?.path ?? null;
    const shard = { index, after, through: last ? null : (own.at(-1)?.path ?? null), last };
    await deliverBody(validator, messageBody([], { run, prefix: "me/", shard, manifest: encodeManifest(own) }));
  }

  const count = (action: string) => store.asked.filter((asked) => asked.action === action).length;
  const { list, put, get } = validatorRequests(shards, shardEntries, pageObjects);
  assert.deepEqual({ put: count("put"), get: count("get") }, { put, get });
  assert.ok(
    count("list") <= list && count("list") > shards * (shardEntries / pageObjects),
    `${count("list")} of ${list} lists`,
  );
});

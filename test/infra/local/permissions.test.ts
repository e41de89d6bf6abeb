/**
 * The permission table, row by row, as real requests to two stacks that were deployed for it. A denied row ends with the
 * very error of a denial, for the action that it is about; and the engine's root key, which no policy binds, is answered
 * the same request: no row is denied because it asks for what cannot be.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ListEventSourceMappingsCommand, UpdateEventSourceMappingCommand } from "@aws-sdk/client-lambda";
import { deploySecondStack, type SecondStack } from "#test/e2e/second-stack.ts";
import { becomePrincipals, type Principals } from "./permission-principals.ts";
import type { Place } from "./permission-request-kind.ts";
import { requestKind } from "./permission-requests.ts";
import { OTHER, PRINCIPALS, ROWS, type Row } from "./permission-table.ts";

const folder = mkdtempSync(join(tmpdir(), "cback-permissions-"));
let stacks: Record<"hosts" | "whole", SecondStack>;
let principals: Principals;

before(async () => {
  const [hosts, whole] = await Promise.all([
    deploySecondStack(folder, ["web1", "web10", "db1"]),
    deploySecondStack(folder),
  ]);
  stacks = { hosts, whole };
  principals = await becomePrincipals(stacks);
  await Promise.all([stopListening(hosts), stopListening(whole)]);
});

after(async () => {
  await principals?.forget();
  for (const stack of Object.values(stacks ?? {})) await stack.forget();
  rmSync(folder, { recursive: true, force: true });
});

for (const principal of PRINCIPALS) {
  const rows = ROWS.filter((row) => row.principal === principal);
  describe(`${principal.title}: ${rows.length} rows`, () => {
    for (const row of rows)
      test(titleOf(row), async () => {
        const { prepare, ruins } = requestKind(row.request);
        const send = await prepare(placeOf(row), principals.root);
        const request = send(principals.clients[principal.name]);
        if (row.expected === "may") {
          await request;
        } else {
          assertDenied(await rejection(request), row);
          if (!ruins) await assertRootIsAnswered(row);
        }
      });
  });
}

describe("what the root key is answered only once", () => {
  const rows = ROWS.filter(({ request, expected }) => expected !== "may" && requestKind(request).ruins === true);
  const once = new Map<string, Row>();
  for (const row of rows) {
    const title = `${row.request} ${row.resource}, in the stack ${stackOf(row)}`;
    if (!once.has(title)) once.set(title, row);
  }
  for (const [title, row] of once) test(title, () => assertRootIsAnswered(row));
});

function titleOf(row: Row): string {
  const says = { may: "is answered", mayNot: "is denied: nothing grants it", never: "is denied, whatever grants it" };
  return `${row.request} ${row.resource} ${says[row.expected]}`;
}

/** The stack's own, or the same in the other one. */
function stackOf({ principal, resource }: Row): "hosts" | "whole" {
  if (!resource.startsWith(OTHER)) return principal.stack;
  return principal.stack === "hosts" ? "whole" : "hosts";
}

function placeOf(row: Row): Place {
  const { resource } = row;
  return {
    stack: stacks[stackOf(row)],
    name: resource.startsWith(OTHER) ? resource.slice(OTHER.length) : resource,
  };
}

/** How each service calls a denial. */
const DENIAL: Readonly<Record<string, string>> = {
  s3: "AccessDenied",
  sqs: "AccessDenied",
  iam: "AccessDenied",
  sts: "AccessDenied",
  lambda: "AccessDeniedException",
  events: "AccessDeniedException",
  cloudwatch: "AccessDeniedException",
};

function assertDenied({ name, message }: Error, { principal, request, expected }: Row): void {
  const { action } = requestKind(request);
  const [service = ""] = action.split(":");
  if (principal.name === "anonymous") {
    // Nobody is named, so neither is what he may not do.
    const unsigned =
      service === "s3" || service === "sqs" ? /^AccessDenied$/ : /^MissingAuthenticationToken(Exception)?$/;
    assert.match(name, unsigned, message);
    return;
  }
  assert.equal(name, DENIAL[service], message);
  const [, denied, why = ""] = /is not authorized to perform: ([\w:]+)(.*)$/.exec(message) ?? [];
  assert.equal(denied?.toLowerCase(), action.toLowerCase(), message);
  assert.equal(why.includes("explicit deny"), expected === "never", message);
}

async function assertRootIsAnswered(row: Row): Promise<void> {
  const { prepare, answer } = requestKind(row.request);
  const send = await prepare(placeOf(row), principals.root);
  if (answer === undefined) await send(principals.root);
  else assert.equal((await rejection(send(principals.root))).name, answer);
}

async function rejection(request: Promise<unknown>): Promise<Error> {
  let answered: unknown;
  try {
    answered = await request;
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
  return assert.fail(`was answered: ${JSON.stringify(answered)}`);
}

/** So that the validator takes no message that the table is about. */
async function stopListening({ outputs }: SecondStack): Promise<void> {
  const { lambda } = principals.root;
  const at = { FunctionName: outputs.ValidatorFunctionName };
  const { EventSourceMappings = [] } = await lambda.send(new ListEventSourceMappingsCommand(at));
  for (const { UUID } of EventSourceMappings)
    await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }));
}

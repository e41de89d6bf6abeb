/**
 * `docs/permissions.md`, as the permission table says: what the tests prove is what a reader is told. Run as a program
 * (`npm run permissions`), it writes the document.
 */
import { writeFileSync } from "node:fs";
import { REQUEST_NAMES, type RequestName, requestKind } from "./local/permission-requests.ts";
import { type Expectation, OTHER, PRINCIPALS, type Principal, type Resources, ROWS } from "./local/permission-table.ts";

export const PERMISSION_DOCUMENT = new URL("../../docs/permissions.md", import.meta.url);

const COLUMNS: readonly Expectation[] = ["may", "mayNot", "never"];

export function permissionDocument(): string {
  return [
    "# Who may do what",
    "",
    `${ROWS.length} rows, each a request that is really sent to the deployed stacks by \`test/infra/local/permissions.test.ts\`, on an`,
    "engine that enforces IAM. What is denied is denied with AccessDenied for that very action, and the same request is",
    "answered to the engine's root key, which no policy binds: no row is denied because it asks for what cannot be. This page",
    "is written from the table of that test (`npm run permissions`); a test holds it to it.",
    "",
    "- **may**: the request is answered.",
    "- **may not**: no policy grants it.",
    "- **never**: a policy of the stack denies it, whatever else the principal is granted, now or later.",
    "",
    "The hosts are web1, web10 and db1, each with the prefix of its name; all keys are in one bucket, unless another one is",
    "named. `*` ends the prefix of a listing. In brackets: the IAM action, where the request has another name.",
    "",
    "| principal | rows | may | may not | never |",
    "|---|--:|--:|--:|--:|",
    ...PRINCIPALS.map(
      (principal) => `| ${[`[${principal.title}](#${anchor(principal.title)})`, ...counts(principal)].join(" | ")} |`,
    ),
    "",
    ...PRINCIPALS.flatMap((principal) => [...section(principal), ""]),
    "## What the engine cannot show",
    "",
    "- It listens on TLS alone. These rows say with a header, as a proxy does, that their request came without TLS; the",
    "  engine holds that against the policies' `aws:SecureTransport`, as AWS does.",
    "- It binds its root key by no policy. On AWS a Deny of the bucket binds the account's root user, too.",
    "- It checks no permission for changing an event source mapping. No policy of the stack has an action for that.",
    "- Its S3 takes lifecycle rules (`test/infra/local/lifecycle.test.ts`), its CloudFormation drops them, and nothing there",
    "  obeys them: that an upload which a killed run left is given up after seven days, AWS alone shows.",
    "- Alarms without data and what stays after a stack is destroyed: the template's tests (`test/infra/stack.test.ts`,",
    "  `test/infra/operations.test.ts`).",
    "",
  ].join("\n");
}

function counts(principal: Principal): number[] {
  const rows = ROWS.filter((row) => row.principal === principal);
  return [rows.length, ...COLUMNS.map((column) => rows.filter(({ expected }) => expected === column).length)];
}

function anchor(title: string): string {
  return title.toLowerCase().replaceAll(" ", "-");
}

/** Requests with the same resources share a line. First comes what is answered. */
function section(principal: Principal): string[] {
  const lines = new Map<string, string[]>();
  const asked = REQUEST_NAMES.flatMap((request): [RequestName, Resources][] => {
    const resources = principal.requests[request];
    return resources === undefined ? [] : [[request, resources]];
  });
  for (const [request, resources] of asked.sort(([, one], [, other]) => answered(other) - answered(one))) {
    const cells = COLUMNS.map((column) => resources[column]?.map(shown).join(", ") || "–").join(" | ");
    lines.set(cells, [...(lines.get(cells) ?? []), named(request)]);
  }
  return [
    `## ${principal.title}`,
    "",
    `${principal.who.charAt(0).toUpperCase()}${principal.who.slice(1)}.`,
    "",
    "| request | may | may not | never |",
    "|---|---|---|---|",
    ...[...lines].map(([cells, requests]) => `| ${requests.join(", ")} | ${cells} |`),
  ];
}

function answered({ may = [] }: Resources): number {
  return Number(may.length > 0);
}

function named(request: RequestName): string {
  const { action } = requestKind(request);
  return action.endsWith(`:${request}`) ? request : `${request} (${action})`;
}

function shown(resource: string): string {
  if (resource.startsWith(OTHER)) return `${shown(resource.slice(OTHER.length))} of another bucket`;
  return WORDS.has(resource) ? resource : `\`${resource}\``;
}

/** What a stack or an account has one of; all else is a key, or a prefix of keys. */
const WORDS = new Set([
  ...["bucket", "queue", "dead letters", "validator", "silence check"],
  ...["host", "alarms", "metrics", "account"],
]);

if (import.meta.main) writeFileSync(PERMISSION_DOCUMENT, permissionDocument());

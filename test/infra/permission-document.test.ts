import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ROWS } from "./local/permission-table.ts";
import { PERMISSION_DOCUMENT, permissionDocument } from "./permission-document.ts";

test("docs/permissions.md is the permission table", () => {
  assert.equal(
    readFileSync(PERMISSION_DOCUMENT, "utf8"),
    permissionDocument(),
    "docs/permissions.md says something else than test/infra/local/permission-table.ts: run npm run permissions",
  );
});

test("no two rows of the permission table are about the same", () => {
  const about = ROWS.map(({ principal, request, resource }) => `${principal.name}: ${request} ${resource}`);
  assert.deepEqual(
    about.filter((row, position) => about.indexOf(row) !== position),
    [],
  );
});

/** Two packs of cdk-nag rules, over all ways in which the stack can be asked for, and what is acknowledged of them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Stack, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks, ServerlessChecks } from "cdk-nag";
import type { IConstruct } from "constructs";
import { newApp } from "./construct.ts";
import { OWNER, VARIANTS } from "./variants.ts";

/** `rule at path` for each violation. */
function violations(stack: Stack): string[] {
  return [new AwsSolutionsChecks(), new ServerlessChecks()].flatMap((pack) =>
    pack
      .validateScope(stack)
      .violations.flatMap(({ ruleName, violatingResources }) =>
        violatingResources.map(({ constructPath }) => ({ ruleName, constructPath })),
      )
      .filter(({ constructPath }) => !constructPath?.startsWith(`${stack.node.path}/${OWNER}/`))
      .map(({ ruleName, constructPath }) => `${ruleName} at ${constructPath}`),
  );
}

interface Acknowledgement {
  readonly rule: string;
  readonly reason: string;
  readonly scope: IConstruct;
}

function acknowledgements(stack: Stack): Acknowledgement[] {
  return stack.node.findAll().flatMap((scope) =>
    scope.node.metadata
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) =>
        Object.entries(data as Record<string, string>).map(([rule, reason]) => ({
          rule: rule.replace(/^annotation::/i, ""),
          reason,
          scope,
        })),
      ),
  );
}

/** Takes all acknowledgements back. */
function forget(stack: Stack): void {
  for (const scope of stack.node.findAll()) {
    const kept = scope.node.metadata.filter(({ type }) => type !== Validations.ACKNOWLEDGED_RULES_METADATA_KEY);
    Object.defineProperty(scope.node, "metadata", { value: kept });
  }
}

describe("cdk-nag finds nothing", () => {
  for (const [title, make] of Object.entries(VARIANTS))
    test(`in ${title}`, () => {
      const stack = make(newApp());
      assert.deepEqual(violations(stack), []);
    });
});

describe("what is acknowledged", () => {
  for (const [title, make] of Object.entries(VARIANTS))
    test(`has a reason, and is there to acknowledge, in ${title}`, () => {
      const stack = make(newApp());
      const acknowledged = acknowledgements(stack);
      forget(stack);
      const all = violations(stack);
      assert.ok(all.length > 0);
      for (const { rule, reason, scope } of acknowledged) {
        assert.match(reason, /^[A-Z].{30,}\.$/, rule);
        assert.ok(
          all.some((violation) => violation.startsWith(`${rule} at ${scope.node.path}/`)),
          `${rule} at ${scope.node.path}: nothing is found without it`,
        );
      }
    });
});

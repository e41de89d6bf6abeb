/** Reads what was synthesized: resources by type, statements of policies, values that CloudFormation fills in. */
import assert from "node:assert/strict";
import type { Template } from "aws-cdk-lib/assertions";

export interface Resource {
  readonly Type: string;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Action: string | string[];
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** All resources of a type whose logical ids contain a part. */
export function found(template: Template, type: string, idPart = ""): [string, Resource][] {
  const all = Object.entries(template.findResources(type)) as [string, Resource][];
  return all.filter(([id]) => id.includes(idPart));
}

export function only(template: Template, type: string, idPart = ""): [string, Resource] {
  const [first, ...others] = found(template, type, idPart);
  assert.ok(first !== undefined && others.length === 0, `one ${type} ${idPart}`);
  return first;
}

export function list<Item>(value: Item | Item[] | undefined): Item[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

/** The statements of all policies among resources. */
export function statementsOf(resources: readonly [string, Resource][]): Statement[] {
  return resources.flatMap(([, { Properties }]) => (Properties.PolicyDocument as { Statement: Statement[] }).Statement);
}

/** A value with what CloudFormation fills in shown as `${Name}`. */
export function rendered(value: unknown): string {
  if (typeof value === "string") return value;
  const { Ref, "Fn::GetAtt": attribute, "Fn::Join": join } = value as Record<string, unknown>;
  if (typeof Ref === "string") return `\${${Ref}}`;
  if (Array.isArray(attribute)) return `\${${attribute.join(".")}}`;
  if (Array.isArray(join)) return (join[1] as unknown[]).map(rendered).join(String(join[0]));
  throw new Error(`not a known form: ${JSON.stringify(value)}`);
}

export function renderedResources({ Resource }: Statement): string[] {
  return list(Resource).map(rendered);
}

/** What roles and hosts are allowed and denied; with parts, where a logical id contains one. */
export function grants(template: Template, ...parts: string[]): Statement[] {
  return ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"]
    .flatMap((type) => found(template, type))
    .filter(([id]) => parts.length === 0 || parts.some((part) => id.includes(part)))
    .flatMap((resource) => statementsOf([resource]));
}

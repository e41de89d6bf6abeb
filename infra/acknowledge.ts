/**
 * Says to cdk-nag why something stands as it is, for those who hold their apps to its rules. It needs nothing of
 * cdk-nag, whose rules may be absent.
 */
import { Stack, Validations } from "aws-cdk-lib";
import type { Construct } from "constructs";

/** Rules that do not fit here, each with its reason. */
export function acknowledge(scope: Construct, reasons: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(reasons)) Validations.of(scope).acknowledge({ id, reason });
}

/** Resources in the policies of a scope that are patterns: cdk-nag wants each of them named, as it writes them. */
export function acknowledgePatterns(scope: Construct, resources: readonly string[], reason: string): void {
  for (const resource of resources) {
    const finding = written(Stack.of(scope).resolve(resource));
    acknowledge(scope, { [`AwsSolutions-IAM5[Resource::${finding}]`]: reason });
  }
}

/** `<Bucket.Arn>/.cback/*` */
function written(value: unknown): string {
  if (typeof value === "string") return value;
  const { Ref, "Fn::GetAtt": attribute, "Fn::Join": join } = value as Record<string, unknown>;
  if (typeof Ref === "string") return `<${Ref}>`;
  if (Array.isArray(attribute)) return `<${attribute.join(".")}>`;
  if (Array.isArray(join)) return (join[1] as unknown[]).map(written).join(String(join[0]));
  return JSON.stringify(value);
}

/**
 * Keeps everyone but the validator from writing under the reserved prefix, so that no host can forge its own pass.
 * A denial in the bucket's policy holds whatever else a principal has been granted, administrators included.
 */
import { Stack } from "aws-cdk-lib";
import { AnyPrincipal, Effect, type IRole, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IBucket } from "aws-cdk-lib/aws-s3";
import { RESERVED_PREFIX } from "#shared/names.ts";

/**
 * Everything that makes, changes or removes an object, a version of it or what is attached to it. Wildcards, because
 * a denial should also cover what S3 learns later.
 */
export const OBJECT_WRITES = [
  "s3:PutObject*",
  "s3:DeleteObject*",
  "s3:AbortMultipartUpload",
  "s3:RestoreObject",
  "s3:BypassGovernanceRetention",
  "s3:ObjectOwnerOverrideToBucketOwner",
  "s3:Replicate*",
  "s3:UpdateObject*",
];

interface ReservedPrefix {
  readonly bucket: IBucket;
  /** The only one who may write there. */
  readonly writer: IRole;
}

/** Returns the statement for the owner to add, where the bucket's policy is not this app's to change. */
export function guardReservedPrefix({ bucket, writer }: ReservedPrefix): PolicyStatement | undefined {
  const statement = new PolicyStatement({
    sid: "OnlyTheValidatorWritesReports",
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: OBJECT_WRITES,
    resources: [bucket.arnForObjects(`${RESERVED_PREFIX}*`)],
    // Not `NotPrincipal`, which would have to name every session of the role.
    conditions: { ArnNotLike: { "aws:PrincipalArn": [writer.roleArn, sessionsOf(writer)] } },
  });
  return bucket.addToResourcePolicy(statement).statementAdded ? undefined : statement;
}

/** AWS names a session by its role, some that speak its protocol by the session itself. No other principal has this form. */
function sessionsOf(role: IRole): string {
  return Stack.of(role).formatArn({
    service: "sts",
    region: "",
    resource: "assumed-role",
    resourceName: `${role.roleName}/*`,
  });
}

/** The KMS key of a bucket, where it has one of its owner's: what hosts and validator must be allowed on it. */
import { ArnFormat, Stack, Token } from "aws-cdk-lib";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";
import { PropError } from "./prop-error.ts";

export interface BucketKey {
  readonly keyArn: string;
  /** S3 in the bucket's region, the only way in which the key is used. */
  readonly viaService: string;
}

/** @throws {PropError} when the key lies in another region, where S3 cannot use it for this bucket */
export function bucketKeyOf(scope: Construct, key: IKey): BucketKey {
  const stack = Stack.of(scope);
  const keyRegion = Token.isUnresolved(key.keyArn)
    ? key.env.region
    : (stack.splitArn(key.keyArn, ArnFormat.SLASH_RESOURCE_NAME).region ?? "");
  const known = !Token.isUnresolved(keyRegion) && !Token.isUnresolved(stack.region);
  if (known && keyRegion !== stack.region)
    throw new PropError(
      "encryptionKey",
      `the key is in ${keyRegion}, the bucket will be in ${stack.region}; S3 only takes a key of the bucket's region`,
    );
  return { keyArn: key.keyArn, viaService: `s3.${stack.region}.${stack.urlSuffix}` };
}

/** To write an object, and to read one or complete it from parts. */
export function useKeyStatement(key: BucketKey): PolicyStatement {
  return statement("UseTheKeyThroughS3", ["kms:GenerateDataKey", "kms:Decrypt"], key);
}

/** To read objects alone. */
export function readWithKeyStatement(key: BucketKey): PolicyStatement {
  return statement("ReadWithTheKeyThroughS3", ["kms:Decrypt"], key);
}

function statement(sid: string, actions: string[], { keyArn, viaService }: BucketKey): PolicyStatement {
  const conditions = { StringEquals: { "kms:ViaService": viaService } };
  return new PolicyStatement({ sid, actions, resources: [keyArn], conditions });
}

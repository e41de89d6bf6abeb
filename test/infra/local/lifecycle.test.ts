/**
 * The lifecycle rules of a bucket that the stack makes, given to the engine's S3 as CloudFormation gives them to AWS: the
 * engine's own CloudFormation drops them. That S3 does what they say takes days, and no engine does it.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Duration } from "aws-cdk-lib";
import { liveEngine } from "#test/live-engine.ts";
import { synthesize } from "../construct.ts";
import { only } from "../template.ts";

/** As a template writes a rule, where that is not as S3 takes it. */
interface TemplateRule extends Omit<LifecycleRule, "Expiration" | "ID"> {
  readonly Id: string;
  readonly ExpirationInDays?: number;
  readonly ExpiredObjectDeleteMarker?: boolean;
}

test("fault 22: S3 takes the rules that give up stale uploads, old reports and old versions", async (t) => {
  const s3 = new S3Client(liveEngine().administrator);
  const Bucket = `cback-lifecycle-${randomBytes(4).toString("hex")}`;
  await s3.send(new CreateBucketCommand({ Bucket }));
  t.after(async () => {
    await s3.send(new DeleteBucketCommand({ Bucket }));
    s3.destroy();
  });
  for (const days of [undefined, 90]) {
    const oldVersions = days === undefined ? {} : { oldVersionRetention: Duration.days(days) };
    const [, { Properties }] = only(synthesize({ bucketName: Bucket, ...oldVersions }), "AWS::S3::Bucket");
    const { Rules: rules } = Properties.LifecycleConfiguration as { Rules: TemplateRule[] };
    const Rules = rules.map(asS3TakesIt);
    await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
    const kept = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
    assert.deepEqual(kept.Rules, Rules);
    // Of all keys.
    const stale = Rules.filter((rule) => rule.AbortIncompleteMultipartUpload !== undefined);
    assert.deepEqual(
      stale.map(({ Filter, Status, AbortIncompleteMultipartUpload: abort }) => [Filter, Status, abort]),
      [[{ Prefix: "" }, "Enabled", { DaysAfterInitiation: 7 }]],
    );
  }
});

function asS3TakesIt(templateRule: TemplateRule): LifecycleRule {
  const { Id, Prefix = "", ExpirationInDays: Days, ExpiredObjectDeleteMarker, ...rule } = templateRule;
  const expiration = { ...(Days && { Days }), ...(ExpiredObjectDeleteMarker && { ExpiredObjectDeleteMarker }) };
  return {
    ID: Id,
    Filter: { Prefix },
    ...rule,
    ...(Object.keys(expiration).length > 0 && { Expiration: expiration }),
  };
}

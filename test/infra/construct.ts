/** The construct alone in a stack, as somebody's own app would use it. */
import { after } from "node:test";
import { App, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { BUNDLING_STACKS } from "aws-cdk-lib/cx-api";
import { BackupValidator, type BackupValidatorProps } from "#infra/backup-validator.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";

export const BUCKET = "backup.example.com";
export const REGION = "eu-central-1";
export const ACCOUNT = "111122223333";
export const KEY_ARN = `arn:aws:kms:${REGION}:${ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;
export const TOPIC_ARN = `arn:aws:sns:${REGION}:${ACCOUNT}:ops`;

/** Properties; where they need constructs of their own, for the stack to put them in. */
export type Asked = BackupValidatorProps | ((stack: Stack) => BackupValidatorProps);

/** Its code is not bundled: what is looked at is the template. */
export function newApp(outdir = temporaryFolder({ after })): App {
  return new App({ outdir, context: { [BUNDLING_STACKS]: [] } });
}

export function newStack(): Stack {
  return new Stack(newApp(), "stack", { env: { region: REGION, account: ACCOUNT } });
}

export function construct(asked: Asked, stack = newStack()): BackupValidator {
  return new BackupValidator(stack, "Backup", typeof asked === "function" ? asked(stack) : asked);
}

export function synthesize(asked: Asked): Template {
  return Template.fromStack(Stack.of(construct(asked)));
}

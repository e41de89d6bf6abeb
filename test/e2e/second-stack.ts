/**
 * The stack once more in the tests' engine, with a bucket of its own: for what concerns a whole bucket, or a validator
 * that does not work. Takes several seconds.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DetachUserPolicyCommand,
  IAMClient,
} from "@aws-sdk/client-iam";
import { deployStack, readStackOutputs, type StackOutputs } from "#infra/local/deployment.ts";
import { asAdmin } from "#infra/local/engine-client.ts";
import { engineFiles } from "#infra/local/paths.ts";
import { liveEngine } from "#test/live-engine.ts";

export interface SecondStack {
  readonly bucket: string;
  readonly outputs: StackOutputs;
  /** For the agent's environment: a host of this bucket alone. */
  readonly environment: Readonly<Record<string, string>>;
  /** Takes the host's user away; the stack stays until the engine goes. */
  forget(): Promise<void>;
}

/** @param folder for what the CDK writes */
export async function deploySecondStack(folder: string): Promise<SecondStack> {
  const engine = liveEngine();
  const bucket = `cback-second-${randomBytes(4).toString("hex")}`;
  const own = join(folder, "stack");
  mkdirSync(own);
  const files = engineFiles(own);
  await deployStack({ files, bucket, environment: asAdmin(engine.environment) });
  const outputs = readStackOutputs(files, bucket);

  const iam = new IAMClient(engine.administrator);
  const user = { UserName: bucket };
  const policy = { ...user, PolicyArn: outputs.HostPolicyArn };
  await iam.send(new CreateUserCommand(user));
  await iam.send(new AttachUserPolicyCommand(policy));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand(user));
  const { AccessKeyId = "", SecretAccessKey = "" } = AccessKey ?? {};
  return {
    bucket,
    outputs,
    environment: { AWS_ACCESS_KEY_ID: AccessKeyId, AWS_SECRET_ACCESS_KEY: SecretAccessKey },
    async forget() {
      await iam.send(new DeleteAccessKeyCommand({ ...user, AccessKeyId }));
      await iam.send(new DetachUserPolicyCommand(policy));
      await iam.send(new DeleteUserCommand(user));
      iam.destroy();
    },
  };
}

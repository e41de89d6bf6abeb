/** A user with the host's managed policy and nothing else: what a host's credentials are on a real account. */
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  EntityAlreadyExistsException,
  type IAMClient,
  ListAccessKeysCommand,
} from "@aws-sdk/client-iam";
import type { Credentials } from "./environment.ts";

const USER_NAME = "cback-host";

/** Makes the user, or gives the one that is there a new key: a key's secret cannot be read back. */
export async function makeHostUser(iam: IAMClient, policyArn: string): Promise<Credentials> {
  const user = { UserName: USER_NAME };
  try {
    await iam.send(new CreateUserCommand(user));
  } catch (error) {
    if (!(error instanceof EntityAlreadyExistsException)) throw error;
  }
  await iam.send(new AttachUserPolicyCommand({ ...user, PolicyArn: policyArn }));

  const { AccessKeyMetadata: oldKeys = [] } = await iam.send(new ListAccessKeysCommand(user));
  for (const { AccessKeyId } of oldKeys) await iam.send(new DeleteAccessKeyCommand({ ...user, AccessKeyId }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand(user));
  if (AccessKey?.AccessKeyId === undefined || AccessKey.SecretAccessKey === undefined) {
    throw new Error("the engine made no access key");
  }
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
}

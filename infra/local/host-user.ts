/** A user with the host's managed policy and nothing else: what a host's credentials are on a real account. */
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DetachUserPolicyCommand,
  EntityAlreadyExistsException,
  GetUserCommand,
  type IAMClient,
  ListAccessKeysCommand,
  ListAttachedUserPoliciesCommand,
  NoSuchEntityException,
} from "@aws-sdk/client-iam";
import type { Credentials } from "./environment.ts";

const HOST = { UserName: "cback-host" };

export async function hostUserExists(iam: IAMClient): Promise<boolean> {
  try {
    await iam.send(new GetUserCommand(HOST));
    return true;
  } catch (error) {
    if (error instanceof NoSuchEntityException) return false;
    throw error;
  }
}

/** Makes the user, or gives the one that is there the policy as its only one. */
export async function ensureHostUser(iam: IAMClient, policyArn: string): Promise<void> {
  try {
    await iam.send(new CreateUserCommand(HOST));
  } catch (error) {
    if (!(error instanceof EntityAlreadyExistsException)) throw error;
  }
  const { AttachedPolicies: attached = [] } = await iam.send(new ListAttachedUserPoliciesCommand(HOST));
  for (const { PolicyArn } of attached) {
    if (PolicyArn !== policyArn) await iam.send(new DetachUserPolicyCommand({ ...HOST, PolicyArn }));
  }
  await iam.send(new AttachUserPolicyCommand({ ...HOST, PolicyArn: policyArn }));
}

/** A key's secret cannot be read back, so a new one takes the place of those that were made before. */
export async function replaceHostKey(iam: IAMClient): Promise<Credentials> {
  const { AccessKeyMetadata: oldKeys = [] } = await iam.send(new ListAccessKeysCommand(HOST));
  for (const { AccessKeyId } of oldKeys) await iam.send(new DeleteAccessKeyCommand({ ...HOST, AccessKeyId }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand(HOST));
  if (AccessKey?.AccessKeyId === undefined || AccessKey.SecretAccessKey === undefined) {
    throw new Error("the engine made no access key");
  }
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
}

/** Users of the engine with exactly the policies that a test gives them: who a host is, and who has nothing to do here. */
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  DetachUserPolicyCommand,
  type IAMClient,
  ListUserPoliciesCommand,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import type { Credentials } from "#infra/local/environment.ts";

export interface IamUser {
  readonly name: string;
  readonly credentials: Credentials;
  forget(): Promise<void>;
}

interface Policies {
  /** ARN of a managed policy. */
  readonly attached?: string;
  /** What the user may do anywhere, as in `s3:*`. */
  readonly actions?: string;
}

/** For a program that runs as this user. */
export function environmentOf({ credentials }: IamUser): Readonly<Record<string, string>> {
  return { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey };
}

export async function makeUser(iam: IAMClient, UserName: string, { attached, actions }: Policies): Promise<IamUser> {
  const user = { UserName };
  await iam.send(new CreateUserCommand(user));
  if (attached !== undefined) await iam.send(new AttachUserPolicyCommand({ ...user, PolicyArn: attached }));
  if (actions !== undefined) {
    const document = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: actions, Resource: "*" }] };
    const PolicyDocument = JSON.stringify(document);
    await iam.send(new PutUserPolicyCommand({ ...user, PolicyName: "anywhere", PolicyDocument }));
  }
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand(user));
  const { AccessKeyId = "", SecretAccessKey = "" } = AccessKey ?? {};
  return {
    name: UserName,
    credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey },
    async forget() {
      await iam.send(new DeleteAccessKeyCommand({ ...user, AccessKeyId }));
      const { PolicyNames = [] } = await iam.send(new ListUserPoliciesCommand(user));
      for (const PolicyName of PolicyNames) await iam.send(new DeleteUserPolicyCommand({ ...user, PolicyName }));
      if (attached !== undefined) await iam.send(new DetachUserPolicyCommand({ ...user, PolicyArn: attached }));
      await iam.send(new DeleteUserCommand(user));
    },
  };
}

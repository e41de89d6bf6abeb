/** The credentials of a deployed function's own role, for seeing what it may do. */
import { GetRoleCommand, type IAMClient, UpdateAssumeRolePolicyCommand } from "@aws-sdk/client-iam";
import { GetFunctionConfigurationCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import type { Credentials } from "#infra/local/environment.ts";
import { liveEngine } from "./live-engine.ts";

/** Only Lambda may take the role on, so we let ourselves in for a moment. */
export async function takeOnRole(
  FunctionName: string,
  { iam, lambda }: { iam: IAMClient; lambda: LambdaClient },
): Promise<Credentials & { sessionToken: string }> {
  const { Role: RoleArn = "" } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const RoleName = RoleArn.slice(RoleArn.lastIndexOf("/") + 1);
  const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
  const original = decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "");
  const opened = JSON.parse(original);
  opened.Statement.push({ Effect: "Allow", Principal: { AWS: "*" }, Action: "sts:AssumeRole" });
  await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: JSON.stringify(opened) }));
  const sts = new STSClient(liveEngine().administrator);
  try {
    const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "test" }));
    const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = Credentials ?? {};
    return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  } finally {
    await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: original }));
    sts.destroy();
  }
}

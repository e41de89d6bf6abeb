/**
 * How a test becomes each principal of the permission table: as users with exactly one policy, as the functions' own
 * roles, without a signature, or without TLS.
 */
import { GetRoleCommand, UpdateAssumeRolePolicyCommand } from "@aws-sdk/client-iam";
import { GetFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import type { SecondStack } from "#test/e2e/second-stack.ts";
import { makeUser } from "#test/iam-user.ts";
import { liveEngine } from "#test/live-engine.ts";
import { type Clients, clientsWith, type PrincipalSettings } from "./permission-request-kind.ts";
import type { PrincipalName } from "./permission-table.ts";

export interface Principals {
  readonly root: Clients;
  readonly clients: Readonly<Record<PrincipalName, Clients>>;
  forget(): Promise<void>;
}

interface Stacks {
  readonly hosts: SecondStack;
  readonly whole: SecondStack;
}

export async function becomePrincipals({ hosts, whole }: Stacks): Promise<Principals> {
  const engine = liveEngine();
  const root = clientsWith(engine.administrator);
  const as = (credentials: PrincipalSettings["credentials"]) => clientsWith({ ...engine.host, credentials });

  const administrator = await makeUser(root.iam, `${whole.bucket}-administrator`, { actions: "s3:*" });
  const foreigner = await makeUser(root.iam, `${whole.bucket}-foreigner`, {});
  const clients = {
    "prefix host": as(hosts.host.credentials),
    "whole host": as(whole.host.credentials),
    validator: as(await takeOnRole(hosts.outputs.ValidatorFunctionName, root)),
    "silence check": as(await takeOnRole(hosts.outputs.SilenceFunctionName, root)),
    "s3 administrator": as(administrator.credentials),
    "foreign user": as(foreigner.credentials),
    "without TLS": withoutTls(as(whole.host.credentials)),
    anonymous: clientsWith({ ...engine.host, signer: { sign: async (request) => request } }),
  };
  return {
    root,
    clients,
    async forget() {
      await Promise.all([administrator.forget(), foreigner.forget()]);
      for (const each of [root, ...Object.values(clients)]) for (const client of Object.values(each)) client.destroy();
    },
  };
}

/** A function's own credentials. Only Lambda may take the role on, so we let ourselves in for a moment. */
async function takeOnRole(FunctionName: string, { iam, lambda }: Clients): Promise<PrincipalSettings["credentials"]> {
  const { Role: RoleArn = "" } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const RoleName = RoleArn.slice(RoleArn.lastIndexOf("/") + 1);
  const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
  const original = decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "");
  const opened = JSON.parse(original);
  opened.Statement.push({ Effect: "Allow", Principal: { AWS: "*" }, Action: "sts:AssumeRole" });
  await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: JSON.stringify(opened) }));
  const sts = new STSClient(liveEngine().administrator);
  try {
    const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "permissions" }));
    return {
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken ?? "",
    };
  } finally {
    await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: original }));
    sts.destroy();
  }
}

/**
 * The engine listens on TLS alone. Like any server behind a proxy it takes the proxy's word for how the request came
 * to it, and holds that against `aws:SecureTransport`.
 */
function withoutTls(clients: Clients): Clients {
  for (const client of [clients.s3, clients.sqs]) overPlainHttp(client.middlewareStack);
  return clients;
}

function overPlainHttp(stack: Clients["s3"]["middlewareStack"] | Clients["sqs"]["middlewareStack"]): void {
  (stack as Clients["s3"]["middlewareStack"]).add(
    (next) => (sent) => {
      (sent.request as { headers: Record<string, string> }).headers["x-forwarded-proto"] = "http";
      return next(sent);
    },
    // After it was signed: a proxy signs nothing.
    { step: "deserialize", name: "overPlainHttp" },
  );
}

/**
 * How a test becomes each principal of the permission table: as users with exactly one policy, as the functions' own
 * roles, without a signature, or without TLS.
 */
import type { SecondStack } from "#test/e2e/second-stack.ts";
import { takeOnRole } from "#test/function-role.ts";
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

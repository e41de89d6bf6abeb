/**
 * The stack once more in the tests' engine, with a bucket of its own: for what concerns a whole bucket, hosts with a
 * prefix of their own, or a validator that does not work. Takes several seconds.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { IAMClient } from "@aws-sdk/client-iam";
import { hostId } from "#infra/hosts.ts";
import { deployStack, readStackOutputs, type StackOutputs } from "#infra/local/deployment.ts";
import { asAdmin } from "#infra/local/engine-client.ts";
import { engineFiles } from "#infra/local/paths.ts";
import { STACK_OUTPUT } from "#shared/names.ts";
import { environmentOf, type IamUser, makeUser } from "#test/iam-user.ts";
import { liveEngine } from "#test/live-engine.ts";

export interface SecondStack {
  readonly bucket: string;
  readonly outputs: StackOutputs;
  /** A user with the host policy, of the first host where each has its own. */
  readonly host: IamUser;
  readonly hostPolicyArn: string;
  /** For the agent's environment: that host. */
  readonly environment: Readonly<Record<string, string>>;
  /** Takes the host's user away; the stack stays until the engine goes. */
  forget(): Promise<void>;
}

/**
 * @param folder for what the CDK writes
 * @param hosts each with a prefix of its own; otherwise the host may use the whole bucket
 */
export async function deploySecondStack(folder: string, hosts: readonly string[] = []): Promise<SecondStack> {
  const engine = liveEngine();
  const bucket = `cback-second-${randomBytes(4).toString("hex")}`;
  const own = join(folder, bucket);
  mkdirSync(own);
  const files = engineFiles(own);
  const context: Record<string, string> = hosts.length === 0 ? {} : { hosts: hosts.join() };
  await deployStack({ files, bucket, environment: asAdmin(engine.environment), context });
  const outputs = readStackOutputs(files, bucket);

  const iam = new IAMClient(engine.administrator);
  const [first = ""] = hosts;
  const hostPolicyArn = outputs[`${STACK_OUTPUT.hostPolicyArn}${hostId(first)}`];
  if (hostPolicyArn === undefined) throw new Error(`the stack has no policy for [${first}]`);
  const host = await makeUser(iam, bucket, { attached: hostPolicyArn });
  return {
    bucket,
    outputs,
    host,
    hostPolicyArn,
    environment: environmentOf(host),
    async forget() {
      await host.forget();
      iam.destroy();
    },
  };
}

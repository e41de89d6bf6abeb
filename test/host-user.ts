/** A user of the engine with one policy and nothing else, as a host is on a real account. */
import { IAMClient } from "@aws-sdk/client-iam";
import type { ClientSettings } from "#infra/local/engine-client.ts";
import { makeUser } from "#test/iam-user.ts";

export interface HostUser {
  /** For the environment of whatever runs as this user. */
  readonly environment: { readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string };
  /** Takes the user away, and with it its key. */
  remove(): Promise<void>;
}

export async function makeHostUser(administrator: ClientSettings, name: string, policyArn: string): Promise<HostUser> {
  const iam = new IAMClient(administrator);
  const { credentials, forget } = await makeUser(iam, name, { attached: policyArn });
  return {
    environment: {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    async remove() {
      await forget();
      iam.destroy();
    },
  };
}

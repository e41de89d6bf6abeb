/** Credentials that are replaced while a run goes on. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DetachUserPolicyCommand,
  IAMClient,
  ListAttachedUserPoliciesCommand,
} from "@aws-sdk/client-iam";
import { liveEngine } from "#test/live-engine.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { assertExit, runAgent } from "./agent-process.ts";
import { BucketView, ownPrefix } from "./bucket-view.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { makeTree } from "./tree.ts";

/** How long the credentials are good that the process gives out. */
const LIFE_MS = 8_000;
/** What a credential process does: prints the key of the moment, and until when it is good. */
const PROCESS = `
  import { readFileSync } from "node:fs";
  const Expiration = new Date(Date.now() + ${LIFE_MS}).toISOString();
  console.log(JSON.stringify({ Version: 1, ...JSON.parse(readFileSync(process.argv[2], "utf8")), Expiration }));
`;

interface HostKey {
  readonly json: string;
  /** From then on no request is accepted that is signed with it. */
  end(): Promise<void>;
}

/** A key of a user of its own who may do what a host may. */
async function hostKey(t: TestContext, iam: IAMClient): Promise<HostKey> {
  const UserName = `cback-rotating-${randomBytes(4).toString("hex")}`;
  const { AttachedPolicies = [] } = await iam.send(new ListAttachedUserPoliciesCommand({ UserName: "cback-host" }));
  const PolicyArn = AttachedPolicies[0]?.PolicyArn;
  await iam.send(new CreateUserCommand({ UserName }));
  await iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  const { AccessKeyId, SecretAccessKey } = AccessKey ?? {};
  let ended: Promise<unknown> | undefined;
  const end = async () => {
    ended ??= iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId }));
    await ended;
  };
  t.after(async () => {
    await end();
    await iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn }));
    await iam.send(new DeleteUserCommand({ UserName }));
  });
  return { json: JSON.stringify({ AccessKeyId, SecretAccessKey }), end };
}

// AWS_CONFIG_FILE=config cback-amazons3-sync SOURCE s3://BUCKET/rotating
test("fault 10: credentials of a process that end in the middle of a run are replaced without a word", async (t) => {
  const folder = temporaryFolder(t);
  const view = new BucketView(t, ownPrefix("rotating"));
  const source = makeTree(folder, { a: "1", "b/c": "2", d: "3" });
  const iam = new IAMClient(liveEngine().administrator);
  t.after(() => iam.destroy());
  const [first, second] = [await hostKey(t, iam), await hostKey(t, iam)];

  const key = join(folder, "key.json");
  const program = join(folder, "credentials.mjs");
  const config = join(folder, "config");
  writeFileSync(key, first.json);
  writeFileSync(program, PROCESS);
  writeFileSync(config, `[default]\ncredential_process = ${process.execPath} ${program} ${key}\n`);

  let isReplaced = false;
  const proxy = await startFaultProxy(t, async ({ operation }) => {
    if (isReplaced) await first.end();
    else if (operation === "GetObject") {
      // The clients of both services have used the first key by now, and nothing else is on its way. The request that
      // is waits until the key is no longer good, and passes: the service takes it for a little longer.
      writeFileSync(key, second.json);
      await sleep(LIFE_MS + 500);
      isReplaced = true;
    }
    return undefined;
  });
  const run = await runAgent(folder, ["-O", source, view.url], {
    environment: {
      ...proxy.environment,
      AWS_CONFIG_FILE: config,
      AWS_SHARED_CREDENTIALS_FILE: join(folder, "none"),
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
    },
  });
  assertExit(run, 0);
  assert.equal(run.stderr, "");
  assert.ok(isReplaced);
  assert.ok(proxy.passed.indexOf("SendMessage") > proxy.passed.indexOf("GetQueueUrl"));
  assert.deepEqual(await view.paths(), ["a", "b/c", "d"]);
  assert.doesNotMatch(run.log, /\[(WARNING|ERROR) *\]|expired|, [2-9] tries/);
});

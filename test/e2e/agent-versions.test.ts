/**
 * Agents and validators of different versions of the contract, as hosts and stack are upgraded at different times: the
 * real agent, and a validator whose function has the code of another version.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { LambdaClient, UpdateFunctionCodeCommand, waitUntilFunctionUpdatedV2 } from "@aws-sdk/client-lambda";
import { CONTRACT_VERSION } from "#shared/version.ts";
import { liveEngine } from "#test/live-engine.ts";
import { assertExit, runAgent } from "./agent-process.ts";
import { BucketView } from "./bucket-view.ts";
import { sourcesOfVersion } from "./other-version.ts";
import { deploySecondStack, type SecondStack } from "./second-stack.ts";
import { makeTree } from "./tree.ts";

const [ownMajor = 0, ownMinor = 0] = CONTRACT_VERSION.split(".").map(Number);
const NEXT_MINOR = `${ownMajor}.${ownMinor + 1}`;
const NEXT_MAJOR = `${ownMajor + 1}.0`;
const NEXT_BUT_ONE = `${ownMajor + 2}.0`;

const folder = mkdtempSync(join(tmpdir(), "cback-test-"));
const lambda = new LambdaClient(liveEngine().administrator);
let stack: SecondStack;
/** The same for all rows: one target has one source. */
let source: string | undefined;
/** By version, made when first asked for. */
const sources = new Map<string, ReturnType<typeof sourcesOfVersion>>();
/** Of the function as it is now; it was deployed from these sources. */
let deployed = CONTRACT_VERSION;

before(async () => {
  stack = await deploySecondStack(folder);
});
after(async () => {
  lambda.destroy();
  await stack?.forget();
  rmSync(folder, { recursive: true, force: true });
});

interface Row {
  readonly agent: string;
  readonly validator: string;
  /** Of the answer, by which the agent must be able to read it. */
  readonly report: string;
  /** What the agent says, where the two do not fit. */
  readonly says?: RegExp;
}

/** In this order: the validator that comes after a newer one finds what that one left, as after a roll-back. */
const ROWS: readonly Row[] = [
  { agent: CONTRACT_VERSION, validator: CONTRACT_VERSION, report: CONTRACT_VERSION },
  { agent: NEXT_MINOR, validator: CONTRACT_VERSION, report: CONTRACT_VERSION },
  {
    agent: NEXT_MAJOR,
    validator: CONTRACT_VERSION,
    report: CONTRACT_VERSION,
    says: /the agent speaks contract (\S+), this validator only (\S+): deploy the stack again, from the agent's version\.$/,
  },
  { agent: CONTRACT_VERSION, validator: NEXT_MINOR, report: NEXT_MINOR },
  { agent: NEXT_MINOR, validator: NEXT_MINOR, report: NEXT_MINOR },
  { agent: CONTRACT_VERSION, validator: CONTRACT_VERSION, report: CONTRACT_VERSION },
  { agent: CONTRACT_VERSION, validator: NEXT_MAJOR, report: CONTRACT_VERSION },
  { agent: CONTRACT_VERSION, validator: CONTRACT_VERSION, report: CONTRACT_VERSION },
  {
    agent: CONTRACT_VERSION,
    validator: NEXT_BUT_ONE,
    report: CONTRACT_VERSION,
    says: /the agent speaks contract (\S+), which this validator \((\S+)\) no longer serves: upgrade the agent\.$/,
  },
];

describe("fault 66: agent and validator of different versions", () => {
  // cback-amazons3-sync SOURCE s3://BUCKET/versions
  // cback-amazons3-sync --detailed-exit-codes --verifyOnly SOURCE s3://BUCKET/versions
  for (const [position, { agent, validator, report, says }] of ROWS.entries())
    test(`${position + 1}: agent ${agent}, validator ${validator}: ${says ? "one line says what to upgrade" : "served"}`, async (t) => {
      await deploy(validator);
      const own = mkdtempSync(join(folder, "run-"));
      const view = new BucketView(t, "versions/", stack.bucket);
      source ??= makeTree(folder, { "a/1": "one", "a/2": "two", b: "bee" });
      const settings = {
        // Each file a shard, each shard with an answer of its own.
        environment: { ...stack.environment, CBACK_TEST_SHARD_ENTRIES: "1" },
        ...(agent === CONTRACT_VERSION ? {} : { entry: sourcesOf(agent).agent }),
      };
      for (const [code, switches] of [
        [6, []],
        [4, ["--detailed-exit-codes", "--verifyOnly"]],
      ] as const) {
        const run = await runAgent(own, [...switches, source, view.url], settings);
        assertExit(run, says === undefined ? 0 : code);
        const text = JSON.parse(await view.reportText(run));
        assert.equal(text.version, report);
        if (says === undefined) {
          assert.equal(run.stderr, "");
          assert.match(run.stdout, /^Verdict: match\./);
          continue;
        }
        assert.match(run.stderr, /^Not checked: the validator refused the message: .*\n$/);
        const [, speaks, other] = says.exec(run.stderr.trimEnd()) ?? [];
        assert.deepEqual([speaks, other], [agent, validator]);
        assert.match(run.stdout, /^Verdict: NONE\./);
        assert.deepEqual([text.verdict, text.skew, text.shards], ["error", true, text.errors.length]);
      }
    });
});

function sourcesOf(version: string): ReturnType<typeof sourcesOfVersion> {
  const made = sources.get(version) ?? sourcesOfVersion(folder, version);
  sources.set(version, made);
  return made;
}

/** As `cdk deploy` from a checkout of that version would: the function has its code, all else stays. */
async function deploy(version: string): Promise<void> {
  if (version === deployed) return;
  const FunctionName = stack.outputs.ValidatorFunctionName;
  // Also going back is a deployment: from a copy of these sources, with their version.
  const ZipFile = await sourcesOf(version).zip();
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
  await waitUntilFunctionUpdatedV2({ client: lambda, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { FunctionName });
  deployed = version;
}

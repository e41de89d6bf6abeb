/** The CDK app behind `cdk deploy`: one stack for each bucket named by context, held to the rules of two nag packs. */
import { App, Duration, type Environment, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks, ServerlessChecks } from "cdk-nag";
import { stackName } from "#shared/names.ts";
import { ContextError, readContext, type Settings } from "./context.ts";
import { PropError } from "./prop-error.ts";
import { SyncStack } from "./stack.ts";

// Written only once all of it is known to be right: the CDK would also write, and judge, what was begun.
const app = new App({ autoSynth: false });
Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));

try {
  for (const settings of readContext(app.node.getAllContext())) addStack(settings);
  app.synth();
} catch (error) {
  if (!(error instanceof ContextError || error instanceof PropError)) throw error;
  // Thrown, it would drown in a stack trace.
  console.error(error.message);
  process.exitCode = 1;
}

function addStack({ bucketName, existing, ...settings }: Settings): void {
  const days = (count: number | undefined) => (count === undefined ? undefined : Duration.days(count));
  const given = {
    hosts: settings.hosts,
    alarmEmail: settings.alarmEmail,
    encryptionKeyArn: settings.encryptionKey,
    unwatched: settings.unwatched,
    reportRetention: days(settings.reportRetention),
    oldVersionRetention: days(settings.oldVersionRetention),
    maxSilence: settings.maxSilence === undefined ? undefined : Duration.hours(settings.maxSilence),
  };
  try {
    new SyncStack(app, stackName(bucketName), { bucketName, existing, env: environment(), ...onlyGiven(given) });
  } catch (error) {
    if (!(error instanceof PropError)) throw error;
    const key = error.property === "bucketName" ? (existing ? "existingBucket" : "bucket") : error.property;
    throw new ContextError(`-c ${key}: ${error.reason}`);
  }
}

/** As the CDK finds it in the standard AWS settings; with the region known, a key's can be held against it. */
function environment(): Environment {
  return onlyGiven({ account: process.env.CDK_DEFAULT_ACCOUNT, region: process.env.CDK_DEFAULT_REGION });
}

/** Leaves out what is undefined: a default is meant there. */
function onlyGiven<Given extends object>(given: Given): { [Name in keyof Given]?: Exclude<Given[Name], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof onlyGiven<Given>
  >;
}

/**
 * The CDK app: one stack for the bucket named on the command line. It knows the context key and nothing else.
 */
import { App } from "aws-cdk-lib";
import { stackName } from "#shared/names.ts";
import { SyncStack } from "./stack.ts";

const app = new App();
const bucketName: unknown = app.node.tryGetContext("bucket");

if (typeof bucketName === "string" && bucketName !== "") {
  new SyncStack(app, stackName(bucketName), { bucketName });
} else {
  // Thrown, it would drown in a stack trace.
  console.error("Name the bucket: add -c bucket=NAME, as in npx cdk deploy -c bucket=my-backups");
  process.exitCode = 1;
}

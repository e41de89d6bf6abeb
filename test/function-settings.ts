/** Settings of its environment that the deployed validator gets beside its own. */
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { readStackOutputs } from "#infra/local/deployment.ts";
import { asAdmin, clientSettings } from "#infra/local/engine-client.ts";
import type { EngineEnvironment } from "#infra/local/environment.ts";
import type { EngineFiles } from "#infra/local/paths.ts";

export async function addFunctionSettings(
  files: EngineFiles,
  bucket: string,
  environment: EngineEnvironment,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const FunctionName = readStackOutputs(files, bucket).ValidatorFunctionName;
  const lambda = new LambdaClient(clientSettings(asAdmin(environment)));
  try {
    const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const Variables = { ...Environment?.Variables, ...settings };
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
  } finally {
    lambda.destroy();
  }
}

/** What a deployed validator gets beside its own settings. */
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  PutFunctionConcurrencyCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { readStackOutputs } from "#infra/local/deployment.ts";
import { asAdmin, clientSettings } from "#infra/local/engine-client.ts";
import type { EngineEnvironment } from "#infra/local/environment.ts";
import type { EngineFiles } from "#infra/local/paths.ts";

/**
 * @param settings of its environment
 * @param mostAtOnce how many of it may run at the same time
 */
export async function addFunctionSettings(
  files: EngineFiles,
  bucket: string,
  environment: EngineEnvironment,
  settings: Readonly<Record<string, string>>,
  mostAtOnce?: number,
): Promise<void> {
  const FunctionName = readStackOutputs(files, bucket).ValidatorFunctionName;
  const lambda = new LambdaClient(clientSettings(asAdmin(environment)));
  try {
    const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const Variables = { ...Environment?.Variables, ...settings };
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
    if (mostAtOnce !== undefined)
      await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: mostAtOnce }));
  } finally {
    lambda.destroy();
  }
}

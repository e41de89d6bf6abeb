/** Asks AWS what --diagnostics prints of queue and validator. Sends no message, changes nothing. */
import type { Target } from "#shared/target.ts";
import { connect } from "./connect.ts";
import { diagnose } from "./diagnose.ts";
import { findQueue } from "./queue.ts";

// Whoever asks for diagnostics waits for them: one try for each question, and a limit on the first one.
const ATTEMPTS = 1;
const FIND_QUEUE_TIMEOUT_MS = 3_000;

/** Queue, validator, and in sentences what is seen of them. Throws when the queue is not found. */
export async function lookUp(
  target: Target | undefined,
  givenQueueUrl: string | undefined,
): Promise<Array<[name: string, value: string]>> {
  if (target === undefined && givenQueueUrl === undefined) {
    return [["Validator", "give sourceDir and s3BucketUrl to see it"]];
  }
  const connections = connect({ request: () => {}, warn: () => {} }, { attempts: ATTEMPTS });
  try {
    const { sqs, lambda } = connections;
    const queueUrl =
      givenQueueUrl ?? (await findQueue(sqs, target?.bucket ?? "", AbortSignal.timeout(FIND_QUEUE_TIMEOUT_MS)));
    const { lines, validatorVersion } = await diagnose({ sqs, lambda: await lambda(), queueUrl });
    return [
      ["Queue URL", queueUrl],
      ["Validator", validatorVersion === undefined ? "version not known" : `version ${validatorVersion}`],
      ...lines.map((line): [string, string] => ["Seen", line]),
    ];
  } finally {
    connections.close();
  }
}

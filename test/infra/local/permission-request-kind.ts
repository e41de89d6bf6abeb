/** What a request of the permission table is: about which place, what it needs, and as whom it is sent. */
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { IAMClient } from "@aws-sdk/client-iam";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import { STSClient } from "@aws-sdk/client-sts";
import type { ClientSettings } from "#infra/local/engine-client.ts";
import type { SecondStack } from "#test/e2e/second-stack.ts";

/** The clients of one principal. */
export interface Clients {
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  readonly lambda: LambdaClient;
  readonly iam: IAMClient;
  readonly cloudwatch: CloudWatchClient;
  readonly events: EventBridgeClient;
  readonly sts: STSClient;
}

export interface PrincipalSettings extends ClientSettings {
  readonly credentials: ClientSettings["credentials"] & { readonly sessionToken?: string };
  /** Instead of one that signs. */
  readonly signer?: { sign<Request>(request: Request): Promise<Request> };
}

export function clientsWith(settings: PrincipalSettings): Clients {
  // A denial is final, and so is what the root key is told.
  const once = { ...settings, maxAttempts: 1 };
  return {
    s3: new S3Client(once),
    sqs: new SQSClient(once),
    lambda: new LambdaClient(once),
    iam: new IAMClient(once),
    cloudwatch: new CloudWatchClient(once),
    events: new EventBridgeClient(once),
    sts: new STSClient(once),
  };
}

/** What a request is about: the stack, and in it an object's key, a listing's prefix or a resource's name. */
export interface Place {
  readonly stack: SecondStack;
  readonly name: string;
}

export type Send = (as: Clients) => Promise<unknown>;

export interface RequestKind {
  /** The IAM action that it needs. Where it needs two, the first that is checked. */
  readonly action: `${string}:${string}`;
  /** Makes what the request needs; the answer sends it. */
  prepare(place: Place, root: Clients): Promise<Send>;
  /** How the root key's request ends when it is allowed, where that is no success. */
  readonly answer?: string;
  /** Whether nothing can be asked of the stack afterwards. */
  readonly ruins?: boolean;
}

export type Action = RequestKind["action"];

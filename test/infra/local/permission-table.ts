/**
 * Who may do what in a stack as it is deployed: principal × request × resource → answered or denied. Data alone:
 * `permissions.test.ts` sends each row as a real request, `docs/permissions.md` shows the table.
 *
 * Resources are keys of objects (`web1/file`), prefixes of listings, which end in `*`, or what the stack has one of.
 * `other:` is the same in the stack of another bucket. The hosts are web1, web10 and db1, each with the prefix of its
 * name: web10 begins like web1.
 */
import type { RequestName } from "./permission-requests.ts";

/**
 * `may`: answered. `mayNot`: nothing grants it. `never`: a policy denies it, whatever another one grants, now or later.
 */
export type Expectation = "may" | "mayNot" | "never";

export type Resources = Readonly<Partial<Record<Expectation, readonly string[]>>>;

export interface Principal {
  readonly name: PrincipalName;
  readonly title: string;
  /** How one becomes it, for the reader of the document. */
  readonly who: string;
  /** Which of the two stacks is its own: with a policy for each host, or with one for the whole bucket. */
  readonly stack: "hosts" | "whole";
  readonly requests: Readonly<Partial<Record<RequestName, Resources>>>;
}

export type PrincipalName =
  | "prefix host"
  | "whole host"
  | "validator"
  | "silence check"
  | "s3 administrator"
  | "foreign user"
  | "without TLS"
  | "anonymous";

/** Before a resource of the other stack. */
export const OTHER = "other:";

const REPORT = ".cback/reports/web1/report.json";
const PART = ".cback/runs/web1/run/part-00000-last.json";
const STATUS = ".cback/status/web1.json";
const FORGED = ".cback/forged";
/** What the validator writes for web1. */
const ANSWERS = [REPORT, PART, STATUS];
const OTHER_ANSWERS = ["web10", "db1"].flatMap((host) => [
  `.cback/reports/${host}/report.json`,
  `.cback/runs/${host}/run/part-00000-last.json`,
  `.cback/status/${host}.json`,
]);
const WHOLE_STATUS = ".cback/status.json";
/** Of other hosts, or of nobody. */
const NOT_OWN = ["web10/file", "db1/file", "web1", "file"];

const QUEUES = ["queue", "dead letters"];
const FUNCTIONS = ["validator", "silence check"];

/** What no host, no function and no stranger may: it would change what the stack is, or hide what it does. */
const NO_OPERATION = {
  PutBucketPolicy: { mayNot: ["bucket"] },
  DeleteBucketPolicy: { mayNot: ["bucket"] },
  PutBucketVersioning: { mayNot: ["bucket"] },
  PutBucketLifecycleConfiguration: { mayNot: ["bucket"] },
  DeleteBucketLifecycle: { mayNot: ["bucket"] },
  PutPublicAccessBlock: { mayNot: ["bucket"] },
  PutBucketOwnershipControls: { mayNot: ["bucket"] },
  PutBucketNotificationConfiguration: { mayNot: ["bucket"] },
  DeleteBucket: { mayNot: ["bucket"] },
  PurgeQueue: { mayNot: QUEUES },
  SetQueueAttributes: { mayNot: QUEUES },
  "AddPermission to a queue": { mayNot: ["queue"] },
  DeleteQueue: { mayNot: QUEUES },
  GetFunction: { mayNot: FUNCTIONS },
  GetFunctionConfiguration: { mayNot: FUNCTIONS },
  Invoke: { mayNot: FUNCTIONS },
  UpdateFunctionConfiguration: { mayNot: FUNCTIONS },
  UpdateFunctionCode: { mayNot: FUNCTIONS },
  "AddPermission to a function": { mayNot: ["validator"] },
  PutFunctionConcurrency: { mayNot: ["validator"] },
  DeleteFunction: { mayNot: FUNCTIONS },
  CreateEventSourceMapping: { mayNot: ["validator"] },
  TagResource: { mayNot: ["validator"] },
  AssumeRole: { mayNot: FUNCTIONS },
  PutRolePolicy: { mayNot: FUNCTIONS },
  UpdateAssumeRolePolicy: { mayNot: FUNCTIONS },
  DisableRule: { mayNot: ["silence check"] },
  DisableAlarmActions: { mayNot: ["alarms"] },
  SetAlarmState: { mayNot: ["alarms"] },
  DeleteAlarms: { mayNot: ["alarms"] },
  PutMetricData: { mayNot: ["metrics"] },
} as const satisfies Principal["requests"];

/** What a host may do nowhere. */
const NO_HOST = {
  ...NO_OPERATION,
  GetBucketPolicy: { mayNot: ["bucket"] },
  ListBuckets: { mayNot: ["account"] },
  ReceiveMessage: { mayNot: QUEUES },
  DeleteMessage: { mayNot: ["queue"] },
  ChangeMessageVisibility: { mayNot: ["queue"] },
  ListFunctions: { mayNot: ["account"] },
  GetRole: { mayNot: ["validator"] },
  PutUserPolicy: { mayNot: ["host"] },
  AttachUserPolicy: { mayNot: ["host"] },
  CreatePolicyVersion: { mayNot: ["host"] },
  ListMultipartUploads: { mayNot: ["*", "web1/*"] },
  ListParts: { mayNot: ["web1/file"] },
  GetObjectVersion: { mayNot: ["web1/file", REPORT] },
  GetObjectAttributes: { mayNot: ["web1/file"] },
  GetObjectTagging: { mayNot: ["web1/file"] },
  CopyObject: { never: [REPORT] },
  "CopyObject as source": { mayNot: ["web1/file"] },
  CreateMultipartUpload: { may: ["web1/file"], never: [REPORT, FORGED] },
  UploadPart: { may: ["web1/file"], never: [REPORT] },
  CompleteMultipartUpload: { may: ["web1/file"], never: [REPORT] },
  AbortMultipartUpload: { may: ["web1/file"], never: [REPORT] },
  DeleteObjectVersion: { mayNot: ["web1/file"], never: ANSWERS },
  PutObjectTagging: { mayNot: ["web1/file"], never: ANSWERS },
  DeleteObjectTagging: { mayNot: ["web1/file"], never: [REPORT] },
  PutObjectAcl: { mayNot: ["web1/file"], never: [REPORT] },
  SendMessage: { may: ["queue"], mayNot: ["dead letters", "other:queue"] },
  GetQueueUrl: { may: QUEUES, mayNot: ["other:queue"] },
  GetQueueAttributes: { may: QUEUES, mayNot: ["other:queue"] },
  ListTags: { may: ["validator"], mayNot: ["silence check", "other:validator"] },
  ListEventSourceMappings: { may: ["account"] },
} as const satisfies Principal["requests"];

export const PRINCIPALS: readonly Principal[] = [
  {
    name: "prefix host",
    title: "A host with a prefix of its own",
    who: "a user with the policy of web1 alone, from `-c hosts=web1,web10,db1`",
    stack: "hosts",
    requests: {
      ...NO_HOST,
      PutObject: {
        may: ["web1/file", "web1/below/file"],
        mayNot: [...NOT_OWN, "other:web1/file"],
        never: [...ANSWERS, WHOLE_STATUS, FORGED, ".cback/reports/web10/report.json"],
      },
      CreateMultipartUpload: {
        may: ["web1/file"],
        mayNot: ["web10/file", "file"],
        never: [REPORT, FORGED],
      },
      AbortMultipartUpload: { may: ["web1/file"], mayNot: ["web10/file"], never: [REPORT] },
      DeleteObject: { may: ["web1/file"], mayNot: [...NOT_OWN, "other:web1/file"], never: [...ANSWERS, WHOLE_STATUS] },
      DeleteObjects: { may: ["web1/file"], mayNot: ["web10/file", "file"], never: [REPORT] },
      DeleteObjectVersion: { mayNot: ["web1/file", "web10/file"], never: ANSWERS },
      GetObject: {
        may: [...ANSWERS, ".cback/status/web1/below.json"],
        mayNot: ["web1/file", ...NOT_OWN, ...OTHER_ANSWERS, WHOLE_STATUS, FORGED, "other:.cback/status/web1.json"],
      },
      ListObjectsV2: {
        may: ["web1/*", "web1/below/*", ".cback/reports/web1/*", ".cback/runs/web1/*", ".cback/status/web1.json*"],
        mayNot: [
          ...["*", "web1*", "web10/*", "db1/*", "w*"],
          ...[".cback/*", ".cback/reports/*", ".cback/reports/web1*", ".cback/reports/web10/*", ".cback/runs/web10/*"],
          ...[".cback/status*", ".cback/status/web10.json*", "other:*", "other:web1/*"],
        ],
      },
      ListObjectVersions: { mayNot: ["*", "web1/*"] },
    },
  },
  {
    name: "whole host",
    title: "A host with the policy of the whole bucket",
    who: "a user with the stack's host policy alone, where `-c hosts` was left out",
    stack: "whole",
    requests: {
      ...NO_HOST,
      PutObject: {
        may: ["web1/file", "file"],
        mayNot: ["other:web1/file"],
        never: [...ANSWERS, WHOLE_STATUS, FORGED, "other:.cback/forged"],
      },
      DeleteObject: { may: ["web1/file", "file"], mayNot: ["other:web1/file"], never: [...ANSWERS, WHOLE_STATUS] },
      DeleteObjects: { may: ["web1/file"], never: [REPORT] },
      GetObject: { may: [...ANSWERS, WHOLE_STATUS], mayNot: ["web1/file", "file", FORGED, `other:${REPORT}`] },
      ListObjectsV2: { may: ["*", "web1/*", ".cback/reports/web1/*"], mayNot: ["other:*"] },
      ListObjectVersions: { mayNot: ["*"] },
    },
  },
  {
    name: "validator",
    title: "The validator",
    who: "the role of the stack's validator function, which only Lambda can take on",
    stack: "hosts",
    requests: {
      ...NO_OPERATION,
      ListObjectsV2: { may: ["*", "web1/*", ".cback/runs/web1/*"], mayNot: ["other:*", "other:.cback/*"] },
      GetObject: { may: ANSWERS, mayNot: ["web1/file", "file", `other:${REPORT}`] },
      GetObjectVersion: { mayNot: ["web1/file", REPORT] },
      GetObjectAttributes: { mayNot: ["web1/file"] },
      PutObject: {
        may: ANSWERS,
        mayNot: ["web1/file", "file", "other:web1/file"],
        never: [`other:${REPORT}`, "other:.cback/status/web1.json"],
      },
      CopyObject: { mayNot: ["web1/file"] },
      CreateMultipartUpload: { mayNot: ["web1/file"], never: [`other:${REPORT}`] },
      AbortMultipartUpload: { mayNot: ["web1/file", REPORT] },
      DeleteObject: { mayNot: ["web1/file", "file", ...ANSWERS, "other:web1/file"], never: [`other:${REPORT}`] },
      DeleteObjects: { mayNot: ["web1/file", REPORT] },
      DeleteObjectVersion: { mayNot: ["web1/file", ...ANSWERS] },
      PutObjectTagging: { mayNot: ["web1/file", REPORT] },
      PutObjectAcl: { mayNot: ["web1/file", REPORT] },
      ListObjectVersions: { mayNot: ["*"] },
      ListMultipartUploads: { mayNot: ["*"] },
      ListBuckets: { mayNot: ["account"] },
      ReceiveMessage: { may: ["queue"], mayNot: ["dead letters", "other:queue"] },
      DeleteMessage: { may: ["queue"], mayNot: ["other:queue"] },
      ChangeMessageVisibility: { may: ["queue"], mayNot: ["other:queue"] },
      GetQueueAttributes: { may: ["queue"], mayNot: ["other:queue"] },
      SendMessage: { mayNot: ["queue", "dead letters", "other:queue"] },
      ListFunctions: { mayNot: ["account"] },
      GetRole: { mayNot: ["validator"] },
      CreatePolicyVersion: { mayNot: ["host"] },
    },
  },
  {
    name: "silence check",
    title: "The silence check",
    who: "the role of the stack's hourly function, which only Lambda can take on",
    stack: "hosts",
    requests: {
      ...NO_OPERATION,
      ListObjectsV2: {
        may: [".cback/status*", ".cback/status/*"],
        mayNot: ["*", "web1/*", ".cback/*", ".cback/reports/*", "other:.cback/status*"],
      },
      GetObject: {
        may: [STATUS, ".cback/status/web10.json", WHOLE_STATUS],
        mayNot: ["web1/file", REPORT, PART, `other:${STATUS}`],
      },
      PutObject: { mayNot: ["web1/file"], never: [STATUS, REPORT, `other:${STATUS}`] },
      DeleteObject: { mayNot: ["web1/file"], never: [STATUS, REPORT] },
      DeleteObjectVersion: { mayNot: ["web1/file"], never: [STATUS] },
      ListObjectVersions: { mayNot: ["*"] },
      SendMessage: { mayNot: QUEUES },
      ReceiveMessage: { mayNot: QUEUES },
      DeleteMessage: { mayNot: ["queue"] },
      ListFunctions: { mayNot: ["account"] },
    },
  },
  {
    name: "s3 administrator",
    title: "A user who may do anything in S3",
    who: "a user of the account with `s3:*` on `*`: what reports say hangs on nobody else, until he lifts the bucket's policy",
    stack: "whole",
    requests: {
      PutObject: { may: ["web1/file"], never: [...ANSWERS, WHOLE_STATUS, FORGED] },
      CopyObject: { may: ["web1/file"], never: [REPORT] },
      CreateMultipartUpload: { may: ["web1/file"], never: [REPORT] },
      UploadPart: { never: [REPORT] },
      CompleteMultipartUpload: { never: [REPORT] },
      AbortMultipartUpload: { may: ["web1/file"], never: [REPORT] },
      DeleteObject: { may: ["web1/file"], never: [...ANSWERS, WHOLE_STATUS] },
      DeleteObjects: { may: ["web1/file"], never: [REPORT] },
      DeleteObjectVersion: { may: ["web1/file"], never: ANSWERS },
      PutObjectTagging: { may: ["web1/file"], never: ANSWERS },
      DeleteObjectTagging: { never: [REPORT] },
      PutObjectAcl: { never: [REPORT] },
      GetObject: { may: ["web1/file", REPORT] },
      ListObjectsV2: { may: ["*", ".cback/*"] },
      PutBucketPolicy: { may: ["bucket"] },
      SendMessage: { mayNot: QUEUES },
      ReceiveMessage: { mayNot: QUEUES },
      Invoke: { mayNot: ["validator"] },
      UpdateFunctionCode: { mayNot: ["validator"] },
      AssumeRole: { mayNot: FUNCTIONS },
      UpdateAssumeRolePolicy: { mayNot: ["validator"] },
    },
  },
  {
    name: "foreign user",
    title: "A user without a policy",
    who: "a user of the account to whom nothing was given",
    stack: "whole",
    requests: {
      ...NO_OPERATION,
      PutObject: { mayNot: ["web1/file"], never: [REPORT] },
      DeleteObject: { mayNot: ["web1/file"], never: [REPORT] },
      GetObject: { mayNot: ["web1/file", REPORT, STATUS] },
      ListObjectsV2: { mayNot: ["*"] },
      SendMessage: { mayNot: QUEUES },
      ReceiveMessage: { mayNot: QUEUES },
      GetQueueUrl: { mayNot: ["queue"] },
      GetQueueAttributes: { mayNot: ["queue"] },
      ListTags: { mayNot: ["validator"] },
      ListEventSourceMappings: { mayNot: ["account"] },
    },
  },
  {
    name: "without TLS",
    title: "A host without TLS",
    who: "the user of the whole bucket's host policy, over plain HTTP",
    stack: "whole",
    requests: {
      PutObject: { never: ["web1/file", REPORT] },
      CreateMultipartUpload: { never: ["web1/file"] },
      DeleteObject: { never: ["web1/file", REPORT] },
      DeleteObjects: { never: ["web1/file"] },
      GetObject: { never: ANSWERS },
      ListObjectsV2: { never: ["*", "web1/*"] },
      SendMessage: { never: ["queue"] },
      GetQueueUrl: { never: QUEUES },
      GetQueueAttributes: { never: QUEUES },
    },
  },
  {
    name: "anonymous",
    title: "Anyone without credentials",
    who: "a request that nobody signed",
    stack: "whole",
    requests: {
      PutObject: { mayNot: ["web1/file"], never: [REPORT, FORGED] },
      DeleteObject: { mayNot: ["web1/file"], never: [REPORT] },
      GetObject: { mayNot: ["web1/file", REPORT, STATUS] },
      ListObjectsV2: { mayNot: ["*", ".cback/*"] },
      GetBucketPolicy: { mayNot: ["bucket"] },
      PutBucketPolicy: { mayNot: ["bucket"] },
      SendMessage: { mayNot: QUEUES },
      ReceiveMessage: { mayNot: QUEUES },
      PurgeQueue: { mayNot: ["queue"] },
      Invoke: { mayNot: ["validator"] },
      GetFunction: { mayNot: ["validator"] },
      ListTags: { mayNot: ["validator"] },
      DeleteAlarms: { mayNot: ["alarms"] },
    },
  },
];

export interface Row {
  readonly principal: Principal;
  readonly request: RequestName;
  readonly resource: string;
  readonly expected: Expectation;
}

export const ROWS: readonly Row[] = PRINCIPALS.flatMap((principal) =>
  (Object.entries(principal.requests) as [RequestName, Resources][]).flatMap(([request, resources]) =>
    (Object.entries(resources) as [Expectation, readonly string[]][]).flatMap(([expected, names]) =>
      names.map((resource) => ({ principal, request, resource, expected })),
    ),
  ),
);

/** The requests of the permission table that S3 is asked. What they are about, the root key puts there first. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteBucketLifecycleCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetBucketPolicyCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  PutPublicAccessBlockCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { Action, Clients, RequestKind, Send } from "./permission-request-kind.ts";

export const S3_REQUESTS = {
  PutObject: object("s3:PutObject", async (at) => (as) => as.s3.send(new PutObjectCommand({ ...at, Body: "x" }))),
  CopyObject: object("s3:PutObject", async (at, root) => {
    await root.s3.send(new PutObjectCommand({ ...at, Key: "copied", Body: "x" }));
    return (as) => as.s3.send(new CopyObjectCommand({ ...at, CopySource: `${at.Bucket}/copied` }));
  }),
  "CopyObject as source": existing("s3:GetObject", ({ Bucket, Key }) => (as) => {
    return as.s3.send(new CopyObjectCommand({ Bucket, Key: `${Key}-copied`, CopySource: `${Bucket}/${Key}` }));
  }),
  CreateMultipartUpload: object("s3:PutObject", async (at) => (as) => {
    return as.s3.send(new CreateMultipartUploadCommand(at));
  }),
  UploadPart: object("s3:PutObject", async (at, root) => {
    const { UploadId } = await root.s3.send(new CreateMultipartUploadCommand(at));
    return (as) => as.s3.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: "x" }));
  }),
  CompleteMultipartUpload: object("s3:PutObject", async (at, root) => {
    const { UploadId } = await root.s3.send(new CreateMultipartUploadCommand(at));
    const part = { PartNumber: 1 };
    const { ETag } = await root.s3.send(new UploadPartCommand({ ...at, ...part, UploadId, Body: "x" }));
    const MultipartUpload = { Parts: [{ ...part, ETag }] };
    return (as) => as.s3.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload }));
  }),
  AbortMultipartUpload: object("s3:AbortMultipartUpload", async (at, root) => {
    const { UploadId } = await root.s3.send(new CreateMultipartUploadCommand(at));
    return (as) => as.s3.send(new AbortMultipartUploadCommand({ ...at, UploadId }));
  }),
  ListParts: object("s3:ListMultipartUploadParts", async (at, root) => {
    const { UploadId } = await root.s3.send(new CreateMultipartUploadCommand(at));
    return (as) => as.s3.send(new ListPartsCommand({ ...at, UploadId }));
  }),
  DeleteObject: existing("s3:DeleteObject", (at) => (as) => as.s3.send(new DeleteObjectCommand(at))),
  DeleteObjects: existing("s3:DeleteObject", ({ Bucket, Key }) => async (as) => {
    const Delete = { Objects: [{ Key }] };
    const { Errors = [] } = await as.s3.send(new DeleteObjectsCommand({ Bucket, Delete }));
    // S3 answers for each key, the engine for all of them.
    for (const { Code = "", Message } of Errors) throw Object.assign(new Error(Message), { name: Code });
  }),
  DeleteObjectVersion: existing(
    "s3:DeleteObjectVersion",
    (at) => (as) => as.s3.send(new DeleteObjectCommand(at)),
    "by version",
  ),
  PutObjectTagging: existing("s3:PutObjectTagging", (at) => (as) => {
    return as.s3.send(new PutObjectTaggingCommand({ ...at, Tagging: { TagSet: [{ Key: "a", Value: "b" }] } }));
  }),
  DeleteObjectTagging: existing("s3:DeleteObjectTagging", (at) => (as) => {
    return as.s3.send(new DeleteObjectTaggingCommand(at));
  }),
  PutObjectAcl: {
    ...existing("s3:PutObjectAcl", (at) => (as) => {
      return as.s3.send(new PutObjectAclCommand({ ...at, ACL: "private" }));
    }),
    answer: "AccessControlListNotSupported",
  },
  GetObject: existing("s3:GetObject", (at) => (as) => as.s3.send(new GetObjectCommand(at))),
  GetObjectVersion: existing("s3:GetObjectVersion", (at) => (as) => as.s3.send(new GetObjectCommand(at)), "by version"),
  GetObjectAttributes: existing("s3:GetObjectAttributes", (at) => (as) => {
    return as.s3.send(new GetObjectAttributesCommand({ ...at, ObjectAttributes: ["ETag"] }));
  }),
  GetObjectTagging: existing("s3:GetObjectTagging", (at) => (as) => as.s3.send(new GetObjectTaggingCommand(at))),

  ListObjectsV2: listing("s3:ListBucket", (at) => (as) => as.s3.send(new ListObjectsV2Command(at))),
  ListObjectVersions: listing("s3:ListBucketVersions", (at) => (as) => {
    return as.s3.send(new ListObjectVersionsCommand(at));
  }),
  ListMultipartUploads: listing("s3:ListBucketMultipartUploads", (at) => (as) => {
    return as.s3.send(new ListMultipartUploadsCommand(at));
  }),

  GetBucketPolicy: bucket("s3:GetBucketPolicy", (at) => (as) => as.s3.send(new GetBucketPolicyCommand(at))),
  PutBucketPolicy: {
    action: "s3:PutBucketPolicy",
    async prepare({ stack: { bucket: Bucket } }, root) {
      const { Policy } = await root.s3.send(new GetBucketPolicyCommand({ Bucket }));
      return (as) => as.s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    },
  },
  PutBucketVersioning: bucket("s3:PutBucketVersioning", (at) => (as) => {
    return as.s3.send(new PutBucketVersioningCommand({ ...at, VersioningConfiguration: { Status: "Enabled" } }));
  }),
  PutBucketLifecycleConfiguration: bucket("s3:PutLifecycleConfiguration", (at) => (as) => {
    const rule = { ID: "x", Status: "Enabled", Filter: { Prefix: "x" }, Expiration: { Days: 1 } } as const;
    const LifecycleConfiguration = { Rules: [rule] };
    return as.s3.send(new PutBucketLifecycleConfigurationCommand({ ...at, LifecycleConfiguration }));
  }),
  DeleteBucketLifecycle: bucket("s3:PutLifecycleConfiguration", (at) => (as) => {
    return as.s3.send(new DeleteBucketLifecycleCommand(at));
  }),
  PutPublicAccessBlock: bucket("s3:PutBucketPublicAccessBlock", (at) => (as) => {
    const PublicAccessBlockConfiguration = { BlockPublicPolicy: true };
    return as.s3.send(new PutPublicAccessBlockCommand({ ...at, PublicAccessBlockConfiguration }));
  }),
  PutBucketOwnershipControls: bucket("s3:PutBucketOwnershipControls", (at) => (as) => {
    const OwnershipControls = { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" as const }] };
    return as.s3.send(new PutBucketOwnershipControlsCommand({ ...at, OwnershipControls }));
  }),
  PutBucketNotificationConfiguration: bucket("s3:PutBucketNotification", (at) => (as) => {
    return as.s3.send(new PutBucketNotificationConfigurationCommand({ ...at, NotificationConfiguration: {} }));
  }),
  DeleteBucketPolicy: {
    ...bucket("s3:DeleteBucketPolicy", (at) => (as) => as.s3.send(new DeleteBucketPolicyCommand(at))),
    ruins: true,
  },
  DeleteBucket: {
    action: "s3:DeleteBucket",
    async prepare({ stack: { bucket: Bucket } }, root) {
      await root.s3.send(new PutObjectCommand({ Bucket, Key: "kept", Body: "x" }));
      return (as) => as.s3.send(new DeleteBucketCommand({ Bucket }));
    },
    answer: "BucketNotEmpty",
  },
  ListBuckets: {
    action: "s3:ListAllMyBuckets",
    prepare: async () => (as) => as.s3.send(new ListBucketsCommand({})),
  },
} satisfies Record<string, RequestKind>;

interface ObjectPlace {
  readonly Bucket: string;
  readonly Key: string;
}

function object(action: Action, prepare: (at: ObjectPlace, root: Clients) => Promise<Send>): RequestKind {
  return { action, prepare: ({ stack, name }, root) => prepare({ Bucket: stack.bucket, Key: name }, root) };
}

/** Of an object that is there, or of a version of it. */
function existing(
  action: Action,
  request: (at: ObjectPlace & { readonly VersionId?: string }) => Send,
  which?: "by version",
): RequestKind {
  return object(action, async (at, root) => {
    const { VersionId } = await root.s3.send(new PutObjectCommand({ ...at, Body: "x" }));
    return request(which === undefined || VersionId === undefined ? at : { ...at, VersionId });
  });
}

function listing(action: Action, request: (at: { Bucket: string; Prefix?: string }) => Send): RequestKind {
  return {
    action,
    async prepare({ stack: { bucket: Bucket }, name }) {
      const Prefix = name.replace(/\*$/, "");
      return request(Prefix === "" ? { Bucket } : { Bucket, Prefix });
    },
  };
}

function bucket(action: Action, request: (at: { Bucket: string }) => Send): RequestKind {
  return { action, prepare: async ({ stack }) => request({ Bucket: stack.bucket }) };
}

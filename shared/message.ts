/**
 * A message: all that the validator needs to check one shard. The host writes nothing under `.cback/`.
 *
 * `version`, `run`, `bucket`, `prefix` and `shard` keep their names and meaning in every version to come, so that a
 * validator can say in the report of a run that it is too old for it.
 */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { keyBytes, MAX_KEY_BYTES } from "#shared/key.ts";
import { ManifestError } from "#shared/manifest.ts";
import { RUN_PATTERN } from "#shared/run-id.ts";
import { bucketNameFault, keyPrefixFault } from "#shared/target.ts";
import { CONTRACT_VERSION, readable, VERSION_PATTERN } from "#shared/version.ts";

export const ShardRangeSchema = Type.Object({
  index: Type.Integer({ minimum: 0, maximum: 99_999, description: "0 for the first shard of the run" }),
  after: Type.Union([Type.String(), Type.Null()], { description: "the shard's paths sort after this; null: no bound" }),
  through: Type.Union([Type.String(), Type.Null()], { description: "and not after this; null: no bound" }),
  last: Type.Boolean({ description: "whether this is the last shard, which alone has no upper bound" }),
});

/** Optional: an agent that knows nothing of it sends and deletes. */
export const CheckSchema = Type.Optional(
  Type.Boolean({ description: "whether the run only checks: it sends and deletes nothing" }),
);

export const SourceSchema = Type.Object(
  {
    host: Type.String({ maxLength: 255, description: "the host's own name for itself" }),
    directory: Type.String({ maxLength: 16_384, description: "absolute path, what is not UTF-8 escaped" }),
  },
  { description: "where the files are, as the agent says" },
);

const HeaderSchema = Type.Object({
  version: Type.String({ pattern: VERSION_PATTERN, description: "contract version of the writer" }),
  run: Type.String({ pattern: RUN_PATTERN }),
  bucket: Type.String(),
  prefix: Type.String({ description: '"" for a whole bucket, otherwise ends in /' }),
  shard: ShardRangeSchema,
});

export const MessageSchema = Type.Object(
  {
    ...HeaderSchema.properties,
    extras: Type.Union([Type.Literal("mismatch"), Type.Literal("listed")], {
      description: "whether unexpected objects are a mismatch (full sync) or only listed (upload only)",
    }),
    repairs: Type.Union([Type.String({ pattern: RUN_PATTERN }), Type.Null()], {
      description: "the run whose findings this one repaired",
    }),
    check: CheckSchema,
    source: SourceSchema,
    agentVersion: Type.String({ maxLength: 64 }),
    manifest: Type.Object({
      count: Type.Integer({ minimum: 0, maximum: 20_000 }),
      digest: Type.String({ pattern: "^[0-9a-f]{64}$", description: "SHA-256 of the uncompressed lines" }),
      body: Type.String({ description: "lines of JSON, zstd, base64" }),
    }),
  },
  { title: "Message: one shard of a run", $id: "message.schema.json" },
);

export type Message = Static<typeof MessageSchema>;
/** The part of a message that every version can read. */
export type MessageHeader = Static<typeof HeaderSchema>;

interface MessageErrorOptions extends ErrorOptions {
  readonly skew?: boolean;
}

/** A message that cannot be served, now or later. */
export class MessageError extends Error {
  override readonly name = "MessageError";
  /** Undefined when not even the run can be told: then nobody can be answered. */
  readonly header: MessageHeader | undefined;
  /** Whether the two sides' versions do not fit, and not the message itself. */
  readonly skew: boolean;
  constructor(reason: string, header?: MessageHeader, { skew = false, ...options }: MessageErrorOptions = {}) {
    super(reason, options);
    this.header = header;
    this.skew = skew;
  }
}

/** The largest message that SQS takes, in bytes (SQS developer guide, "Message quotas"). */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

export function encodeMessage(message: Omit<Message, "version">): string {
  const text = JSON.stringify({ version: CONTRACT_VERSION, ...message }).replace(NOT_IN_SQS, escaped);
  if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES)
    throw new ManifestError(`the message of shard ${message.shard.index} is larger than SQS takes`);
  return text;
}

/** What JSON leaves as it is and SQS refuses: it takes no other characters than XML 1.0 (SQS API, "SendMessage"). */
const NOT_IN_SQS = /[\ufffe\uffff]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16)}`;
}

/**
 * Reads a message.
 *
 * @throws {MessageError} when it is not one, or of a version that this side does not serve
 */
export function decodeMessage(text: string): Message {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MessageError("the message is not JSON", undefined, { cause });
  }
  if (!Value.Check(HeaderSchema, value))
    throw new MessageError(`the message has no header: ${firstFault(HeaderSchema, value)}`);
  const header = {
    version: value.version,
    run: value.run,
    bucket: value.bucket,
    prefix: value.prefix,
    shard: value.shard,
  };
  const fault = headerFault(header);
  if (fault !== undefined) throw new MessageError(fault);
  const fit = readable(header.version);
  if (fit !== "yes")
    throw new MessageError(
      fit === "writer-newer"
        ? `the agent speaks contract ${header.version}, this validator only ${CONTRACT_VERSION}: deploy the stack again, from the agent's version`
        : `the agent speaks contract ${header.version}, which this validator (${CONTRACT_VERSION}) no longer serves: upgrade the agent`,
      header,
      { skew: true },
    );
  if (!Value.Check(MessageSchema, value))
    throw new MessageError(`the message does not follow the contract: ${firstFault(MessageSchema, value)}`, header);
  // Without the fields that it does not know, which may be of any depth and size.
  return Value.Clean(MessageSchema, value) as Message;
}

/**
 * What no schema can say. Whatever it names could never be asked of S3, and S3's answer would be taken for a failure that
 * may pass.
 */
function headerFault({ bucket, prefix, shard }: MessageHeader): string | undefined {
  // Not with the name in it, which may be as long as a message.
  if (bucketNameFault(bucket) !== undefined) return "the message's bucket is no bucket that can be";
  const prefixFault = keyPrefixFault(prefix);
  if (prefixFault !== undefined) return `the message's prefix is no prefix: ${prefixFault}`;
  for (const bound of [shard.after, shard.through])
    if (bound !== null && (!bound.isWellFormed() || keyBytes(prefix + bound) > MAX_KEY_BYTES))
      return "the message's shard begins or ends at what is no key";
  return undefined;
}

function firstFault(schema: typeof HeaderSchema | typeof MessageSchema, value: unknown): string {
  const [fault] = Value.Errors(schema, value);
  return fault === undefined ? "unknown" : `${fault.instancePath || "/"} ${fault.message}`;
}

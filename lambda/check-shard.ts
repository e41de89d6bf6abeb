/** One shard, from its message to its part: what the manifest says against what the bucket lists. Writes nothing. */
import type { PageRequest } from "#shared/listing.ts";
import { decodeManifest } from "#shared/manifest.ts";
import type { Message, MessageHeader } from "#shared/message.ts";
import { NO_TOTALS, type Part } from "#shared/report.ts";
import { answerVersion } from "#shared/version.ts";
import { Findings } from "./findings.ts";
import { listShard } from "./list-shard.ts";
import type { BucketPort } from "./ports.ts";
import { validateShard } from "./validate.ts";

export interface Checked {
  readonly part: Part;
  /** All findings as lines of JSON, when there are more than the part holds. */
  readonly findingLines: Buffer | undefined;
}

/** Who checks, and for whom: what a part says besides the shard's message. */
export interface CheckContext {
  readonly validatorVersion: string;
  /** Who sent the message, as SQS says. */
  readonly senderId: string;
  readonly now: () => Date;
}

/**
 * @param findingsObject key that `findingLines` will be stored at
 * @param signal ends the listing when the function's time does
 * @throws {ManifestError} when the message's manifest is damaged, now and for ever
 */
export async function checkShard(
  message: Message,
  bucket: BucketPort,
  findingsObject: string,
  { validatorVersion, senderId, now }: CheckContext,
  signal: AbortSignal,
): Promise<Checked> {
  const { prefix, shard, manifest } = message;
  const entries = decodeManifest(manifest, shard, prefix);
  const findings = new Findings();
  const listedFrom = now().toISOString();
  const fetchPage = (request: PageRequest) => bucket.fetchPage(request, signal);
  const objects = listShard({ fetchPage, keyPrefix: prefix, range: shard, entries, findings });
  const totals = await validateShard(entries, objects, findings);
  const listedThrough = now().toISOString();
  const findingLines = findings.lines();
  const part: Part = {
    ...told(message),
    error: null,
    validatorVersion,
    senderId,
    totals,
    findings: [...findings.first],
    findingsObject: findingLines === undefined ? null : findingsObject,
    listedFrom,
    listedThrough,
  };
  return { part, findingLines };
}

/** The part of a shard that has no verdict, and why: without it the agent would wait until its time-out. */
export function errorPart(
  message: Message | MessageHeader,
  reason: string,
  { validatorVersion, senderId, now }: CheckContext,
): Part {
  const time = now().toISOString();
  return {
    ...told(message),
    error: reason,
    validatorVersion,
    senderId,
    totals: { ...NO_TOTALS },
    findings: [],
    findingsObject: null,
    listedFrom: time,
    listedThrough: time,
  };
}

/** What the message itself says; of one that cannot be read there is only the header. */
function told(
  message: Message | MessageHeader,
): Pick<
  Part,
  | "version"
  | "run"
  | "bucket"
  | "prefix"
  | "shard"
  | "extras"
  | "repairs"
  | "check"
  | "source"
  | "agentVersion"
  | "manifestDigest"
> {
  const { run, bucket, prefix, shard } = message;
  const header = { version: answerVersion(message.version), run, bucket, prefix, shard };
  if (!("manifest" in message))
    return {
      ...header,
      extras: "mismatch",
      repairs: null,
      source: { host: "", directory: "" },
      agentVersion: "",
      manifestDigest: null,
    };
  const { extras, repairs, check, source, agentVersion, manifest } = message;
  const kind = { extras, repairs, ...(check ? { check } : {}) };
  return { ...header, ...kind, source, agentVersion, manifestDigest: manifest.digest };
}

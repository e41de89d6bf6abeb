/**
 * What the validator leaves in the bucket, in an order that lets any delivery stop anywhere and the next one go on:
 * findings, part, and when all parts are there the report, then the status. Nothing is published before it is whole.
 */
import {
  allPartsThere,
  assembleReport,
  decodePart,
  decodeReport,
  errorReport,
  findingsKey,
  MAX_INLINE_FINDINGS,
  type Part,
  partKey,
  partsPrefix,
  type Report,
  reportKey,
} from "#shared/report.ts";
import { decodeStatus, nextStatus, type Status, statusKey } from "#shared/status.ts";
import { encodeVersioned, ReportError } from "#shared/versioned.ts";
import type { BucketPort } from "./ports.ts";

/** How many parts are read at once. */
const PARTS_AT_ONCE = 16;
/** Each failed attempt means that another run's status was written, so this many runs end at the same moment. */
const STATUS_ATTEMPTS = 20;

/** Whether a shard has its part already: then its message was served before. */
export async function partExists(bucket: BucketPort, { prefix, run, shard }: PartName): Promise<boolean> {
  return (await bucket.read(partKey(prefix, run, shard))) !== undefined;
}

type PartName = Pick<Part, "prefix" | "run" | "shard">;

/**
 * Writes a part, unless the shard has one.
 *
 * The findings go first and may overwrite those of a delivery that ended before its part: a part never names findings
 * that are not there. Of two deliveries at the very same time the first part stands, beside findings that are as true.
 *
 * @param findingLines all findings, when the part does not hold them itself
 */
export async function publishPart(bucket: BucketPort, part: Part, findingLines: Buffer | undefined): Promise<void> {
  if (findingLines !== undefined)
    await bucket.write(findingsKey(part.prefix, part.run, part.shard), findingLines, "application/x-ndjson");
  await bucket.writeIfUnchanged(partKey(part.prefix, part.run, part.shard), encodeVersioned(part), undefined);
}

/**
 * The report of a run and the status of its target, once all parts are there; undefined while some are not.
 *
 * @param onPublished told as soon as this call has written the report, before what may still fail. Never twice for a
 *   run, so that verdicts can be counted; when S3's answer to the write is lost, not once.
 */
export async function publishRun(
  bucket: BucketPort,
  { prefix, run }: Pick<Part, "prefix" | "run">,
  onPublished: (report: Report) => void,
): Promise<Report | undefined> {
  const partKeys = (await bucket.keysBelow(partsPrefix(prefix, run))).filter((key) => key.endsWith(".json"));
  if (!allPartsThere(partKeys)) return undefined;
  const report = await publishReport(bucket, reportKey(prefix, run), partKeys, onPublished);
  await publishStatus(bucket, report);
  return report;
}

/**
 * The report of a run that is given up, from one error part alone: where the parts cannot be listed or read, the agent
 * still hears why, at once and not by its time-out. A report that is there stands; then undefined.
 *
 * @param onPublished as for `publishRun`
 */
export async function publishErrorReport(
  bucket: BucketPort,
  part: Part,
  onPublished: (report: Report) => void,
): Promise<Report | undefined> {
  const report = errorReport(part);
  if (!(await bucket.writeIfUnchanged(reportKey(part.prefix, part.run), encodeVersioned(report), undefined)))
    return undefined;
  onPublished(report);
  await publishStatus(bucket, report);
  return report;
}

/** The report that is there counts, whoever wrote it: this delivery may only have to finish what another began. */
async function publishReport(
  bucket: BucketPort,
  key: string,
  partKeys: readonly string[],
  onPublished: (report: Report) => void,
): Promise<Report> {
  const known = await readReport(bucket, key);
  if (known !== undefined) return known;
  const report = assembleReport(await readParts(bucket, partKeys));
  if (await bucket.writeIfUnchanged(key, encodeVersioned(report), undefined)) {
    onPublished(report);
    return report;
  }
  return (await readReport(bucket, key)) ?? report;
}

/** @throws {ReportError} when what is there is no report, or that of another run */
async function readReport(bucket: BucketPort, key: string): Promise<Report | undefined> {
  const stored = await bucket.read(key);
  if (stored === undefined) return undefined;
  const report = decodeReport(stored.text, "self");
  // Only an administrator can have put it there; its status would be another target's.
  if (reportKey(report.prefix, report.run) !== key) throw new ReportError(`the report ${key} is about another run`);
  return report;
}

/** Keeps only as many findings as the report takes: a run may have thousands of parts with a thousand each. */
async function readParts(bucket: BucketPort, keys: readonly string[]): Promise<Part[]> {
  const parts: Part[] = [];
  let room = MAX_INLINE_FINDINGS;
  for (let start = 0; start < keys.length; start += PARTS_AT_ONCE) {
    const some = await Promise.all(keys.slice(start, start + PARTS_AT_ONCE).map((key) => readPart(bucket, key)));
    for (const part of some) {
      const findings = part.findings.slice(0, room);
      room -= findings.length;
      parts.push({ ...part, findings });
    }
  }
  return parts;
}

async function readPart(bucket: BucketPort, key: string): Promise<Part> {
  const stored = await bucket.read(key);
  if (stored === undefined) throw new ReportError(`the part ${key} was listed and is gone`);
  const part = decodePart(stored.text);
  if (partKey(part.prefix, part.run, part.shard) !== key)
    throw new ReportError(`the part ${key} is about another run or shard`);
  return part;
}

async function publishStatus(bucket: BucketPort, report: Report): Promise<void> {
  const key = statusKey(report.prefix);
  for (let attempt = 0; attempt < STATUS_ATTEMPTS; attempt++) {
    const stored = await bucket.read(key);
    const status = nextStatus(stored && readableStatus(stored.text, key), report);
    if (status === undefined) return;
    if (await bucket.writeIfUnchanged(key, encodeVersioned(status), stored?.etag)) return;
  }
  throw new ReportError(`the status ${key} was changed by others ${STATUS_ATTEMPTS} times in a row`);
}

/**
 * A status that is damaged, or about another target, is replaced: nobody but the validator writes it, and no verdict may be kept from it for
 * ever. One of a newer validator is an error, until the stack is deployed again as new as it was.
 */
function readableStatus(text: string, key: string): Status | undefined {
  try {
    const status = decodeStatus(text);
    return statusKey(status.prefix) === key ? status : undefined;
  } catch (error) {
    if (error instanceof ReportError && !error.skew) return undefined;
    throw error;
  }
}

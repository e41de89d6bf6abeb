/**
 * What a run and a bucket cost by AWS's list prices: the tables of `docs/deploy.md` are printed from here. Each count
 * follows from the code; what cannot, for it is time or size, is an assumption with a name.
 */
import { SHARD_ENTRIES } from "#agent/step-scale.ts";

interface Price {
  readonly usd: number;
  /** How many units that is for. */
  readonly per: number;
  readonly unit: string;
  readonly page: string;
}

/** List prices in us-east-1 without free tiers, as their pages show them. */
const PRICES = {
  s3Write: { usd: 0.005, per: 1_000, unit: "1,000 PUT or LIST requests", page: "s3" },
  s3Read: { usd: 0.0004, per: 1_000, unit: "1,000 GET requests", page: "s3" },
  s3Storage: { usd: 0.023, per: 1, unit: "GB and month in S3 Standard", page: "s3" },
  sqsRequest: { usd: 0.4, per: 1_000_000, unit: "1,000,000 requests of 64 KB", page: "sqs" },
  lambdaRequest: { usd: 0.2, per: 1_000_000, unit: "1,000,000 invocations", page: "lambda" },
  lambdaCompute: { usd: 0.0000133334, per: 1, unit: "GB-second on arm64", page: "lambda" },
  logs: { usd: 0.5, per: 1, unit: "GB of logs", page: "cloudwatch" },
  alarm: { usd: 0.1, per: 1, unit: "alarm and month", page: "cloudwatch" },
  metric: { usd: 0.3, per: 1, unit: "custom metric and month", page: "cloudwatch" },
  dashboard: { usd: 3, per: 1, unit: "dashboard and month", page: "cloudwatch" },
} satisfies Record<string, Price>;

/** What does not follow from the code. */
const ASSUMED = {
  files: 1_000_000,
  hosts: 10,
  /** docs/measurements.md: 39.9 bytes for an entry of a usual tree. */
  messageBytes: 400_000,
  shardSeconds: 3,
  silenceCheckSeconds: 1,
  logBytesOfInvocation: 3_000,
  partBytes: 1_000,
  polls: 20,
  days: 30,
} as const;

/** Of the construct. */
const MEMORY_GB = 0.5;
const REPORT_RETENTION_DAYS = 400;
/** Of S3, SQS and Lambda. */
const PAGE_OBJECTS = 1_000;
const SQS_CHUNK_BYTES = 64 * 1024;
const IDLE_POLLERS = 5;
const POLLS_A_MINUTE = 3;
const GB = 1e9;

interface Item {
  readonly what: string;
  readonly how: string;
  readonly count: number;
  /** Of the count, where it is no number of requests. */
  readonly unit?: string;
  readonly price: keyof typeof PRICES;
}

/** What the stack has of each, whatever runs. */
export interface Standing {
  readonly alarms: number;
  readonly metrics: number;
  readonly dashboards: number;
}

export function priceTable(): string {
  const rows = Object.values(PRICES).map(({ usd, unit, page }) => {
    const url = `https://aws.amazon.com/${page}/pricing/`;
    return [unit, usd < 0.0001 ? usd.toFixed(10) : String(usd), `<${url}>`];
  });
  return table(["list price, us-east-1", "USD", "page"], rows);
}

/** One run over a million files that are there already, and what sending them costs. */
export function runTable(): string {
  const items = run(ASSUMED.files);
  const sent = { what: "sending all of them, once", how: "1,000,000", count: ASSUMED.files, price: "s3Write" } as const;
  return table(
    ["a run over 1,000,000 files", "how many", "USD"],
    [
      ...items.map((item) => [item.what, counted(item), usdOf(item).toFixed(5)]),
      ["**the run, with nothing to send**", "", `**${sum(items).toFixed(4)}**`],
      [sent.what, counted(sent), usdOf(sent).toFixed(2)],
    ],
  );
}

export function monthTable(standing: Standing): string {
  const items = month(standing);
  const runs = ASSUMED.days * sum(run(ASSUMED.files));
  return table(
    ["a month of a bucket", "how many", "USD"],
    [
      ...items.map((item) => [item.what, counted(item), usdOf(item).toFixed(3)]),
      ["runs, one a day over 1,000,000 files", `${ASSUMED.days} × the run above`, runs.toFixed(3)],
      ["**the month**", "", `**${(sum(items) + runs).toFixed(2)}**`],
    ],
  );
}

/**
 * What the validator asks of S3 for a run without findings: at most as many lists, and just as many of the others. Folder
 * markers, and the validator's own objects beside those of a whole bucket, may cost a page more here and there.
 */
export function validatorRequests(shards: number, shardEntries: number, pageObjects: number) {
  const pages = Math.ceil(shardEntries / pageObjects);
  return { pages, list: shards * (pages + 1), put: shards + 2, get: 2 * shards + 2 };
}

function run(files: number): Item[] {
  const shards = Math.ceil(files / SHARD_ENTRIES);
  const { pages, list, put, get } = validatorRequests(shards, SHARD_ENTRIES, PAGE_OBJECTS);
  const chunks = Math.ceil(ASSUMED.messageBytes / SQS_CHUNK_BYTES);
  const { polls, shardSeconds, logBytesOfInvocation } = ASSUMED;
  return [
    {
      what: "listing the bucket, and which parts are there",
      how: `${shards} shards × (${pages} pages + 1)`,
      count: list,
      price: "s3Write",
    },
    { what: "writing parts, report, status", how: `${shards} + 2`, count: put, price: "s3Write" },
    {
      what: "looking for each part, reading it; report, status",
      how: `2 × ${shards} + 2`,
      count: get,
      price: "s3Read",
    },
    { what: "asking for the report, by the host", how: `${polls}`, count: polls, price: "s3Read" },
    { what: "the same by a host with a prefix of its own, also", how: `${polls}`, count: polls, price: "s3Write" },
    {
      what: "messages: sent, received, deleted",
      how: `${shards} × (${chunks} + ${chunks} + 1)`,
      count: shards * (2 * chunks + 1),
      price: "sqsRequest",
    },
    { what: "invocations", how: `${shards}`, count: shards, price: "lambdaRequest" },
    {
      what: "compute",
      how: `${shards} × ${shardSeconds} s × ${MEMORY_GB} GB`,
      count: shards * shardSeconds * MEMORY_GB,
      unit: "GB-s",
      price: "lambdaCompute",
    },
    {
      what: "logs and metrics in them",
      how: `${shards} × ${logBytesOfInvocation / 1_000} KB`,
      count: (shards * logBytesOfInvocation) / GB,
      unit: "GB",
      price: "logs",
    },
  ];
}

function month({ alarms, metrics, dashboards }: Standing): Item[] {
  const { days, hosts, silenceCheckSeconds, logBytesOfInvocation, files, partBytes } = ASSUMED;
  const hours = days * 24;
  const shards = Math.ceil(files / SHARD_ENTRIES);
  const kept = REPORT_RETENTION_DAYS * (shards + 1);
  return [
    { what: "alarms", how: `${alarms}`, count: alarms, price: "alarm" },
    { what: "metrics, if all are sent in each hour", how: `${metrics}`, count: metrics, price: "metric" },
    { what: "dashboard", how: `${dashboards}`, count: dashboards, price: "dashboard" },
    {
      what: "Lambda asks the idle queue",
      how: `${IDLE_POLLERS} pollers × ${POLLS_A_MINUTE} a minute`,
      count: IDLE_POLLERS * POLLS_A_MINUTE * 60 * hours,
      price: "sqsRequest",
    },
    { what: "silence check: lists", how: `${hours}`, count: hours, price: "s3Write" },
    {
      what: `silence check: reads the status of ${hosts} hosts`,
      how: `${hours} × ${hosts}`,
      count: hours * hosts,
      price: "s3Read",
    },
    {
      what: "silence check: compute",
      how: `${hours} × ${silenceCheckSeconds} s × ${MEMORY_GB} GB`,
      count: hours * silenceCheckSeconds * MEMORY_GB,
      unit: "GB-s",
      price: "lambdaCompute",
    },
    {
      what: "silence check: logs",
      how: `${hours} × ${logBytesOfInvocation / 1_000} KB`,
      count: (hours * logBytesOfInvocation) / GB,
      unit: "GB",
      price: "logs",
    },
    {
      what: "parts and reports of a daily run, kept",
      how: `${REPORT_RETENTION_DAYS} days × ${shards + 1} × ${partBytes / 1_000} KB`,
      count: (kept * partBytes) / GB,
      unit: "GB",
      price: "s3Storage",
    },
  ];
}

function usdOf({ count, price }: Item): number {
  const { usd, per } = PRICES[price];
  return (count * usd) / per;
}

function sum(items: readonly Item[]): number {
  return items.reduce((total, item) => total + usdOf(item), 0);
}

/** `50 × 27 = 1,350`; alone where it says the count itself. */
function counted({ how, count, unit }: Item): string {
  const number = count.toLocaleString("en-US", { maximumFractionDigits: 5 });
  const shown = unit === undefined ? number : `${number} ${unit}`;
  return how === shown ? shown : `${how} = ${shown}`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const numbers = heads.map((head) => (head === "USD" ? "--:" : "---"));
  return [line(heads), `|${numbers.join("|")}|`, ...rows.map(line)].join("\n");
}

/** The results as tables in Markdown, for the screen and for docs/performance.md, and how they stand to what is aimed at. */
import { type Figures, medianOf } from "./measure.ts";
import type { Results, Row, WorkResult } from "./results.ts";
import { OURS } from "./tools.ts";
import type { WorkName } from "./works.ts";

const BYTES_IN_MB = 1e6;
const MEASURES = {
  wall: { title: "wall s", value: ({ wallSeconds }: Figures) => wallSeconds, digits: 2 },
  cpu: { title: "CPU s", value: ({ cpuSeconds }: Figures) => cpuSeconds, digits: 2 },
  memory: { title: "memory MB", value: ({ peakBytes }: Figures) => peakBytes / BYTES_IN_MB, digits: 0 },
} as const;
type Measure = keyof typeof MEASURES;

/** Requests that put content into the bucket are many and equal; the table names those that a reader looks for. */
const NO_REQUESTS = "–";

export function workTable({ title, rows, circumstances }: WorkResult): string {
  const { measuredAt, command, machine, loadBefore, server, versions } = circumstances;
  const hasSteps = rows.some(({ step }) => step !== undefined);
  const hasRequests = rows.some(({ requests }) => requests !== undefined);
  const header = [
    "tool",
    ...(hasSteps ? ["files", "run"] : []),
    ...Object.values(MEASURES).flatMap((measure) => [measure.title, "× best peer"]),
    ...(hasSteps || rows.some(({ files }) => files > 1) ? ["CPU ms a file"] : []),
    ...(hasRequests ? ["requests of the host", "of the validator"] : []),
  ];
  const lines = rows.map((row) => {
    const cells = [row.tool, ...(hasSteps ? [row.files.toLocaleString("en"), row.step ?? ""] : [])];
    if (row.failed !== undefined) return [...cells, `failed: ${row.failed.replaceAll(/\s+/g, " ").slice(0, 80)}`];
    const alike = rows.filter(({ files, step }) => files === row.files && step === row.step);
    for (const measure of Object.keys(MEASURES) as Measure[]) {
      const best = bestPeer(alike, measure);
      const own = amountOf(row, measure);
      cells.push(own.toFixed(MEASURES[measure].digits), best === undefined ? "" : (own / best).toFixed(2));
    }
    if (header.includes("CPU ms a file")) cells.push(((amountOf(row, "cpu") / row.files) * 1000).toFixed(3));
    if (hasRequests) cells.push(inWords(row.requests?.host), inWords(row.requests?.validator));
    return cells;
  });
  const align = header.map((name) => (/^(tool|run|requests|of )/.test(name) ? "---" : "--:"));
  const tools = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${title}.`,
    "",
    ...[header, align, ...lines].map((cells) => `| ${cells.join(" | ")} |`),
    "",
    `\`${command}\`, ${measuredAt.slice(0, 10)}, ${machine}, load ${loadBefore.toFixed(1)} before; S3 is ${server}.`,
    `${tools.join(", ")}.`,
  ].join("\n");
}

/** What the project aims at, as a ratio to somebody in the same run or as a figure. */
type Target = {
  readonly work: WorkName;
  readonly reach: string;
  /** What is to be no more than `most`; undefined where the run has no such figure. */
  readonly figure: (rows: readonly Row[]) => number | undefined;
  readonly most: number;
};

const ratio = (work: WorkName, measure: Measure, to: string | undefined, most: number, as: string): Target => ({
  work,
  reach: `${MEASURES[measure].title.split(" ")[0]} ≤ ${as} ${to ?? "the best peer"}`,
  most,
  figure(rows) {
    const own = find(rows, OURS);
    const other = to === undefined ? bestPeer(rows, measure) : find(rows, to) && amountOf(find(rows, to), measure);
    return own && other && amountOf(own, measure) / other;
  },
});

const TARGETS: readonly Target[] = [
  ratio("upload", "cpu", "rclone", 0.75, "0.75 ×"),
  ratio("upload", "cpu", "s5cmd", 0.4, "0.4 ×"),
  ratio("upload", "wall", undefined, 1, ""),
  ratio("unchanged", "wall", "aws", 1 / 8, "1/8 of"),
  ratio("unchanged", "wall", "rclone", 1 / 3, "1/3 of"),
  ratio("unchanged", "cpu", "rclone", 1, ""),
  {
    work: "unchanged",
    reach: "listings by the host: 0",
    most: 0,
    figure: (rows) => {
      const requests = find(rows, OURS)?.requests;
      return requests && (requests.host.ListObjectsV2 ?? 0);
    },
  },
  ratio("listed", "wall", "s5cmd", 1 / 2, "1/2 of"),
  ratio("listed", "wall", "rclone", 1 / 2, "1/2 of"),
  ratio("large", "wall", "s5cmd", 1.1, "1.1 ×"),
  { work: "large", reach: "memory ≤ 150 MB", most: 150, figure: (rows) => highestMemory(rows) },
  { work: "growth", reach: "memory ≤ 150 MB", most: 150, figure: (rows) => highestMemory(rows) },
  {
    work: "report",
    reach: "verdict ≤ 2 s after the last upload",
    most: 2,
    figure: (rows) => median(find(rows, OURS)?.reportSeconds ?? []),
  },
  ratio("startup", "wall", "node -e 0", 2.5, "2.5 ×"),
];

export function targetTable(results: Results): string {
  const lines = TARGETS.flatMap(({ work, reach, figure, most }) => {
    const result = results[work];
    if (result === undefined) return [];
    const own = figure(result.rows);
    if (own === undefined) return [`| ${work} | ${reach} | not measured | |`];
    return [
      `| ${work} | ${reach.replaceAll(/ +/g, " ")} | ${shown(own)} | ${own <= most ? "reached" : "**not reached**"} |`,
    ];
  });
  return ["| work | ours should reach | it has | |", "|---|---|--:|---|", ...lines].join("\n");
}

function find(rows: readonly Row[], tool: string): Row | undefined {
  return rows.find((row) => row.tool === tool && row.failed === undefined);
}

function amountOf(row: Row | undefined, measure: Measure): number {
  return row === undefined ? Number.NaN : MEASURES[measure].value(medianOf(row.rounds));
}

function bestPeer(rows: readonly Row[], measure: Measure): number | undefined {
  const peers = rows.filter(({ isPeer, failed }) => isPeer && failed === undefined);
  return peers.length === 0 ? undefined : Math.min(...peers.map((row) => amountOf(row, measure)));
}

function highestMemory(rows: readonly Row[]): number {
  return Math.max(...rows.filter(({ tool }) => tool === OURS).map((row) => amountOf(row, "memory")));
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((left, right) => left - right)[(values.length - 1) >> 1];
}

function shown(value: number): string {
  return value >= 10 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(2);
}

function inWords(counts: Readonly<Record<string, number>> | undefined): string {
  const entries = Object.entries(counts ?? {}).sort(([, left], [, right]) => right - left);
  if (entries.length === 0) return NO_REQUESTS;
  return entries.map(([operation, count]) => `${count.toLocaleString("en")} ${operation}`).join(", ");
}

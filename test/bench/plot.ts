/** Draws how CPU and memory grow with the number of files, as SVG that reads on light and dark pages. */
import { medianOf } from "./measure.ts";
import type { Row } from "./results.ts";
import { OURS } from "./tools.ts";

const PANEL = { width: 400, height: 300, left: 56, right: 112, top: 36, bottom: 40 } as const;
const COLORS = ["#0072b2", "#56b4e9", "#d55e00", "#009e73", "#cc79a7", "#e69f00"] as const;
/** Labels that would touch are moved apart. */
const LABEL_HEIGHT = 13;
const GREY = "#808080";

interface Line {
  readonly name: string;
  readonly color: string;
  readonly points: readonly { readonly files: number; readonly value: number }[];
}

interface Panel {
  readonly title: string;
  readonly value: (row: Row) => number;
}

const PANELS: readonly Panel[] = [
  { title: "CPU, seconds", value: ({ rounds }) => medianOf(rounds).cpuSeconds },
  { title: "peak memory, MB", value: ({ rounds }) => medianOf(rounds).peakBytes / 1e6 },
];

export function growthPlot(rows: readonly Row[]): string {
  const width = PANELS.length * PANEL.width;
  const panels = PANELS.map((panel, index) => {
    const lines = linesOf(rows, panel.value);
    return `<g transform="translate(${index * PANEL.width} 0)">${drawn(panel.title, lines)}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${PANEL.height}" width="${width}" height="${PANEL.height}" font-family="system-ui, sans-serif" font-size="11">`,
    "<title>What a run costs as the tree grows</title>",
    ...panels,
    "</svg>\n",
  ].join("\n");
}

function linesOf(rows: readonly Row[], value: Panel["value"]): Line[] {
  const measured = rows.filter(({ failed }) => failed === undefined);
  const names = [...new Set(measured.map(nameOf))];
  return names.map((name, index) => ({
    name,
    color: COLORS[index % COLORS.length] ?? GREY,
    points: measured.filter((row) => nameOf(row) === name).map((row) => ({ files: row.files, value: value(row) })),
  }));
}

/** Only ours is shown at more than one thing. */
function nameOf({ tool, step }: Row): string {
  return tool === OURS ? `${tool}, ${step}` : tool;
}

function drawn(title: string, lines: readonly Line[]): string {
  const points = lines.flatMap((line) => line.points);
  const x = logScale(
    points.map(({ files }) => files),
    PANEL.left,
    PANEL.width - PANEL.right,
  );
  const y = logScale(
    points.map(({ value }) => value),
    PANEL.height - PANEL.bottom,
    PANEL.top,
  );
  const parts = [text(PANEL.left, PANEL.top - 16, title, "start", GREY)];
  for (const power of y.powers) {
    const at = y.place(power);
    parts.push(`<path d="M${PANEL.left} ${at}H${PANEL.width - PANEL.right}" stroke="${GREY}" stroke-opacity="0.3"/>`);
    parts.push(text(PANEL.left - 6, at + 4, short(power), "end", GREY));
  }
  for (const power of x.powers)
    parts.push(text(x.place(power), PANEL.height - PANEL.bottom + 18, `${short(power)} files`, "middle", GREY));
  const ends: { line: Line; at: number }[] = [];
  for (const line of lines) {
    const places = line.points.map(({ files, value }) => [x.place(files), y.place(value)] as const);
    parts.push(
      `<path d="M${places.map((place) => place.join(" ")).join("L")}" fill="none" stroke="${line.color}" stroke-width="2"/>`,
    );
    for (const [left, top] of places) parts.push(`<circle cx="${left}" cy="${top}" r="3" fill="${line.color}"/>`);
    ends.push({ line, at: places.at(-1)?.[1] ?? 0 });
  }
  ends.sort((left, right) => left.at - right.at);
  let lowest = 0;
  for (const { line, at } of ends) {
    lowest = Math.max(at, lowest + LABEL_HEIGHT);
    parts.push(text(PANEL.width - PANEL.right + 8, lowest + 4, line.name, "start", line.color));
  }
  return parts.join("\n");
}

/** From the power of ten below the least value to the one above the greatest. */
function logScale(values: readonly number[], from: number, to: number) {
  const lowest = Math.floor(Math.log10(Math.min(...values)));
  const highest = Math.max(Math.ceil(Math.log10(Math.max(...values))), lowest + 1);
  const place = (value: number) =>
    Math.round(10 * (from + ((Math.log10(value) - lowest) / (highest - lowest)) * (to - from))) / 10;
  return { place, powers: Array.from({ length: highest - lowest + 1 }, (_, index) => 10 ** (lowest + index)) };
}

function short(power: number): string {
  return power < 1 ? String(power) : power.toLocaleString("en", { notation: "compact" });
}

function text(x: number, y: number, content: string, anchor: string, color: string): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${color}">${content}</text>`;
}

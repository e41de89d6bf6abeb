/** Writes what was measured into the documentation: the tables of docs/performance.md, and the plot of how cost grows. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "#infra/local/paths.ts";
import { growthPlot } from "./plot.ts";
import { type Results, readResults } from "./results.ts";
import { targetTable, workTable } from "./tables.ts";
import { WORK_NAMES } from "./works.ts";

const DOCS = join(ROOT, "docs");
const PAGE = join(DOCS, "performance.md");
export const PUBLISHED_RESULTS = join(DOCS, "performance.json");
const PLOT = "growth.svg";
const BEGIN = "<!-- what follows is written by npm run bench -- --publish -->";
const END = "<!-- end of what is written -->";

export function publish(results: Results): void {
  for (const [path, content] of published(results)) writeFileSync(path, content);
}

/** Files with what they should hold. */
export function published(results: Results): Map<string, string> {
  const sections = WORK_NAMES.flatMap((name) => {
    const result = results[name];
    if (result === undefined) return [];
    const plot = name === "growth" ? `![CPU and memory by the number of files](${PLOT})\n\n` : "";
    return [`### ${name}\n\n${plot}${workTable(result)}`];
  });
  const written = [targetTable(results), ...sections].join("\n\n");
  const files = new Map([[PAGE, between(readFileSync(PAGE, "utf8"), written)]]);
  if (results.growth !== undefined) files.set(join(DOCS, PLOT), growthPlot(results.growth.rows));
  return files;
}

function between(page: string, written: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin)
    throw new Error(`docs/performance.md lacks the lines between which tables go: ${BEGIN}`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${written}\n\n${page.slice(end)}`;
}

if (import.meta.main) publish(readResults(PUBLISHED_RESULTS));

/** Writes what was measured into the documentation: the tables of docs/performance.md, and the plot of how cost grows. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "#infra/local/paths.ts";
import { growthPlot } from "./plot.ts";
import { type Results, readResults } from "./results.ts";
import { targetTable, workTable } from "./tables.ts";
import { WORK_NAMES } from "./works.ts";

const DOCS = join(ROOT, "docs");
const BEGIN = "<!-- what follows is written by npm run bench -- --publish -->";
const END = "<!-- end of what is written -->";

export function publish(results: Results): void {
  const sections = WORK_NAMES.flatMap((name) => {
    const result = results[name];
    return result === undefined ? [] : [`### ${name}\n\n${workTable(result)}`];
  });
  const page = join(DOCS, "performance.md");
  const [before, , after] = splitAt(readFileSync(page, "utf8"));
  writeFileSync(page, `${before}${BEGIN}\n\n${[targetTable(results), ...sections].join("\n\n")}\n\n${END}${after}`);
  if (results.growth !== undefined) writeFileSync(join(DOCS, "growth.svg"), growthPlot(results.growth.rows));
}

function splitAt(text: string): [string, string, string] {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin)
    throw new Error(`docs/performance.md lacks the lines that say where tables go: ${BEGIN}`);
  return [text.slice(0, begin), text.slice(begin, end), text.slice(end + END.length)];
}

if (import.meta.main) publish(readResults(join(DOCS, "performance.json")));

/** Test reporter: a line of JSON for each test that names a row of the matrix, with how it ended. */
import type { TestEvent } from "node:test/reporters";
import { rowsIn } from "./matrix.ts";

export interface RowOutcome {
  readonly rows: readonly number[];
  readonly outcome: "passed" | "failed" | "skipped";
}

// biome-ignore lint/style/noDefaultExport: the test runner takes a reporter as the module's default export.
export default async function* outcomes(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  /** Titles from the outermost suite inwards, of each file. */
  const titles = new Map<string, string[]>();
  for await (const { type, data } of events) {
    if (type !== "test:start" && type !== "test:pass" && type !== "test:fail") continue;
    const { nesting, name, file = "" } = data;
    const above = (titles.get(file) ?? []).slice(0, nesting);
    if (type === "test:start") {
      titles.set(file, [...above, name]);
      continue;
    }
    if (data.details.type === "suite") continue;
    const rows = [...rowsIn([...above, name].join(" "))];
    const notRun = type === "test:pass" && (data.skip !== undefined || data.todo !== undefined);
    const outcome = notRun ? "skipped" : type === "test:pass" ? "passed" : "failed";
    if (rows.length > 0) yield `${JSON.stringify({ rows, outcome } satisfies RowOutcome)}\n`;
  }
}

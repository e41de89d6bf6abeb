/** Test reporter: one line that says how many tests passed, failed and were skipped. */
import type { TestEvent } from "node:test/reporters";

// biome-ignore lint/style/noDefaultExport: the test runner takes a reporter as the module's default export.
export default async function* closingLine(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    // One summary for each file, and one without a file for all of them.
    if (event.type !== "test:summary" || event.data.file !== undefined) continue;
    const { tests, passed, skipped, todo } = event.data.counts;
    const notRun = skipped + todo;
    yield `${passed} passed, ${tests - passed - notRun} failed${notRun > 0 ? `, ${notRun} skipped` : ""}\n`;
  }
}

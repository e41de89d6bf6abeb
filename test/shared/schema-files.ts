/**
 * The JSON Schemas that are shipped for those who read reports or write messages without this code, as the TypeBox
 * sources say. Run as a program (`npm run schemas`), it writes them.
 */
import { writeFileSync } from "node:fs";
import { MessageSchema } from "#shared/message.ts";
import { PartSchema, ReportSchema } from "#shared/report.ts";
import { StatusSchema } from "#shared/status.ts";

export const SCHEMA_FOLDER = new URL("../../shared/schemas/", import.meta.url);

/** The text of each schema, by its file's name. */
export const SCHEMA_TEXTS: ReadonlyMap<string, string> = new Map([
  ["message.schema.json", textOf(MessageSchema)],
  ["part.schema.json", textOf(PartSchema)],
  ["report.schema.json", textOf(ReportSchema)],
  ["status.schema.json", textOf(StatusSchema)],
]);

function textOf(schema: object): string {
  return `${JSON.stringify({ $schema: "https://json-schema.org/draft/2020-12/schema", ...schema }, undefined, 2)}\n`;
}

if (import.meta.main) for (const [file, text] of SCHEMA_TEXTS) writeFileSync(new URL(file, SCHEMA_FOLDER), text);

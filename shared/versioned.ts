/** What part, report and status have in common as JSON: the contract version that they are written in. */
import { type Static, type TSchema, Type } from "typebox";
import { Value } from "typebox/value";
import { safeJson } from "#shared/safe-json.ts";
import { CONTRACT_VERSION, readable, VERSION_PATTERN } from "#shared/version.ts";

export const Version = Type.String({ pattern: VERSION_PATTERN, description: "contract version that it is written in" });
const VersionedSchema = Type.Object({ version: Version });

/** A report, part or status that is damaged, or of a version that this side does not read; the message says which. */
export class ReportError extends Error {
  override readonly name = "ReportError";
  /** Whether the two sides' versions do not fit, and not the object itself. */
  readonly skew: boolean;
  constructor(reason: string, skew = false, options?: ErrorOptions) {
    super(reason, options);
    this.skew = skew;
  }
}

export function encodeVersioned<T extends { readonly version: string }>(value: T): string {
  return `${safeJson(value, 2)}\n`;
}

export type Writer = "self" | "other";

/**
 * Reads what follows a schema. Fields that it does not know, of any depth and size, are dropped.
 *
 * @param writer "self" where only this side can have written it, be it in the version of an agent no longer served
 * @throws {ReportError} when this side cannot read it
 */
export function decodeVersioned<S extends TSchema>(schema: S, text: string, what: string, writer: Writer): Static<S> {
  const value = parse(text, what, writer);
  if (!Value.Check(schema, value)) throw new ReportError(`the ${what} does not follow the contract`);
  return Value.Clean(schema, value) as Static<S>;
}

function parse(text: string, what: string, writer: Writer): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ReportError(`the ${what} is not JSON`, false, { cause });
  }
  if (!Value.Check(VersionedSchema, value)) throw new ReportError(`the ${what} names no contract version`);
  const fit = readable(value.version);
  if (fit === "writer-newer")
    throw new ReportError(
      `the ${what} is of contract ${value.version}, this side reads only ${CONTRACT_VERSION}: upgrade this side`,
      true,
    );
  if (fit === "writer-older" && writer === "other")
    throw new ReportError(
      `the ${what} is of contract ${value.version}, which this side (${CONTRACT_VERSION}) no longer reads: upgrade the side that wrote it`,
      true,
    );
  return value;
}

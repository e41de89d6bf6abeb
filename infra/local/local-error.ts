/** What the local engine's commands tell their user when they cannot go on: one message, no stack trace. */
export class LocalError extends Error {
  override readonly name = "LocalError";
}

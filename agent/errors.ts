/**
 * The agent's one family of errors. A difference between source and bucket is a finding, a value, and never comes here.
 * Thrown anywhere, printed once, in `main.ts`.
 */
import type { Outcome } from "./exit-code.ts";

interface FailureParts {
  /** How the run ends because of it. */
  outcome: Outcome;
  /** What was tried, as a phrase: "list the bucket". */
  operation: string;
  /** On what: a path, key, URL or name, escaped by whoever prints it. */
  subject: string;
  /** Why it failed, as a phrase. */
  reason: string;
  /** What the user can do next, a sentence or a few lines; a name in it is escaped, or it would make lines of its own. */
  hint: string;
  cause?: unknown;
}

/** An error that ends the run. Its message says what was tried, on what, and why; `hint` says what to do next. */
export class Failure extends Error {
  readonly outcome: Outcome;
  readonly operation: string;
  readonly subject: string;
  readonly reason: string;
  readonly hint: string;

  constructor({ outcome, operation, subject, reason, hint, cause }: FailureParts) {
    super(`Cannot ${operation} [${subject}]: ${reason}.`, { cause });
    this.name = "Failure";
    this.outcome = outcome;
    this.operation = operation;
    this.subject = subject;
    this.reason = reason;
    this.hint = hint;
  }
}

/** A multipart upload that is gone before it was completed: the file is to be sent again from its beginning. */
export class UploadLost extends Failure {}

/**
 * What AWS and the network answer when something is wrong, told as failures: what was tried, why it failed, what to do.
 * Knows the errors of the SDK by their names, and nothing of the run.
 */
import { HOST_STATEMENT } from "#shared/names.ts";
import { Failure } from "./errors.ts";
import { escapeText } from "./escape.ts";
import type { Outcome } from "./exit-code.ts";

/** One request, as a user would speak of it. */
export interface Request {
  /** "list", "write to": completes "Cannot …". */
  readonly operation: string;
  readonly subject: string;
  /** The IAM action, such as "s3:ListBucket". */
  readonly action: string;
  /** The ARN that a policy must allow the action on. */
  readonly resource: string;
  /** What a denial may hide: AWS tells only those who may see a thing that it is not there. */
  readonly hidden?: Hidden;
  /** The key prefix that is listed. */
  readonly prefix?: string;
}

interface Hidden {
  /** "no such queue, or no right to see it". */
  readonly reason: string;
  /** What to check first, and what makes the thing, as sentences. */
  readonly hint: string;
}

const CREDENTIALS_HINT =
  "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, log in with `aws sso login`, or give this machine a role; --diagnostics shows what is found.";

function credentialsHint(): string {
  const profile = process.env.AWS_PROFILE;
  if (!profile) return CREDENTIALS_HINT;
  const shown = escapeText(profile);
  return `AWS_PROFILE names the profile [${shown}]: correct it, log in with \`aws sso login --profile ${shown}\`, or unset it.`;
}

/** An answer that cannot be S3's, or did not arrive whole, though its status is 200. */
export class DamagedAnswer extends Error {
  override readonly name = "DamagedAnswer";
}

const ANSWER_HINT =
  "A proxy or the login page of a network may stand between: check the network and AWS_ENDPOINT_URL, then run again.";

interface Explanation {
  outcome: Outcome;
  reason: string;
  hint: string;
}

/** The failure that ends the run when this request failed like this. Failures are passed through. */
export function explain(error: unknown, request: Request): Failure {
  if (error instanceof Failure) return error;
  const { outcome, reason, hint } = explanation(error, request);
  return new Failure({ outcome, operation: request.operation, subject: request.subject, reason, hint, cause: error });
}

function explanation(error: unknown, request: Request): Explanation {
  const name = nameOf(error);
  if (error instanceof DamagedAnswer || isUnreadableAnswer(error))
    return {
      outcome: "failed",
      reason: `the answer is damaged, or not from S3: ${messageOf(error)}`,
      hint: ANSWER_HINT,
    };
  if (statusOf(error) === 407)
    return {
      outcome: "configuration",
      reason: "the proxy wants a login (407)",
      hint: "Put user and password into HTTPS_PROXY.",
    };
  switch (name) {
    case "AbortError":
      return { outcome: "interrupted", reason: "interrupted", hint: "Run the same command again to go on." };
    case "CredentialsProviderError":
    case "TokenProviderError":
      return { outcome: "denied", reason: `no credentials: ${messageOf(error)}`, hint: credentialsHint() };
    case "ExpiredToken":
    case "ExpiredTokenException":
    case "TokenRefreshRequired":
      return { outcome: "denied", reason: "the credentials have expired", hint: `${CREDENTIALS_HINT} Then run again.` };
    case "InvalidAccessKeyId":
    case "InvalidClientTokenId":
    case "UnrecognizedClientException":
    case "SignatureDoesNotMatch":
    case "InvalidToken":
      return { outcome: "denied", reason: `the credentials are not accepted (${name})`, hint: CREDENTIALS_HINT };
    case "AccessDenied":
    case "AccessDeniedException":
    case "Forbidden":
    case "AllAccessDisabled":
      return denial(messageOf(error), request);
    case "NoSuchBucket":
      return {
        outcome: "failed",
        reason: "no such bucket",
        hint: "Check the URL. Nothing was created; `cdk deploy -c bucket=NAME` makes a bucket with its validator.",
      };
    case "PermanentRedirect":
    case "AuthorizationHeaderMalformed":
    case "IllegalLocationConstraintException":
      return {
        outcome: "configuration",
        reason: `the bucket is in another region (${name})`,
        hint: "Set AWS_REGION to it.",
      };
    case "RequestTimeTooSkewed":
      return { outcome: "failed", reason: "this machine's clock is wrong", hint: "Set the clock, then run again." };
  }
  if (/region is missing/i.test(messageOf(error)))
    return { outcome: "configuration", reason: "no AWS region is set", hint: "Set AWS_REGION to the bucket's region." };
  return (
    networkExplanation(error) ?? {
      outcome: "failed",
      reason: sentenceOf(error),
      hint: "Run again; --debug tells more.",
    }
  );
}

/** AWS says in the message when it was the bucket's key that was denied, or a policy that forbids it. */
function denial(message: string, { action, resource: named, hidden, prefix = "" }: Request): Explanation {
  const resource = escapeText(named);
  const [keyAction] = /\bkms:\w+/.exec(message) ?? [];
  if (keyAction !== undefined)
    return {
      outcome: "denied",
      reason: `access denied (${keyAction}): ${message}`,
      hint: `Allow ${keyAction} on the key that encrypts the bucket, in the key's policy and for these credentials.`,
    };
  if (/explicit deny/.test(message))
    return {
      outcome: "denied",
      reason: `access denied (${action}): ${message}`,
      hint: `A policy denies ${action} on ${resource}: look for a Deny in the bucket's policy and in those of these credentials.`,
    };
  const listed = prefix === "" ? "" : ` (s3:prefix ${escapeText(prefix)}*)`;
  const allow = `Allow ${action} on ${resource}${listed} for these credentials; ${whatAllows(action)}.`;
  return {
    outcome: "denied",
    reason: `access denied (${action})${hidden === undefined ? "" : `: ${hidden.reason}`}`,
    hint: hidden === undefined ? allow : `${hidden.hint} If it is there: ${allow}`,
  };
}

/** Where the permission comes from, so that whoever keeps the policies finds the line. */
function whatAllows(action: string): string {
  if (!isHostAction(action)) return "the stack's host policy does";
  const alone = action.startsWith("s3:") ? ", that of a host with a prefix of its own for this prefix alone" : "";
  return `the statement ${HOST_STATEMENT[action]} of the stack's host policy does${alone}`;
}

function isHostAction(action: string): action is keyof typeof HOST_STATEMENT {
  return Object.hasOwn(HOST_STATEMENT, action);
}

function networkExplanation(error: unknown): Explanation | undefined {
  const code = networkCodeOf(error);
  if (code === undefined) return undefined;
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code))
    return {
      outcome: "configuration",
      reason: `the server's certificate is not trusted (${code})`,
      hint: "If it is the right server, name the file with its authority in NODE_EXTRA_CA_CERTS.",
    };
  if (code === "EPROTO")
    return {
      outcome: "configuration",
      reason: "what answers there speaks no TLS, or another kind of it (EPROTO)",
      hint: "Check AWS_ENDPOINT_URL (http or https, and the port), and whether a proxy stands between.",
    };
  const reason: Record<string, string> = {
    ENOTFOUND: "its host name is not known",
    EAI_AGAIN: "the name service does not answer",
    ECONNREFUSED: "nothing listens there",
  };
  return {
    outcome: "failed",
    reason: `${reason[code] ?? "the connection failed"} (${code})`,
    hint: "Check the network, AWS_REGION and AWS_ENDPOINT_URL, then run again: what is done stays done.",
  };
}

/** Whether an answer came that the SDK could not read. It marks such errors with the answer, and gives them no code. */
export function isUnreadableAnswer(error: unknown): boolean {
  return error instanceof Error && "$response" in error && !("$fault" in error);
}

/** Whether an error would meet every other request as well, so that going on makes no sense. */
export function concernsAll(error: unknown): boolean {
  if (error instanceof Failure) return error.outcome === "interrupted" || error.outcome === "configuration";
  return false;
}

/** Whether a request failed because there is no such bucket. */
export function isMissingBucket(error: unknown): boolean {
  return error instanceof Failure && nameOf(error.cause) === "NoSuchBucket";
}

/** Whether no such host is known: a name service that does not answer says something else. */
export function isUnknownHost(error: unknown): boolean {
  return networkCodeOf(error) === "ENOTFOUND";
}

/** The error code of a service, or the error's name. */
export function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  return "Code" in error && typeof error.Code === "string" ? error.Code : error.name;
}

export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const { httpStatusCode } = error.$metadata as { httpStatusCode?: number };
  return httpStatusCode;
}

/** What the service or the system says, as the end of a sentence. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // The SDK adds lines for developers.
  return (error.message.split("\n")[0] ?? "").replace(/\.\s*$/, "");
}

function sentenceOf(error: unknown): string {
  const name = nameOf(error);
  const message = messageOf(error);
  const status = statusOf(error);
  return [message || name || "unknown error", [name, status].filter(Boolean).join(" ")].filter(Boolean).join(" — ");
}

function networkCodeOf(error: unknown): string | undefined {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && typeof cause.code === "string" && /^[A-Z][A-Z0-9_]+$/.test(cause.code)) return cause.code;
    if (cause instanceof AggregateError) return networkCodeOf(cause.errors[0]);
    if (cause.name === "TimeoutError") return "ETIMEDOUT";
  }
  return undefined;
}

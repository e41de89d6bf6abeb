/**
 * When a request is tried again: as long as the fault may pass and the time allows. In place of the SDK's own rule, which
 * gives all requests together a few dozen retries: a burst of 503 over 16 requests has used them up within seconds.
 *
 * Knows the SDK's classes of errors, nothing of requests.
 */
import { nameOf, statusOf } from "./aws-errors.ts";

export interface RetryLimits {
  readonly attempts: number;
  /** How long a request is tried, from its first failure on. */
  readonly budgetMs: number;
  /** The same while no server has ever answered: then the address is more likely wrong than the server down. */
  readonly firstAnswerBudgetMs: number;
  readonly longestDelayMs: number;
}

const FIRST_DELAY_MS = 100;
/** For a server that says that it is asked too often. */
const FIRST_THROTTLED_DELAY_MS = 1_000;

interface Token {
  getRetryCount(): number;
  getRetryDelay(): number;
  /** Undefined until then. */
  readonly firstFailureMs: number | undefined;
}

interface ErrorInfo {
  readonly errorType: "TRANSIENT" | "THROTTLING" | "SERVER_ERROR" | "CLIENT_ERROR";
  readonly error?: unknown;
  /** When the server wants to be asked again. */
  readonly retryAfterHint?: Date;
}

/** A strategy as the SDK's clients take it. */
export class Retries {
  readonly #limits: RetryLimits;
  readonly #slowDown: () => void;
  #answered = false;

  /** @param slowDown is called when the service says that it is asked too often */
  constructor(limits: RetryLimits, slowDown: () => void = () => {}) {
    this.#limits = limits;
    this.#slowDown = slowDown;
  }

  async acquireInitialRetryToken(): Promise<Token> {
    return token(0, 0, undefined);
  }

  async refreshRetryTokenForRetry(last: object, { errorType, error, retryAfterHint }: ErrorInfo): Promise<Token> {
    if (isAnswer(error)) this.#answered = true;
    if (errorType === "THROTTLING" || statusOf(error) === 503) this.#slowDown();
    const { getRetryCount, firstFailureMs = performance.now() } = last as Token;
    const count = getRetryCount() + 1;
    const { attempts, budgetMs, firstAnswerBudgetMs, longestDelayMs } = this.#limits;
    const first = errorType === "THROTTLING" ? FIRST_THROTTLED_DELAY_MS : FIRST_DELAY_MS;
    // Full jitter: those that failed together must not come back together.
    const jitterMs = Math.random() * Math.min(first * 2 ** (count - 1), longestDelayMs);
    const askedMs = Math.min((retryAfterHint?.getTime() ?? 0) - Date.now(), longestDelayMs);
    const delayMs = Math.max(jitterMs, askedMs);
    const endMs = firstFailureMs + (this.#answered ? budgetMs : firstAnswerBudgetMs);
    const mayPass = (errorType === "TRANSIENT" && !isOnlySkewed(error)) || errorType === "THROTTLING";
    if (!mayPass || count >= attempts || performance.now() + delayMs > endMs) throw new Error("not to be tried again");
    return token(count, delayMs, firstFailureMs);
  }

  recordSuccess(): void {
    this.#answered = true;
  }
}

function token(count: number, delayMs: number, firstFailureMs: number | undefined): Token {
  return { getRetryCount: () => count, getRetryDelay: () => delayMs, firstFailureMs };
}

/** Whether a server said something, be it that it cannot serve. */
function isAnswer(error: unknown): boolean {
  return error instanceof Error && "$metadata" in error && Object(error.$metadata).httpStatusCode !== undefined;
}

/** What a service says when the clock was wrong indeed. */
const SKEW_CODES =
  /^(RequestTimeTooSkewed|RequestExpired|RequestInTheFuture|SignatureDoesNotMatch|InvalidSignatureException|AuthFailure)$/;

/**
 * Whether the SDK calls an error transient only because it has corrected the clock: it does so with every error of that
 * request, also with the 404 of an object that is not there.
 */
function isOnlySkewed(error: unknown): boolean {
  if (!(error instanceof Error) || !("$metadata" in error)) return false;
  const { clockSkewCorrected, httpStatusCode = 0 } = Object(error.$metadata) as {
    clockSkewCorrected?: boolean;
    httpStatusCode?: number;
  };
  const final = httpStatusCode >= 400 && httpStatusCode < 500 && !SKEW_CODES.test(nameOf(error));
  return clockSkewCorrected === true && final;
}

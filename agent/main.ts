/**
 * The process around a run: argv → options → log → run → exit code. Errors are printed here, once, and nowhere else.
 */
import { COMMAND_NAME } from "./command.ts";
import { factLines, findFacts, type LookUp, localFacts, lookUpFacts, queueFact } from "./diagnostics.ts";
import { Failure } from "./errors.ts";
import { escapeText } from "./escape.ts";
import { OUTCOMES, type Outcome } from "./exit-code.ts";
import { type Log, type OpenLog, openLog, type Screen } from "./log.ts";
import { type Options, type Request, readRequest } from "./options.ts";
import { PACKAGE_VERSION } from "./package-version.ts";
import { interruptionLine, type Phase } from "./phase.ts";
import { findHomeDirectory } from "./state-directory.ts";
import { listenForStop } from "./stop-signals.ts";
import { renderHelp } from "./usage.ts";
import { wrap } from "./wrap.ts";

const screen: Screen = {
  print: (line) => process.stdout.write(`${line}\n`),
  complain: (line) => process.stderr.write(`${line}\n`),
};

/** What the command is for; handed in, so that the process around it can be tested without AWS. */
export interface Parts {
  /** @param enter told of each phase as it begins; until then the run is preparing */
  run(options: Options, log: Log, signal: AbortSignal, enter: (phase: Phase) => void): Promise<Outcome>;
  readonly lookUp: LookUp;
}

// Loaded when it is needed: --help and a wrong command line do not wait for the AWS SDK.
const PARTS: Parts = {
  run: async (options, log, signal, enter) => (await import("./start.ts")).start(options, log, signal, enter),
  lookUp: async (target, queueUrl) => (await import("./look-up.ts")).lookUp(target, queueUrl),
};

/** Runs the command of this process and ends the process. */
export async function main(argv: readonly string[] = process.argv.slice(2), parts: Parts = PARTS): Promise<void> {
  // A reader that went away (`| head`) is no reason to leave a backup half done.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  // If the process ends without anybody having decided how, that is no success.
  process.exitCode = OUTCOMES.failed.code;
  end(await command(argv, parts).catch((error) => refuse(error, true)));
}

/** Open sockets and timers of the SDK must not keep the process; what was written to the screen must get out. */
function end(exitCode: number): void {
  process.exitCode = exitCode;
  process.stdout.write("", () => process.stderr.write("", () => process.exit(exitCode)));
}

async function command(argv: readonly string[], parts: Parts): Promise<number> {
  let request: Request;
  try {
    request = readRequest(argv, process.env);
  } catch (error) {
    return refuse(error, false);
  }
  switch (request.kind) {
    case "help":
      screen.print(renderHelp());
      return OUTCOMES.success.code;
    case "version":
      screen.print(`${COMMAND_NAME} ${PACKAGE_VERSION}`);
      return OUTCOMES.success.code;
    case "diagnostics":
      await printDiagnostics(request, parts.lookUp);
      return OUTCOMES.success.code;
    case "run":
      return logged(request.options, parts);
  }
}

/** What ends the command before there is a log. */
function refuse(error: unknown, stack: boolean): number {
  const [first, ...others] = linesOf(error, stack);
  for (const line of [`${COMMAND_NAME}: ${first}`, ...others]) screen.complain(escapeText(line));
  return OUTCOMES[error instanceof Failure ? error.outcome : "failed"].code;
}

async function printDiagnostics(request: Request & { kind: "diagnostics" }, lookUp: LookUp): Promise<void> {
  const { awsSettings } = await import("./aws-settings.ts");
  const facts = [
    ...localFacts(process.env, new Date()),
    ...(await findFacts(awsSettings())),
    queueFact(request.target, request.queueUrl),
    ...(await lookUpFacts(() => lookUp(request.target, request.queueUrl))),
  ];
  for (const line of factLines(facts)) screen.print(escapeText(line));
}

async function logged(options: Options, parts: Parts): Promise<number> {
  let log: OpenLog;
  try {
    log = openLog(options.log, {
      screen,
      now: () => new Date(),
      isRoot: process.geteuid?.() === 0,
      environment: process.env,
      homeDirectory: findHomeDirectory(),
    });
  } catch (error) {
    return refuse(error, options.stack);
  }
  const codeOf = (outcome: Outcome) => OUTCOMES[outcome][options.detailedExitCodes ? "detailed" : "code"];
  const close = (outcome: Outcome) => {
    log.info(`Run completed with status ${codeOf(outcome)} (${OUTCOMES[outcome].meaning}).`);
    log.close();
    return codeOf(outcome);
  };

  log.info(`Run of ${COMMAND_NAME} started.`);
  log.info(`Command line: [${options.shown}]`);
  log.info(`Log file: [${log.path ?? "none"}]`);
  for (const line of factLines(localFacts(process.env, new Date()))) log.info(line);

  // Node.js would end with 1 here, which stands for something else.
  process.on("uncaughtException", (error) => {
    for (const line of linesOf(error, options.stack)) log.error(line);
    process.exit(close("failed"));
  });
  process.on("beforeExit", () => {
    log.error("The run stopped without a result: it waited for something that cannot happen any more.");
    process.exit(close("failed"));
  });
  let phase: Phase = "preparing";
  const enter = (next: Phase) => {
    phase = next;
  };
  const tellInterruption = () => log.error(interruptionLine(phase, options.verifyOnly));
  using stop = listenForStop(
    (name) => log.error(`Interrupted by ${name}: cleaning up. A second signal ends at once.`),
    (why) => {
      tellInterruption();
      log.error(why);
      process.exit(close("interrupted"));
    },
  );
  const outcome = await outcomeOf(options, log, stop.signal, (signal) => parts.run(options, log, signal, enter));
  if (outcome === "interrupted") tellInterruption();
  return close(outcome);
}

async function outcomeOf(
  options: Options,
  log: OpenLog,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<Outcome>,
): Promise<Outcome> {
  try {
    const outcome = await run(signal);
    // A run that was done already when the signal came has its own verdict.
    return signal.aborted && outcome === "failed" ? "interrupted" : outcome;
  } catch (error) {
    // Whatever an aborted run stumbles over, it does so because it was aborted.
    if (signal.aborted) {
      log.debug(`Ended by: ${linesOf(error, true).join(" ")}`);
      return "interrupted";
    }
    for (const line of linesOf(error, options.stack)) log.error(line);
    return error instanceof Failure ? error.outcome : "failed";
  }
}

/**
 * The error as a user reads it: what happened, then what to do; with --stack where it comes from instead. What happened
 * stays one line, however long a path in it is: it is what is looked for in logs.
 */
function linesOf(error: unknown, stack: boolean): string[] {
  const hint = error instanceof Failure ? error.hint : undefined;
  const hints = hint?.split("\n").flatMap((line) => wrap(line)) ?? [];
  if (stack) return [...stackLines(error), ...hints];
  if (error instanceof Failure) return [error.message, ...hints];
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return [`Unexpected error: ${text}`, "Give --stack to see where it comes from."];
}

function stackLines(error: unknown): string[] {
  const lines = (error instanceof Error ? stackOf(error) : String(error)).split("\n");
  const members = error instanceof AggregateError ? error.errors.flatMap((member) => because("One of", member)) : [];
  const cause = error instanceof Error && error.cause !== undefined ? because("Caused by", error.cause) : [];
  return [...lines, ...members, ...cause];
}

/** A name in the message must not make a line of its own. */
function stackOf({ stack, message }: Error): string {
  return stack?.replace(message, () => escapeText(message)) ?? escapeText(message);
}

function because(how: string, error: unknown): string[] {
  const [first = "", ...others] = stackLines(error);
  return [`${how}: ${first}`, ...others];
}

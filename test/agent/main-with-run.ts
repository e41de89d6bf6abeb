/** A program for the tests of `main.ts`: the real command around a run that behaves as CBACK_TEST_RUN says. */
import { Failure } from "#agent/errors.ts";
import type { Outcome } from "#agent/exit-code.ts";
import { main, type Parts } from "#agent/main.ts";

const forEver = () => new Promise<never>(() => setInterval(() => {}, 60_000));

const RUNS: Record<string, Parts["run"]> = {
  success: async (_options, log) => {
    log.result("all is well");
    return "success";
  },
  mismatch: async () => "mismatch",
  failure: async () => {
    throw new Failure({
      outcome: "denied",
      operation: "list the bucket",
      subject: "my\nbucket",
      reason: "access denied",
      hint: "Ask for s3:ListBucket.",
      cause: new Error("the first cause"),
    });
  },
  "long failure": async () => {
    const path = `/a/path with spaces/${"that/is/long/".repeat(8)}`;
    throw new Failure({
      outcome: "failed",
      operation: "read",
      subject: path,
      reason: "permission denied",
      hint:
        "Look at what stands in the way of the first thing and of the second one, then run " +
        `\`npx cdk deploy -c bucket=my-bucket-with-a-name\`; see [${path}] for more.\n  A second line of it.`,
    });
  },
  bug: async () => {
    throw new TypeError("cannot read properties of undefined");
  },
  thrown: async () => {
    setTimeout(() => {
      throw new Error("thrown where nobody waits");
    });
    return forEver();
  },
  rejected: async () => {
    Promise.reject(new Error("rejected where nobody waits"));
    return forEver();
  },
  stuck: () => new Promise<Outcome>(() => {}),
  "leaves a socket open": async () => {
    setInterval(() => {}, 60_000);
    return "success";
  },
  "stops when asked": (_options, log, signal, enter) => {
    enter("uploading");
    const stopped = Promise.withResolvers<Outcome>();
    signal.addEventListener("abort", () => stopped.reject(new Error("request aborted")));
    setInterval(() => {}, 60_000);
    log.result("running");
    return stopped.promise;
  },
  "ends well in spite of the signal": (_options, log, signal) => {
    const stopped = Promise.withResolvers<Outcome>();
    signal.addEventListener("abort", () => stopped.resolve("success"));
    setInterval(() => {}, 60_000);
    log.result("running");
    return stopped.promise;
  },
  "does not stop": (_options, log, _signal, enter) => {
    enter("deleting");
    log.result("running");
    return forEver();
  },
};

const run = RUNS[process.env.CBACK_TEST_RUN ?? ""];
if (run === undefined) throw new Error(`no run is called [${process.env.CBACK_TEST_RUN}]`);
void main(process.argv.slice(2), {
  run,
  lookUp: async (target) => [["Looked up", target?.bucket ?? "nothing"]],
});

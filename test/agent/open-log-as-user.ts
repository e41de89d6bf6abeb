/**
 * A program for the tests of the log: opens the log as a user without rights and prints what came of it. Root becomes
 * another user first; everything is loaded by then, so that user needs no rights on the checkout.
 */
import { Failure } from "#agent/errors.ts";
import { openLog } from "#agent/log.ts";

const { options, plain, userId } = JSON.parse(process.argv[2] ?? "");

if (process.geteuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(userId);
  process.setuid?.(userId);
}

const stdout: string[] = [];
const stderr: string[] = [];
try {
  const log = openLog(options, {
    ...plain,
    screen: { print: (line: string) => stdout.push(line), complain: (line: string) => stderr.push(line) },
    now: () => new Date(),
    isRoot: process.geteuid?.() === 0,
  });
  console.log(JSON.stringify({ path: log.path, stdout, stderr }));
  log.close();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.log(JSON.stringify({ failure: error.message, stdout, stderr }));
}

#!/bin/sh
":" //; export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-1}"; exec node "$0" "$@"
/*
 * The entry of the command: has the shell start Node.js, says in one line that it is too old, where it is, and else starts
 * the agent.
 * Old versions must be able to parse this file, so it keeps to the syntax of ECMAScript 5 (a test holds it to that).
 *
 * It is a shell script for its first two lines, a program for Node.js as a whole: only the environment that a process
 * begins with can tell glibc to keep one pool of memory instead of one for each thread, which is 10 MB less (decision
 * 0016). Where it is given to node by name, it runs all the same.
 */
"use strict";

var NEEDED_MAJOR = 24;
// The exit code "interpreter" of exit-code.ts, which old versions could not read.
var EXIT_CODE_TOO_OLD = 1;

var version = process.versions.node;

var message =
  "cback-amazons3-sync: Node.js " +
  NEEDED_MAJOR +
  " or newer is needed, but [" +
  process.execPath +
  "] is version " +
  version +
  ". Install Node.js " +
  NEEDED_MAJOR +
  " (https://nodejs.org) or put it first on PATH.\n";

if (parseInt(version, 10) < NEEDED_MAJOR) {
  process.stderr.write(message);
  process.exitCode = EXIT_CODE_TOO_OLD;
} else {
  require("./main.ts").main();
}

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Failure } from "#agent/errors.ts";
import { type LogSurroundings, type OpenLog, openLog } from "#agent/log.ts";
import type { LogOptions } from "#agent/options.ts";
import { findOwnerIds } from "#agent/owner.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";

const IS_ROOT = process.geteuid?.() === 0;
const NOBODY = 65_534;

const PLAIN: LogOptions = {
  logfile: undefined,
  owner: undefined,
  mode: 0o640,
  verbose: false,
  quiet: false,
  output: false,
  debug: false,
};

interface Shown {
  stdout: string[];
  stderr: string[];
}

function surroundings(folder: string, shown: Shown = { stdout: [], stderr: [] }): LogSurroundings {
  return {
    screen: { print: (line) => shown.stdout.push(line), complain: (line) => shown.stderr.push(line) },
    now: () => new Date("2026-11-22T12:00:00.999Z"),
    isRoot: true,
    environment: {},
    homeDirectory: join(folder, "home"),
    defaultLogFile: join(folder, "default", "cback.log"),
  };
}

function failureOf(options: LogOptions, folder: string): Failure {
  try {
    openLog(options, surroundings(folder)).close();
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.outcome, "logging");
    return error;
  }
  throw new assert.AssertionError({ message: "the log was opened" });
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o7777).toString(8);
}

function sayEverything(log: OpenLog): void {
  log.debug("a debug");
  log.info("an info");
  log.warn("a warning");
  log.error("an error");
  log.request("a request");
  log.result("a result");
  log.close();
}

describe("records", () => {
  test("have the predecessor's shape, with the levels at one width", (t) => {
    const folder = temporaryFolder(t);
    const logfile = join(folder, "x.log");
    sayEverything(openLog({ ...PLAIN, logfile, debug: true, output: true }, surroundings(folder)));
    assert.deepEqual(readFileSync(logfile, "utf8").split("\n"), [
      "2026-11-22T12:00:00 UTC --> [DEBUG  ] a debug",
      "2026-11-22T12:00:00 UTC --> [INFO   ] an info",
      "2026-11-22T12:00:00 UTC --> [WARNING] a warning",
      "2026-11-22T12:00:00 UTC --> [ERROR  ] an error",
      "2026-11-22T12:00:00 UTC --> [INFO   ] a request",
      "2026-11-22T12:00:00 UTC --> [INFO   ] a result",
      "",
    ]);
  });

  test("fault 75: are one line each, whatever a file is called, and so is the screen", (t) => {
    const folder = temporaryFolder(t);
    const logfile = join(folder, "x.log");
    const shown: Shown = { stdout: [], stderr: [] };
    const log = openLog({ ...PLAIN, logfile }, surroundings(folder, shown));
    log.error("x\n2026-11-22T12:00:00 UTC --> [INFO   ] forged\u001b[2J");
    const text = "x\\x0a2026-11-22T12:00:00 UTC --> [INFO   ] forged\\x1b[2J";
    assert.equal(readFileSync(logfile, "utf8"), `2026-11-22T12:00:00 UTC --> [ERROR  ] ${text}\n`);
    assert.deepEqual(shown.stderr, [text]);
  });

  const cases: Array<[switches: string, options: Partial<LogOptions>, file: string, stdout: string, stderr: string]> = [
    ["no switch", {}, "an info,a warning,an error,a result", "a result", "an error"],
    ["-q", { quiet: true }, "an info,a warning,an error,a result", "", ""],
    ["-b", { verbose: true }, "an info,a warning,an error,a result", "an info,a result", "a warning,an error"],
    ["-qb", { quiet: true, verbose: true }, "an info,a warning,an error,a result", "", ""],
    ["-O", { output: true }, "an info,a warning,an error,a request,a result", "a result", "an error"],
    [
      "-d",
      { output: true, debug: true },
      "a debug,an info,a warning,an error,a request,a result",
      "a result",
      "an error",
    ],
    [
      "-bd",
      { output: true, debug: true, verbose: true },
      "a debug,an info,a warning,an error,a request,a result",
      "a debug,an info,a result",
      "a warning,an error",
    ],
  ];
  for (const [switches, options, file, stdout, stderr] of cases) {
    test(`with ${switches} go where the table in log.ts says`, (t) => {
      const folder = temporaryFolder(t);
      const logfile = join(folder, "x.log");
      const shown: Shown = { stdout: [], stderr: [] };
      sayEverything(openLog({ ...PLAIN, logfile, ...options }, surroundings(folder, shown)));
      const filed = readFileSync(logfile, "utf8").trimEnd().split("\n");
      assert.equal(filed.map((line) => line.replace(/^.*\] /, "")).join(), file);
      assert.equal(shown.stdout.join(), stdout);
      assert.equal(shown.stderr.join(), stderr);
    });
  }

  test("fault 53: go to stderr when the disk is full, after one warning", { skip: noFullDevice() }, (t) => {
    const folder = temporaryFolder(t);
    const shown: Shown = { stdout: [], stderr: [] };
    sayEverything(openLog({ ...PLAIN, logfile: "/dev/full" }, surroundings(folder, shown)));
    assert.deepEqual(shown, {
      stdout: ["a result"],
      stderr: [
        "Cannot write to the log file [/dev/full]: the disk is full. Its lines follow here.",
        "2026-11-22T12:00:00 UTC --> [INFO   ] an info",
        "2026-11-22T12:00:00 UTC --> [WARNING] a warning",
        "2026-11-22T12:00:00 UTC --> [ERROR  ] an error",
        "2026-11-22T12:00:00 UTC --> [INFO   ] a result",
      ],
    });
  });

  test("with -q leave nothing on the screen even when the disk is full", { skip: noFullDevice() }, (t) => {
    const folder = temporaryFolder(t);
    const shown: Shown = { stdout: [], stderr: [] };
    sayEverything(openLog({ ...PLAIN, logfile: "/dev/full", quiet: true }, surroundings(folder, shown)));
    assert.deepEqual(shown, { stdout: [], stderr: [] });
  });
});

function noFullDevice(): string | false {
  return existsSync("/dev/full") ? false : "this system has no /dev/full";
}

describe("the log file", () => {
  test("gets the mode of --mode when it is created, whatever the umask", (t) => {
    const folder = temporaryFolder(t);
    const logfile = join(folder, "x.log");
    const umask = process.umask(0o077);
    t.after(() => process.umask(umask));
    openLog({ ...PLAIN, logfile, mode: 0o666 }, surroundings(folder)).close();
    assert.equal(modeOf(logfile), "666");
  });

  test("gets the default mode and, where that is possible, the default owner", (t) => {
    const folder = temporaryFolder(t);
    const logfile = join(folder, "x.log");
    openLog({ ...PLAIN, logfile }, surroundings(folder)).close();
    const { uid, gid } = statSync(logfile);
    const standard = findOwnerIds("root", "adm");
    const expected =
      IS_ROOT && !("unknown" in standard) ? standard : { uid: process.geteuid?.(), gid: process.getegid?.() };
    assert.deepEqual({ uid, gid }, expected);
    assert.equal(modeOf(logfile), "640");
  });

  test("gets the owner of --owner", (t) => {
    const folder = temporaryFolder(t);
    const logfile = join(folder, "x.log");
    const name = (what: string) => execFileSync("id", [what, "-n"], { encoding: "utf8" }).trim();
    const owner = IS_ROOT ? { user: "daemon", group: "daemon" } : { user: name("-u"), group: name("-g") };
    openLog({ ...PLAIN, logfile, owner }, surroundings(folder)).close();
    const { uid, gid } = statSync(logfile);
    assert.deepEqual({ uid, gid }, findOwnerIds(owner.user, owner.group));
    assert.equal(modeOf(logfile), "640");
  });

  test("keeps content, mode and owner when it exists, and an unknown owner does not matter then", (t) => {
    const folder = temporaryFolder(t);
    const logfile = join(folder, "x.log");
    writeFileSync(logfile, "an earlier line\n");
    chmodSync(logfile, 0o604);
    const before = statSync(logfile);
    const log = openLog({ ...PLAIN, logfile, owner: { user: "no-such-user", group: "adm" } }, surroundings(folder));
    log.info("a later line");
    log.close();
    const after = statSync(logfile);
    assert.deepEqual([after.mode, after.uid, after.gid, after.ino], [before.mode, before.uid, before.gid, before.ino]);
    assert.match(readFileSync(logfile, "utf8"), /^an earlier line\n.* a later line\n$/);
  });

  test("is not left behind when its owner is unknown", (t) => {
    const folder = temporaryFolder(t);
    for (const owner of [
      { user: "no-such-user", group: "adm" },
      { user: "root", group: "no-such-group" },
    ]) {
      const failure = failureOf({ ...PLAIN, logfile: join(folder, "x.log"), owner }, folder);
      assert.match(failure.message, /make .* the owner of the log file \[.*x\.log\]: there is no .*no-such/);
      assert.match(failure.hint, /--owner USER:GROUP/);
    }
    assert.deepEqual(readdirSync(folder), []);
  });

  test("fault 60: is never reached through a symbolic link", (t) => {
    const folder = temporaryFolder(t);
    const precious = join(folder, "precious");
    writeFileSync(precious, "untouched");
    symlinkSync(precious, join(folder, "planted.log"));
    symlinkSync(join(folder, "not-yet"), join(folder, "dangling.log"));
    for (const name of ["planted.log", "dangling.log"]) {
      const failure = failureOf({ ...PLAIN, logfile: join(folder, name) }, folder);
      assert.match(failure.message, /it is a symbolic link/);
      assert.match(failure.hint, /--logfile/);
      assert.ok(lstatSync(join(folder, name)).isSymbolicLink());
    }
    assert.equal(readFileSync(precious, "utf8"), "untouched");
    assert.ok(!existsSync(join(folder, "not-yet")));
  });

  test("fault 54: that cannot be opened ends the run with its path, the reason and a hint", async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, "directory"));
    writeFileSync(join(folder, "file"), "");
    const server = createServer().listen(join(folder, "socket"));
    t.after(() => server.close());
    await once(server, "listening");
    for (const [path, reason] of [
      ["missing/x.log", "its directory does not exist"],
      ["directory", "it is a directory"],
      ["file/x.log", "its directory is not a directory"],
      ["socket", "it is a named pipe or a socket"],
      ["x".repeat(300), "its name is too long"],
    ] as const) {
      const failure = failureOf({ ...PLAIN, logfile: join(folder, path) }, folder);
      assert.equal(failure.message, `Cannot open the log file [${join(folder, path)}]: ${reason}.`);
      assert.match(failure.hint, /--logfile FILE/);
    }
  });

  test("may be /dev/null", (t) => {
    const log = openLog({ ...PLAIN, logfile: "/dev/null" }, surroundings(temporaryFolder(t)));
    sayEverything(log);
    assert.equal(log.path, "/dev/null");
  });

  test("that is the default one and cannot be opened stops root", (t) => {
    assert.match(failureOf(PLAIN, temporaryFolder(t)).message, /default\/cback\.log\]: its directory does not exist/);
  });
});

describe("without root", () => {
  interface Opened extends Shown {
    path?: string;
    failure?: string;
  }

  /** What `openLog` does for a user without rights: this one, or when that is root, for user 65534. */
  function openAsUser(options: LogOptions, plain: Omit<LogSurroundings, "screen" | "now" | "isRoot">): Opened {
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [join(import.meta.dirname, "open-log-as-user.ts"), JSON.stringify({ options, plain, userId: NOBODY })],
      { encoding: "utf8" },
    );
    assert.equal(stderr, "");
    return JSON.parse(stdout);
  }

  /** A folder where the user may write in `home` only. */
  function userFolder(folder: string) {
    const home = join(folder, "home");
    const closed = join(folder, "closed");
    mkdirSync(home);
    chmodSync(home, 0o777);
    mkdirSync(closed);
    chmodSync(closed, 0o555);
    return { home, closed };
  }

  test("the default log file that cannot be written is replaced by the user's own, with one notice", (t) => {
    const { home, closed } = userFolder(temporaryFolder(t));
    const plain = { environment: {}, homeDirectory: home, defaultLogFile: join(closed, "cback.log") };
    const path = join(home, ".local/state/cback-amazons3-sync/cback.log");
    const notice = `The log file [${closed}/cback.log] cannot be written: permission denied. The log goes to [${path}]; --logfile FILE names another one.`;
    assert.deepEqual(openAsUser(PLAIN, plain), { path, stdout: [], stderr: [notice] });
    assert.ok(readFileSync(path, "utf8").includes(`[WARNING] ${notice}`));
    assert.equal(modeOf(path), "640");
    assert.equal(modeOf(join(home, ".local/state/cback-amazons3-sync")), "700");

    assert.deepEqual(openAsUser({ ...PLAIN, quiet: true }, plain), { path, stdout: [], stderr: [] });
    assert.deepEqual(openAsUser({ ...PLAIN, verbose: true }, plain), { path, stdout: [], stderr: [notice] });
  });

  test("the user's own log file lies below XDG_STATE_HOME when that is an absolute path", (t) => {
    const { home, closed } = userFolder(temporaryFolder(t));
    const plain = { homeDirectory: home, defaultLogFile: join(closed, "cback.log") };
    const opened = openAsUser(PLAIN, { ...plain, environment: { XDG_STATE_HOME: join(home, "state") } });
    assert.equal(opened.path, join(home, "state/cback-amazons3-sync/cback.log"));
    const ignored = openAsUser(PLAIN, { ...plain, environment: { XDG_STATE_HOME: "state" } });
    assert.equal(ignored.path, join(home, ".local/state/cback-amazons3-sync/cback.log"));
  });

  test("the log goes to stderr when even that fails", (t) => {
    const { closed } = userFolder(temporaryFolder(t));
    const plain = { environment: {}, homeDirectory: closed, defaultLogFile: join(closed, "cback.log") };
    const opened = openAsUser(PLAIN, plain);
    assert.equal(opened.path, undefined);
    assert.deepEqual(opened.stdout, []);
    assert.match(opened.stderr.join("\n"), /^\S+ UTC --> \[WARNING\] The log file .* Neither can .* --logfile FILE\.$/);
    const homeless = openAsUser(PLAIN, { ...plain, homeDirectory: undefined });
    assert.match(homeless.stderr.join("\n"), /^\S+ UTC --> \[WARNING\] The log file .* --logfile FILE\.$/);
  });

  test("a log file that was asked for and cannot be written ends the run", (t) => {
    const { home, closed } = userFolder(temporaryFolder(t));
    const plain = { environment: {}, homeDirectory: home, defaultLogFile: join(closed, "cback.log") };
    const { failure } = openAsUser({ ...PLAIN, logfile: join(closed, "x.log") }, plain);
    assert.equal(failure, `Cannot open the log file [${closed}/x.log]: permission denied.`);
  });

  test("an owner that was asked for and cannot be set ends the run, and leaves no file behind", (t) => {
    const { home, closed } = userFolder(temporaryFolder(t));
    const owner = { user: "root", group: "root" };
    for (const options of [
      { ...PLAIN, owner },
      { ...PLAIN, owner, logfile: join(home, "x.log") },
    ]) {
      const plain = { environment: {}, homeDirectory: home, defaultLogFile: join(closed, "cback.log") };
      const { failure } = openAsUser(options, plain);
      assert.match(
        failure ?? "",
        /^Cannot make root:root the owner of the log file .*: the system does not permit it\.$/,
      );
    }
    assert.ok(!existsSync(join(home, "x.log")));
  });
});

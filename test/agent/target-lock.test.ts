/** Real processes and real locks of the kernel: who comes second is told, and nothing outlives its holder. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Failure } from "#agent/errors.ts";
import { type LockRequest, lockTarget } from "#agent/target-lock.ts";
import { parseTarget } from "#shared/target.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { withMode } from "./trees.ts";

const PROGRAM = join(import.meta.dirname, "hold-lock.ts");
const STARTED = "2026-11-22T12:00:00.000Z";

function requestFor(stateDirectory: string | undefined, url = "s3://data/laptop"): LockRequest {
  const holder = { processId: process.pid, started: STARTED, directory: "/home/me" };
  return { target: parseTarget(url), stateDirectory, holder };
}

/** Another process that holds the lock. */
async function hold(t: TestContext, request: LockRequest): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(request)], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const [said] = await once(child.stdout.setEncoding("utf8"), "data");
  assert.equal(said, "held\n");
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  await once(child, "exit");
}

const unexpected = { warn: (text: string) => assert.fail(text) };

/** Takes the lock and gives it back. */
function take(request: LockRequest): void {
  lockTarget(request, unexpected)[Symbol.dispose]();
}

test("fault 48: who comes second leaves at once, and is told who is at work and what to do", async (t) => {
  const request = requestFor(temporaryFolder(t));
  await hold(t, request);
  assert.throws(
    () => take(request),
    (error: unknown) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.outcome, "locked");
      const who = `process ${process.pid}, since ${STARTED}`;
      assert.equal(error.message, `Cannot sync to [s3://data/laptop/]: another run is at work there: ${who}.`);
      assert.match(
        error.hint,
        /^Nothing was sent or deleted\. It syncs \/home\/me\.\nWait .*: kill \d+\.\n.*no file to/,
      );
      return true;
    },
  );
});

test("fault 75: the name of another run's source makes no line of its own", async (t) => {
  const request = requestFor(temporaryFolder(t));
  await hold(t, { ...request, holder: { ...request.holder, directory: "/home/me\nVerdict: match." } });
  assert.throws(
    () => take(request),
    (error: unknown) =>
      error instanceof Failure && /^Nothing .* It syncs \/home\/me\\x0aVerdict: match\.\.\n/.test(error.hint),
  );
});

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  test(`fault 48: no lock outlives a process that ended by ${signal}`, async (t) => {
    const request = requestFor(temporaryFolder(t));
    const child = await hold(t, request);
    assert.throws(() => take(request), { outcome: "locked" });
    await end(child, signal);
    take(request);
    take(request);
  });
}

test("fault 48: a lock that is held by nobody is free, whatever its holder's file says", async (t) => {
  const request = requestFor(temporaryFolder(t));
  const child = await hold(t, request);
  await end(child, "SIGKILL");
  const locks = join(request.stateDirectory ?? "", "locks");
  // The name of the one that was killed is still there.
  assert.equal(readdirSync(locks).length, 2);
  take(request);
  assert.equal(readdirSync(locks).length, 1);
});

test("fault 48: a holder whose name cannot be read still holds the lock", async (t) => {
  const request = requestFor(temporaryFolder(t));
  await hold(t, request);
  const locks = join(request.stateDirectory ?? "", "locks");
  const [name = ""] = readdirSync(locks).filter((file) => file.endsWith(".json"));
  writeFileSync(join(locks, name), '{"processId":');
  assert.throws(() => take(request), /another run is at work there\.$/);
});

test("fault 48: other targets, and other users' state directories, are free", async (t) => {
  const folder = temporaryFolder(t);
  await hold(t, requestFor(folder));
  for (const url of ["s3://data/laptop2", "s3://data/laptop/more", "s3://data", "s3://data2/laptop"])
    take(requestFor(folder, url));
  take(requestFor(temporaryFolder(t)));
});

test("fault 48: the lock is its user's own", (t) => {
  const folder = join(temporaryFolder(t), "state");
  using _lock = lockTarget(requestFor(folder), unexpected);
  const locks = join(folder, "locks");
  assert.equal(statSync(locks).mode & 0o777, 0o700);
  for (const name of readdirSync(locks)) assert.equal(statSync(join(locks, name)).mode & 0o777, 0o600, name);
});

test("fault 48: where nothing can be locked, the run is warned and goes on", async (t) => {
  const closed = temporaryFolder(t);
  const inTheWay = temporaryFolder(t);
  writeFileSync(join(inTheWay, "locks"), "a file");
  const noDatabase = temporaryFolder(t);
  mkdirSync(join(noDatabase, "locks"));
  chmodSync(join(noDatabase, "locks"), 0o777);
  take(requestFor(noDatabase));
  for (const name of readdirSync(join(noDatabase, "locks")))
    writeFileSync(join(noDatabase, "locks", name), "no file of SQLite ".repeat(100));
  for (const folder of [undefined, closed, inTheWay, noDatabase]) {
    const warnings: string[] = [];
    await withMode(closed, 0o555, async () => {
      lockTarget(requestFor(folder), { warn: (text) => warnings.push(text) })[Symbol.dispose]();
    });
    assert.equal(warnings.length, 1, folder);
    assert.match(warnings[0] ?? "", /^A second run at the same time would not be noticed, for there is no lock: ./);
  }
});

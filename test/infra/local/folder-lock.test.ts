/** The lock that keeps two processes from working on one engine. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { withLock } from "#infra/local/folder-lock.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";

test("what is done under a lock is never done twice at once", async (context) => {
  const lock = join(temporaryFolder(context), "lock");
  let inside = 0;
  const work = async () => {
    inside += 1;
    assert.equal(inside, 1);
    await sleep(20);
    inside -= 1;
  };
  await Promise.all([withLock(lock, work), withLock(lock, work), withLock(lock, work)]);
  assert.equal(existsSync(lock), false);
});

test("a lock is given back when the work fails, with the work's error", async (context) => {
  const lock = join(temporaryFolder(context), "lock");
  const failing = withLock(lock, () => Promise.reject(new Error("work failed")));
  await assert.rejects(failing, /work failed/);
  assert.equal(await withLock(lock, async () => "again"), "again");
});

test("the lock of a process that is gone is taken over, by one of those who wait", async (context) => {
  const folder = temporaryFolder(context);
  const lock = join(folder, "lock");
  const { pid } = spawnSync(process.execPath, ["--version"]);
  writeFileSync(lock, String(pid));
  const order: string[] = [];
  const work = (name: string) => async () => {
    order.push(`${name} in`);
    await sleep(10);
    order.push(`${name} out`);
  };
  await Promise.all([withLock(lock, work("a")), withLock(lock, work("b"))]);
  assert.deepEqual(order, ["a in", "a out", "b in", "b out"]);
  assert.deepEqual(readdirSync(folder), []);
});

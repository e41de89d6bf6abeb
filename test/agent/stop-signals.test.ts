import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { listenForStop } from "#agent/stop-signals.ts";

test("a clean-up that takes too long is ended", async () => {
  const ended = Promise.withResolvers<string>();
  using stop = listenForStop(() => {}, ended.resolve, 20);
  process.kill(process.pid, "SIGHUP");
  await once(stop.signal, "abort");
  assert.equal(await ended.promise, "Still cleaning up after 0.02 seconds: ended.");
});

test("nobody listens any more after the run", () => {
  const before = process.listenerCount("SIGTERM");
  listenForStop(
    () => {},
    () => {},
  )[Symbol.dispose]();
  assert.equal(process.listenerCount("SIGTERM"), before);
});

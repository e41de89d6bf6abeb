/** Where the engine can be reached: by TLS, from this machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { liveEngine } from "#test/live-engine.ts";

const { AWS_ENDPOINT_URL } = liveEngine().environment;

test("plain HTTP gets no answer", async () => {
  await assert.rejects(fetch(AWS_ENDPOINT_URL.replace("https:", "http:")));
});

// Only Linux lets a program dial all of 127.0.0.0/8.
const otherAddress = { skip: process.platform !== "linux" };
test("the engine cannot be reached from another address of this machine", otherAddress, async () => {
  const { port } = new URL(AWS_ENDPOINT_URL);
  // Another address of the loopback interface is as far away as the next machine for a socket bound to 127.0.0.1.
  await assert.rejects(fetch(`https://127.0.0.2:${port}/`), (error: TypeError) => {
    assert.equal((error.cause as NodeJS.ErrnoException).code, "ECONNREFUSED");
    return true;
  });
});

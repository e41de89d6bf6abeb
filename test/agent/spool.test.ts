/** What is held back until all uploads are done comes again in order, in batches, and leaves nothing on disk. */
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { Failure } from "#agent/errors.ts";
import { Spool } from "#agent/spool.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";

async function replayed(spool: Spool): Promise<string[]> {
  const done: string[] = [];
  await spool.replay({
    async remove(keys) {
      done.push(`remove ${keys.length}: ${keys[0]} to ${keys.at(-1)}`);
    },
    async send(message) {
      done.push(`send ${message}`);
    },
  });
  return done;
}

suite("The spool", () => {
  test("gives back each shard's deletions, a thousand at a time, and then its message", async () => {
    const spool = new Spool();
    const [first, second] = [spool.shard(0), spool.shard(7)];
    for (let index = 0; index < 2_500; index++) await first.add(`a${index}`);
    await second.add('b\n"\u2028');
    await second.hold("two");
    await first.hold("one\n");
    assert.equal(spool.deletionCount, 2_501);
    const done = await replayed(spool);
    await Promise.all([first.close(), second.close(), spool.close()]);
    assert.deepEqual(done, [
      "remove 1000: a0 to a999",
      "remove 1000: a1000 to a1999",
      "remove 500: a2000 to a2499",
      "send one\n",
      'remove 1: b\n"\u2028 to b\n"\u2028',
      "send two",
    ]);
  });

  test("says what it could not read, where a list of deletions is lost", async (t) => {
    const folder = temporaryFolder(t);
    const { TMPDIR: usual = "" } = process.env;
    process.env.TMPDIR = folder;
    const spool = new Spool();
    const shard = spool.shard(0);
    await shard.add("a");
    await shard.hold("one");
    await shard.close();
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
    await assert.rejects(replayed(spool), (error) => {
      assert.ok(error instanceof Failure);
      assert.match(error.message, /^Cannot read the list of deletions in \[.*shard-0\.ndjson\]: no such file\.$/);
      return error.hint.includes("Run again");
    });
    await spool.close();
    process.env.TMPDIR = usual;
  });

  test("writes nothing for a shard without deletions, and leaves nothing of the others", async (t) => {
    const folder = temporaryFolder(t);
    // Read by the spool when it first needs a place; the tests of this file run one after another.
    process.env.TMPDIR = folder;
    const spool = new Spool();
    const shard = spool.shard(0);
    assert.equal(shard.count, 0);
    await shard.close();
    assert.deepEqual(await replayed(spool), []);
    assert.deepEqual(readdirSync(folder), []);
    const held = spool.shard(1);
    await held.add("a");
    await held.hold("one");
    assert.equal(readdirSync(folder).length, 1);
    await held.close();
    await spool.close();
    assert.deepEqual(readdirSync(folder), []);
  });
});

/** Few open files: how many are worked on at once, and waiting for one that is closed. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { suite, test } from "node:test";
import { FILES_IN_FLIGHT } from "#agent/concurrency.ts";
import { filesInFlight } from "#agent/open-files.ts";

/** Runs code in a process of its own that may have so many files open. */
function within(openFiles: number, code: string): string {
  const command = ["sh", "-c", `ulimit -n ${openFiles} && exec "$@"`, "sh"] as const;
  const [shell, ...args] = [...command, process.execPath, "--input-type=module", "--eval", code];
  return execFileSync(shell, args, { encoding: "utf8", cwd: import.meta.dirname });
}

suite("Files worked on at once", () => {
  test("are as many as ever where enough may be open", () => {
    for (const plenty of [1024, Number.POSITIVE_INFINITY]) assert.deepEqual(filesInFlight(plenty), FILES_IN_FLIGHT);
  });

  test("are fewer where not, and never less than the least", () => {
    assert.deepEqual(filesInFlight(96), { least: 4, first: 16, most: 20 });
    assert.deepEqual(filesInFlight(70), { least: 4, first: 7, most: 7 });
    assert.deepEqual(filesInFlight(8), { least: 4, first: 4, most: 4 });
  });

  test("are told by the limit of this very process", { skip: !existsSync("/proc/self/limits") }, () => {
    const code = `import { mostOpenFiles } from "#agent/open-files.ts"; console.log(mostOpenFiles());`;
    assert.equal(within(77, code), "77\n");
  });
});

suite("Where too many files are open, one more", () => {
  /** Opens files until no more can be, then has the disk do its work, and closes one of them when it has begun to wait. */
  const filled = (work: string) => `
    import { closeSync, openSync } from "node:fs";
    import { disk } from "#agent/disk.ts";
    const held = [];
    try { for (;;) held.push(openSync("/dev/null")); } catch (error) { console.log(error.code); }
    setTimeout(() => closeSync(held.pop()), 50);
    ${work}`;

  test("is opened when another is closed", () => {
    const work = `const file = await disk.open("/etc/hosts"); console.log((await file.facts()).kind);`;
    assert.equal(within(64, filled(work)), "EMFILE\nfile\n");
  });

  test("is read when another is closed, when it is a directory", () => {
    const work = `for await (const items of disk.directory("/dev"))
      for (const { name } of items.filter(({ name }) => name === "null")) console.log(name);`;
    assert.equal(within(64, filled(work)), "EMFILE\nnull\n");
  });
});

/** Baselines on disk: come back as they were kept, for their own source and target, whole or not at all. */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { BaselineItem } from "#agent/baseline.ts";
import { openBaselines } from "#agent/baseline-store.ts";
import type { BaselineStore, BaselineSubject } from "#agent/ports.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { RUN } from "../shared/arbitrary.ts";

const SUBJECT: BaselineSubject = {
  endpoint: "https://s3.example",
  ...{ bucket: "data", prefix: "p/", directory: "/home/me\n" },
};
const ALL = { after: null, through: null };

function file(path: string): BaselineItem {
  return { path, sizeBytes: 1, etag: `e-${path}`, modifiedMs: 1.5, changedMs: 2.5, inode: 3 };
}

/** Enough for several blocks: names that hardly compress. */
function files(from: number, to: number): BaselineItem[] {
  return Array.from({ length: to - from }, (_, index) =>
    file(`f${String(from + index).padStart(6, "0")}-${"n".repeat(99)}`),
  );
}

type Added = [
  range: { after: string | null; through: string | null },
  items: readonly BaselineItem[],
  covered: boolean,
];

async function keep(store: BaselineStore, added: readonly Added[], deleted = false, subject = SUBJECT): Promise<void> {
  const draft = store.draft(subject, RUN);
  await Promise.all(added.map((one) => draft.add(...one)));
  await draft.keep(deleted);
  await draft.close();
}

interface Read {
  readonly items: BaselineItem[];
  readonly notices: string[];
  covers(after: string | null, through: string | null): boolean;
}

/** Undefined: there is none. */
async function read(store: BaselineStore, subject = SUBJECT): Promise<Read | { notices: string[]; items: undefined }> {
  const notices: string[] = [];
  const baseline = await store.open(subject, (notice) => notices.push(notice));
  if (baseline === undefined) return { notices, items: undefined };
  const items = (await Array.fromAsync(baseline.items())).flat();
  const covers = (after: string | null, through: string | null) => baseline.covers({ after, through });
  await baseline.close();
  return { items, notices, covers };
}

function pathOf(folder: string): string {
  const [name = "none"] = readdirSync(join(folder, "baselines"));
  return join(folder, "baselines", name);
}

suite("A baseline", () => {
  test("comes back as it was kept last, and nobody else can read it", async (t) => {
    const folder = join(temporaryFolder(t), "new", "state");
    const store = openBaselines(folder);
    assert.deepEqual(await read(store), { notices: [], items: undefined });
    await keep(store, [[ALL, [file("old")], true]]);
    await keep(store, [[ALL, [file("a"), file("b")], true]]);
    const { items, notices } = await read(store);
    assert.deepEqual([items, notices], [[file("a"), file("b")], []]);
    assert.deepEqual(readdirSync(join(folder, "baselines")).length, 1);
    assert.equal(statSync(pathOf(folder)).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, "baselines")).mode & 0o777, 0o700);
  });

  test("comes back in key order, in whatever order its shards were done", async (t) => {
    const store = openBaselines(temporaryFolder(t));
    const all = files(0, 6_000);
    const bounds = [null, all[1_999]?.path ?? null, all[3_999]?.path ?? null, null];
    const shards = [0, 1, 2].map(
      (index): Added => [
        { after: bounds[index] ?? null, through: bounds[index + 1] ?? null },
        all.slice(index * 2_000, index * 2_000 + 2_000),
        true,
      ],
    );
    await keep(
      store,
      [shards[2], shards[0], shards[1]].filter((one) => one !== undefined),
    );
    const back = await read(store);
    assert.deepEqual(back.items, all);
    assert.ok(back.items !== undefined && back.covers(null, null) && back.covers("f000500", "f004500"));
  });

  test("covers what was covered, and nothing else", async (t) => {
    const store = openBaselines(temporaryFolder(t));
    await keep(store, [
      [{ after: null, through: "c" }, [file("a")], true],
      [{ after: "c", through: "f" }, [file("d")], false],
      [{ after: "f", through: "k" }, [], true],
      [{ after: "m", through: null }, [file("x")], true],
    ]);
    const back = await read(store);
    assert.ok(back.items !== undefined);
    assert.deepEqual(back.items, [file("a"), file("d"), file("x")]);
    for (const [after, through] of [
      [null, "b"],
      [null, "c"],
      ["f", "k"],
      ["g", "h"],
      ["m", null],
      ["x", null],
    ] as const)
      assert.ok(back.covers(after, through), `${after} to ${through}`);
    for (const [after, through] of [
      [null, "d"],
      ["b", "g"],
      ["c", "f"],
      ["g", "l"],
      ["k", "m"],
      ["l", null],
      [null, null],
    ] as const)
      assert.ok(!back.covers(after, through), `${after} to ${through}`);
  });

  test("forgets what was to be deleted once it is, and not before", async (t) => {
    const store = openBaselines(temporaryFolder(t));
    const leaving = { ...file("b"), leaving: true } as BaselineItem;
    const gone: BaselineItem = { path: "c", gone: true };
    await keep(store, [[ALL, [file("a"), leaving, gone], true]], false);
    assert.deepEqual((await read(store)).items, [file("a"), file("b"), gone]);
    const draft = store.draft(SUBJECT, RUN);
    await draft.add(ALL, [file("a"), leaving, gone], true);
    draft.beginDeletions();
    await draft.keep(false);
    await draft.close();
    assert.deepEqual((await read(store)).items, [file("a"), leaving, gone]);
    await keep(store, [[ALL, [file("a"), leaving, gone], true]], true);
    assert.deepEqual((await read(store)).items, [file("a")]);
  });

  test("takes over from the one before what its own run did not come to", async (t) => {
    const store = openBaselines(temporaryFolder(t));
    const all = files(0, 5_000);
    await keep(store, [[ALL, all, true]]);
    for (const reached of [undefined, 0, 777, 4_999]) {
      const through = reached === undefined ? null : (all[reached]?.path ?? null);
      const earlier = await store.open(SUBJECT, assert.fail);
      assert.ok(earlier);
      const draft = store.draft({ ...SUBJECT, prefix: "copy/" }, RUN);
      if (through !== null) await draft.add({ after: null, through }, [file("e")], true);
      await draft.takeOver(earlier, through);
      await draft.keep(false);
      await draft.close();
      await earlier.close();
      const back = await read(store, { ...SUBJECT, prefix: "copy/" });
      assert.deepEqual(back.items, reached === undefined ? all : [file("e"), ...all.slice(reached + 1)]);
      assert.ok(back.items !== undefined && back.covers(null, null));
    }
  });

  test("is about its own endpoint, bucket, prefix and directory only", async (t) => {
    const folder = temporaryFolder(t);
    const store = openBaselines(folder);
    await keep(store, [[ALL, [file("a")], true]]);
    const own = readFileSync(pathOf(folder));
    const others = [{ endpoint: "https://s3.other" }, { bucket: "datb" }, { prefix: "" }, { directory: "/home/you" }];
    for (const other of others) {
      const subject = { ...SUBJECT, ...other };
      assert.deepEqual(await read(store, subject), { items: undefined, notices: [] });
      const elsewhere = temporaryFolder(t);
      await keep(openBaselines(elsewhere), [[ALL, [], true]], false, subject);
      writeFileSync(pathOf(elsewhere), own);
      const { items, notices } = await read(openBaselines(elsewhere), subject);
      assert.deepEqual([items, notices], [undefined, ["it is about another source or target"]]);
    }
  });

  test("fault 55: with any byte changed, cut off or added says nothing that is not so", async (t) => {
    const folder = temporaryFolder(t);
    const store = openBaselines(folder);
    const all = files(0, 3_000);
    await keep(store, [[ALL, all, true]]);
    const path = pathOf(folder);
    const whole = readFileSync(path);
    const known = new Map(all.map((item) => [item.path, item]));
    const place = fc.nat(whole.length - 1);
    const damage = fc.oneof(
      fc.tuple(place, fc.integer({ min: 1, max: 255 })).map(([at, mask]) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        return bytes;
      }),
      place.map((at) => whole.subarray(0, at)),
      fc
        .tuple(place, fc.nat(99))
        .map(([at, more]) => Buffer.concat([whole.subarray(0, at), Buffer.alloc(more), whole.subarray(at + more)])),
      fc.nat(99).map((more) => Buffer.concat([whole, Buffer.alloc(more + 1)])),
    );
    await fc.assert(
      fc.asyncProperty(damage, async (bytes) => {
        if (bytes.equals(whole)) return;
        writeFileSync(path, bytes);
        const back = await read(store);
        assert.ok(back.notices.length > 0, "somebody is told");
        if (back.items === undefined) return;
        for (const item of back.items) assert.deepEqual(item, known.get(item.path));
        assert.ok(back.items.length < all.length && !back.covers(null, null));
      }),
      { numRuns: 300 },
    );
  });

  test("fault 55: of another version, empty, or no file at all counts for nothing", async (t) => {
    const folder = temporaryFolder(t);
    const store = openBaselines(folder);
    await keep(store, [[ALL, [file("a")], true]]);
    const path = pathOf(folder);
    for (const text of ["", "\n", "{}\n", `{"format":1}\n${"x".repeat(100)}`, "x".repeat(300_000)]) {
      writeFileSync(path, text);
      const { items, notices } = await read(store);
      assert.deepEqual([items, notices.length], [undefined, 1], text.slice(0, 20));
    }
    const inItsPlace = temporaryFolder(t);
    mkdirSync(join(inItsPlace, "baselines", path.split("/").at(-1) ?? ""), { recursive: true });
    assert.equal((await read(openBaselines(inItsPlace))).items, undefined);
  });

  test("fault 53: that cannot be kept is an error for the caller to tell, and only then", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "file"), "");
    const store = openBaselines(join(folder, "file"));
    const draft = store.draft(SUBJECT, RUN);
    await draft.add(ALL, [file("a")], true);
    await assert.rejects(draft.keep(true), { code: "ENOTDIR" });
    await draft.close();
    assert.equal((await read(store)).items, undefined);
  });

  test("is not kept where there is no place for it", async () => {
    const store = openBaselines(undefined);
    await keep(store, [[ALL, [file("a")], true]]);
    assert.deepEqual(await read(store), { items: undefined, notices: [] });
  });

  test("fault 52: stays as it was when the next one is not kept, and leaves nothing beside it", async (t) => {
    const folder = temporaryFolder(t);
    const store = openBaselines(folder);
    await keep(store, [[ALL, [file("a")], true]]);
    const draft = store.draft(SUBJECT, RUN);
    await draft.add(ALL, [file("b")], true);
    assert.equal(readdirSync(join(folder, "baselines")).length, 2);
    assert.deepEqual((await read(store)).items, [file("a")]);
    await draft.close();
    assert.equal(readdirSync(join(folder, "baselines")).length, 1);
    assert.deepEqual((await read(store)).items, [file("a")]);
  });

  test("fault 52: of two runs at the same time is the one that was kept last, whole", async (t) => {
    const folder = temporaryFolder(t);
    const store = openBaselines(folder);
    const drafts = [store.draft(SUBJECT, RUN), store.draft(SUBJECT, RUN)];
    const contents = [files(0, 3_000), files(1_000, 2_000)];
    await Promise.all(drafts.map((draft, index) => draft.add(ALL, contents[index] ?? [], true)));
    for (const draft of drafts) await draft.keep(true);
    for (const draft of drafts) await draft.close();
    assert.deepEqual((await read(store)).items, contents[1]);
    assert.equal(readdirSync(join(folder, "baselines")).length, 1);
  });

  test("fault 52: sweeps what runs that were killed have left, and not what others are writing", async (t) => {
    const folder = temporaryFolder(t);
    const store = openBaselines(folder);
    await keep(store, [[ALL, [file("a")], true]]);
    const own = pathOf(folder);
    // No process has this number.
    const [dead, alive, other] = [`${own}.4194305-abcdef`, `${own}.${process.pid}-abcdef`, `${own}.mine`];
    for (const path of [dead, alive, other]) appendFileSync(path, "x");
    await keep(store, [[ALL, [file("a")], true]]);
    assert.deepEqual([dead, alive, other].map(existsSync), [false, true, true]);
  });
});

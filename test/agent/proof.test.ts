/** The proof that a host keeps: comes back as it was written, for the very pair of source and target, or not at all. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { openProofs } from "#agent/proof.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";

const SUBJECT = { bucket: "data", prefix: "p/", directory: "/home/me\n" };
const PROOF = { objectsMs: 1_000.5, filesMs: 900 };

suite("A proof", () => {
  test("comes back as it was kept last, and nobody else can read it", async (t) => {
    const folder = temporaryFolder(t);
    const proofs = openProofs(join(folder, "new", "state"));
    assert.equal(await proofs.read(SUBJECT), undefined);
    await proofs.write(SUBJECT, { objectsMs: 1, filesMs: 1 });
    await proofs.write(SUBJECT, PROOF);
    assert.deepEqual(await proofs.read(SUBJECT), PROOF);
    const kept = readdirSync(join(folder, "new", "state", "proofs"));
    assert.equal(kept.length, 1);
    assert.equal(statSync(join(folder, "new", "state", "proofs", String(kept[0]))).mode & 0o777, 0o600);
  });

  test("is about its own bucket, prefix and directory only", async (t) => {
    const proofs = openProofs(temporaryFolder(t));
    await proofs.write(SUBJECT, PROOF);
    for (const other of [{ bucket: "datb" }, { prefix: "" }, { directory: "/home/you" }])
      assert.equal(await proofs.read({ ...SUBJECT, ...other }), undefined);
  });

  test("fault 55: that is damaged, torn, of another format or of another subject counts for nothing", async (t) => {
    const folder = temporaryFolder(t);
    const proofs = openProofs(folder);
    await proofs.write(SUBJECT, PROOF);
    const path = join(folder, "proofs", String(readdirSync(join(folder, "proofs"))[0]));
    const whole = readFileSync(path, "utf8");
    const broken = ["", whole.slice(0, -2), "null", "[]", whole.replace('"format":1', '"format":2')];
    for (const text of [...broken, whole.replace("1000.5", '"x"'), whole.replace('"data"', '"else"')]) {
      writeFileSync(path, text);
      assert.equal(await proofs.read(SUBJECT), undefined, text);
    }
    await proofs.write(SUBJECT, PROOF);
    assert.deepEqual(await proofs.read(SUBJECT), PROOF);
  });

  test("fault 53: that cannot be kept is an error for the caller to tell, and leaves nothing half done", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "file"), "");
    await assert.rejects(openProofs(join(folder, "file")).write(SUBJECT, PROOF), { code: "ENOTDIR" });
    assert.equal(await openProofs(join(folder, "file")).read(SUBJECT), undefined);
  });

  test("is not kept where there is no place for it", async () => {
    const proofs = openProofs(undefined);
    await proofs.write(SUBJECT, PROOF);
    assert.equal(await proofs.read(SUBJECT), undefined);
  });
});

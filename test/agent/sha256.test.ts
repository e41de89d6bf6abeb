import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Sha256 } from "#agent/sha256.ts";

describe("SHA-256 for the signer", () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  const source = fc.oneof(
    fc.string({ unit: "grapheme" }),
    bytes,
    bytes.map((array) => array.buffer.slice(array.byteOffset, array.byteOffset + array.length) as ArrayBuffer),
    // A view of a part.
    bytes.map((array) => new DataView(Uint8Array.of(1, ...array, 2).buffer, 1, array.length)),
  );
  const plain = (data: string | ArrayBuffer | ArrayBufferView) =>
    typeof data === "string"
      ? Buffer.from(data)
      : ArrayBuffer.isView(data)
        ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
        : Buffer.from(data);

  test("is Node's, whatever the pieces, with a key and without, also when it begins again", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(source), fc.array(fc.option(source), { minLength: 1 }), async (pieces, secrets) => {
        // Each key twice, in turns with others: what is kept of a key is that key's.
        for (const secret of [...secrets, ...secrets]) {
          const hash = new Sha256(secret ?? undefined);
          hash.update("something else");
          hash.reset();
          const expected = secret === null ? createHash("sha256") : createHmac("sha256", plain(secret));
          for (const piece of pieces) {
            hash.update(piece);
            expected.update(plain(piece));
          }
          assert.deepEqual(Buffer.from(await hash.digest()), expected.digest());
        }
      }),
    );
  });
});

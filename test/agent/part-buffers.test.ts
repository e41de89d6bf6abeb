/** Memory for parts: used again when it is given back, never before. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { SINGLE_PUT_BYTES } from "#agent/object-size.ts";
import { PartBuffers } from "#agent/part-buffers.ts";

suite("The memory of a part", () => {
  test("is used again once it is given back, and by nobody else before", () => {
    const buffers = new PartBuffers();
    const [one, two] = [buffers.take(SINGLE_PUT_BYTES), buffers.take(3)];
    assert.deepEqual([one.length, two.length], [SINGLE_PUT_BYTES, 3]);
    assert.notEqual(one.buffer, two.buffer);
    buffers.giveBack(two);
    const again = buffers.take(SINGLE_PUT_BYTES);
    assert.equal(again.buffer, two.buffer);
    assert.equal(again.length, SINGLE_PUT_BYTES);
    assert.notEqual(buffers.take(1).buffer, again.buffer);
  });

  test("is not kept where a part is larger than usual", () => {
    const buffers = new PartBuffers();
    const large = buffers.take(SINGLE_PUT_BYTES + 1);
    assert.equal(large.length, SINGLE_PUT_BYTES + 1);
    buffers.giveBack(large);
    assert.notEqual(buffers.take(SINGLE_PUT_BYTES + 1).buffer, large.buffer);
  });
});

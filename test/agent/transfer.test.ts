/** One file's way into the bucket: real files, that change, vanish and fail, and a bucket in memory. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  appendFileSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { suite, test } from "node:test";
import { crc32 } from "node:zlib";
import { bytePathOf } from "#agent/byte-path.ts";
import { hasChecksum, hasContent } from "#agent/content.ts";
import { disk } from "#agent/disk.ts";
import { Failure, UploadLost } from "#agent/errors.ts";
import { BUFFER_PLACE_BYTES, Limit } from "#agent/limit.ts";
import { MAX_OBJECT_BYTES, partBytes, SINGLE_PUT_BYTES } from "#agent/object-size.ts";
import { PartBuffers } from "#agent/part-buffers.ts";
import type { Disk, OpenFile } from "#agent/ports.ts";
import { send } from "#agent/transfer.ts";
import { temporaryFolder } from "#test/temporary-folder.ts";
import { MemoryBucket } from "./memory-bucket.ts";
import { diskBut, systemError, withMode } from "./trees.ts";

const KEY = "p/file";
const MEBIBYTE = 1024 * 1024;
/** What a part takes of a limit. */
const PART_PLACES = SINGLE_PUT_BYTES / BUFFER_PLACE_BYTES;
const LARGE_BYTES = 2 * SINGLE_PUT_BYTES + 5;

interface Scene {
  readonly file: string;
  readonly bucket: MemoryBucket;
  readonly limit: Limit;
  send(on?: Disk): ReturnType<typeof send>;
  hasContent(etag: string, sizeBytes: number, on?: Disk): ReturnType<typeof hasContent>;
}

function scene(test: { after(hook: () => void): void }, content: string | Buffer, isLocal = false): Scene {
  const file = join(temporaryFolder(test), "file");
  writeFileSync(file, content);
  const bucket = new MemoryBucket();
  const limit = new Limit(4 * PART_PLACES);
  const partBuffers = new PartBuffers();
  const source = { location: bytePathOf(file), isLocal };
  return {
    file,
    bucket,
    limit,
    send: (on = disk) => send(source, KEY, { disk: on, bucket, limit, partBuffers }),
    hasContent: (etag, sizeBytes, on = disk) => hasContent(source, sizeBytes, etag, { disk: on, limit }),
  };
}

/** The real disk, with something done before each n-th read of a file (0 is the first), or in its place. */
function onRead(act: (readIndex: number, openIndex: number) => void | Promise<void>): Disk {
  let opens = 0;
  return diskBut(disk, {
    async open(path) {
      const file = await disk.open(path);
      const openIndex = opens++;
      let reads = 0;
      return {
        facts: () => file.facts(),
        async read(buffer) {
          await act(reads++, openIndex);
          return file.read(buffer);
        },
        close: () => file.close(),
      } satisfies OpenFile;
    },
  });
}

/** Every place of the limit is free again. */
async function assertAllFree(limit: Limit): Promise<void> {
  const free = Promise.all(Array.from({ length: 4 }, () => limit.acquire(PART_PLACES)));
  await Promise.race([free, new Promise((_, reject) => setTimeout(() => reject(new Error("a place is lost")), 500))]);
}

suite("Sizes", () => {
  test("fault 34: an empty file is one put of nothing", async (t) => {
    const { bucket, send } = scene(t, "");
    const sent = await send();
    assert.equal(sent.state === "sent" && sent.facts.sizeBytes, 0);
    assert.equal(sent.state === "sent" && sent.etag, "d41d8cd98f00b204e9800998ecf8427e");
    assert.deepEqual(bucket.events, [`put ${KEY}`]);
  });

  test("up to the limit a file goes with one put, one byte more in parts", async (t) => {
    const content = randomBytes(SINGLE_PUT_BYTES + 1);
    const { file, bucket, send, limit } = scene(t, content.subarray(0, -1));
    await send();
    assert.deepEqual(bucket.events, [`put ${KEY}`]);
    assert.ok(bucket.objects.get(KEY)?.body.equals(content.subarray(0, -1)));
    bucket.events.length = 0;
    writeFileSync(file, content);
    const sent = await send();
    assert.deepEqual(
      bucket.events,
      ["startMultipart", "putPart", "putPart", "completeMultipart"].map(
        (call, index) => `${call} ${KEY}${call === "putPart" ? ` ${index}` : ""}`,
      ),
    );
    assert.ok(bucket.objects.get(KEY)?.body.equals(content));
    assert.match(sent.state === "sent" ? sent.etag : "", /^[0-9a-f]{32}-2$/);
    await assertAllFree(limit);
  });

  test("many parts arrive in order, with no more in flight than the limit allows", async (t) => {
    const content = randomBytes(5 * SINGLE_PUT_BYTES);
    const { bucket, send } = scene(t, content);
    let inFlight = 0;
    let most = 0;
    bucket.before = async (call) => {
      if (call !== "putPart") return;
      inFlight += 1;
      most = Math.max(most, inFlight);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      inFlight -= 1;
    };
    const sent = await send();
    assert.ok(most <= 4, String(most));
    assert.ok(bucket.objects.get(KEY)?.body.equals(content));
    assert.equal(sent.state === "sent" && sent.facts.sizeBytes, content.length);
  });

  test("fault 35: parts are as large as 10,000 of them need, in whole MiB", () => {
    assert.equal(partBytes(SINGLE_PUT_BYTES + 1), SINGLE_PUT_BYTES);
    assert.equal(partBytes(10_000 * SINGLE_PUT_BYTES), SINGLE_PUT_BYTES);
    assert.equal(partBytes(10_000 * SINGLE_PUT_BYTES + 1), 9 * MEBIBYTE);
    for (const sizeBytes of [1, 5 * 1024 ** 3, 50 * 1000 ** 3, 1024 ** 4, 5 * 1024 ** 4, MAX_OBJECT_BYTES]) {
      assert.ok(Math.ceil(sizeBytes / partBytes(sizeBytes)) <= 10_000, String(sizeBytes));
      assert.equal(partBytes(sizeBytes) % MEBIBYTE, 0);
    }
    assert.equal(partBytes(MAX_OBJECT_BYTES), 5 * 1024 ** 3);
  });

  test("fault 35: a file larger than any object is known before its first byte is read", async (t) => {
    const { bucket, send } = scene(t, "");
    const huge = diskBut(disk, {
      open: async (path) => {
        const file = await disk.open(path);
        return {
          facts: async () => ({ ...(await file.facts()), sizeBytes: MAX_OBJECT_BYTES + 1 }),
          read: () => assert.fail("nothing is to be read"),
          close: () => file.close(),
        };
      },
    });
    assert.deepEqual(await send(huge), { state: "too-large" });
    assert.deepEqual(bucket.events, []);
  });
});

suite("A file that changes while it is read", () => {
  const CHANGES: Record<string, (file: string) => void> = {
    grows: (file) => appendFileSync(file, "more"),
    shrinks: (file) => truncateSync(file, 3),
    "is emptied": (file) => truncateSync(file, 0),
    "is written anew in the same size": (file) => {
      writeFileSync(file, "x", { flag: "r+" });
      utimesSync(file, new Date(), new Date(Date.now() + Math.random() * 1e9));
    },
  };
  for (const [what, change] of Object.entries(CHANGES)) {
    for (const [size, content] of [
      ["small", Buffer.alloc(1_000, "a")],
      ["large", Buffer.alloc(LARGE_BYTES, "a")],
    ] as const) {
      test(`fault 30: a ${size} file that ${what} once is read again and sent as it then is`, async (t) => {
        const { file, bucket, send, limit } = scene(t, content);
        const sent = await send(onRead((read, open) => (read === 0 && open === 0 ? change(file) : undefined)));
        assert.equal(sent.state, "sent");
        assert.ok(bucket.objects.get(KEY)?.body.equals(readFileSync(file)));
        assert.equal(bucket.uploads.size, 0, "an upload is left behind");
        await assertAllFree(limit);
      });

      test(`fault 30: a ${size} file that ${what} again and again is never published`, async (t) => {
        const { file, bucket, send, limit } = scene(t, content);
        const sent = await send(
          onRead((read) => {
            if (read !== 0) return;
            writeFileSync(file, content);
            change(file);
          }),
        );
        assert.deepEqual(sent, { state: "unstable" });
        assert.equal(bucket.objects.size, 0);
        assert.equal(bucket.uploads.size, 0, "an upload is left behind");
        assert.ok(!bucket.events.some((event) => event.startsWith("completeMultipart")));
        const count = (call: string) => bucket.events.filter((event) => event.startsWith(call)).length;
        assert.equal(count("abortMultipart"), count("startMultipart"));
        await assertAllFree(limit);
      });
    }
  }

  test("fault 30: a change in the middle of a large file, when parts are on their way, is seen", async (t) => {
    const { file, bucket, send } = scene(t, Buffer.alloc(LARGE_BYTES, "a"));
    const sent = await send(onRead((read) => (read === 2 ? appendFileSync(file, "more") : undefined)));
    assert.deepEqual(sent, { state: "unstable" });
    assert.deepEqual([bucket.objects.size, bucket.uploads.size], [0, 0]);
  });

  test("fault 31: another file that takes the name is not mixed with the one that was opened", async (t) => {
    const { file, bucket, send } = scene(t, "old");
    const sent = await send(
      onRead((read, open) => {
        if (read !== 0 || open !== 0) return;
        writeFileSync(`${file}.new`, "new content");
        renameSync(`${file}.new`, file);
      }),
    );
    assert.equal(sent.state, "sent");
    assert.match(bucket.objects.get(KEY)?.body.toString() ?? "", /^(old|new content)$/);
  });
});

suite("A file that cannot be sent", () => {
  test("fault 29: one that has vanished is no failure", async (t) => {
    const { file, bucket, send } = scene(t, "a");
    unlinkSync(file);
    const sent = await send();
    assert.equal(sent.state, "vanished");
    assert.deepEqual(bucket.events, []);
  });

  test("fault 29: one that its server says is gone is opened again, for another one may have its name", async (t) => {
    const { bucket, send } = scene(t, "there");
    const stale = (opens: number) =>
      onRead((_, openIndex) => {
        if (openIndex < opens) throw systemError("ESTALE");
      });
    assert.equal((await send(stale(Number.POSITIVE_INFINITY))).state, "unreadable");
    assert.deepEqual(bucket.events, []);
    assert.equal((await send(stale(2))).state, "sent");
    assert.equal(bucket.objects.get(KEY)?.body.toString(), "there");
  });

  test("fault 28: one without permission is unreadable", async (t) => {
    const { file, send } = scene(t, "a");
    const sent = await withMode(file, 0o000, () => send());
    assert.equal(sent.state, "unreadable");
    assert.equal("cause" in sent && (sent.cause as { code?: string }).code, "EACCES");
  });

  for (const [where, isLocal] of [
    ["", false],
    [", also on a local file system", true],
  ] as const)
    test(`fault 32: a FIFO, a socket or a directory in its place blocks nothing and is skipped${where}`, async (t) => {
      const { file, bucket, send } = scene(t, "a", isLocal);
      unlinkSync(file);
      execFileSync("mkfifo", [file]);
      assert.deepEqual(await send(), { state: "special" });
      unlinkSync(file);
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(file, resolve));
      assert.deepEqual(await send(), { state: "special" });
      await new Promise((resolve) => server.close(resolve));
      rmSync(file, { force: true });
      execFileSync("mkdir", [file]);
      assert.deepEqual(await send(), { state: "special" });
      assert.deepEqual(bucket.events, []);
    });

  for (const [size, bytes] of [
    ["small", 1_000],
    ["large", LARGE_BYTES],
  ] as const)
    test(`fault 28: an input/output error within a ${size} file is its own, and nothing stays behind`, async (t) => {
      const { bucket, send, limit } = scene(t, Buffer.alloc(bytes, "a"));
      const last = bytes > SINGLE_PUT_BYTES ? 1 : 0;
      const sent = await send(
        onRead((read) => {
          if (read === last) throw systemError("EIO");
        }),
      );
      assert.equal(sent.state, "unreadable");
      assert.deepEqual([bucket.objects.size, bucket.uploads.size], [0, 0]);
      await assertAllFree(limit);
    });

  test("a fault of closing says nothing about what was read", async (t) => {
    const { send } = scene(t, "a");
    const on = diskBut(disk, {
      open: async (path) => {
        const file = await disk.open(path);
        return {
          facts: () => file.facts(),
          read: (buffer) => file.read(buffer),
          close: async () => {
            await file.close();
            throw systemError("EIO");
          },
        };
      },
    });
    assert.equal((await send(on)).state, "sent");
  });
});

suite("A bucket that fails", () => {
  const broken = new Failure({ outcome: "failed", operation: "write", subject: "s", reason: "r", hint: "h" });

  test("a part that fails ends the upload: others settle, it is aborted, the error is the bucket's", async (t) => {
    const { bucket, send, limit } = scene(t, Buffer.alloc(6 * SINGLE_PUT_BYTES, "a"));
    let settled = 0;
    let started = 0;
    bucket.before = async (call) => {
      if (call !== "putPart") return;
      started += 1;
      const failing = started === 2;
      await new Promise((resolve) => setTimeout(resolve, failing ? 1 : 30));
      settled += 1;
      if (failing) throw broken;
    };
    await assert.rejects(send(), broken);
    assert.equal(settled, started, "the abort must wait for parts that are on their way");
    assert.equal(bucket.events.at(-1), `abortMultipart ${KEY}`);
    assert.deepEqual([bucket.objects.size, bucket.uploads.size], [0, 0]);
    assert.ok(started < 6, "no part is read after one has failed");
    await assertAllFree(limit);
  });

  test("a completion that fails is aborted", async (t) => {
    const { bucket, send } = scene(t, Buffer.alloc(LARGE_BYTES));
    bucket.before = (call) => {
      if (call === "completeMultipart") throw broken;
    };
    await assert.rejects(send(), broken);
    assert.deepEqual([bucket.objects.size, bucket.uploads.size], [0, 0]);
  });

  test("fault 21: a multipart upload that is lost is begun again, three times at most", async (t) => {
    const { bucket, send } = scene(t, Buffer.alloc(LARGE_BYTES));
    const lost = new UploadLost(broken);
    let times = 1;
    bucket.before = (call) => {
      if (call === "completeMultipart" && times-- > 0) throw lost;
    };
    assert.equal((await send()).state, "sent");
    assert.equal(bucket.events.filter((event) => event.startsWith("startMultipart")).length, 2);
    times = Number.POSITIVE_INFINITY;
    bucket.events.length = 0;
    await assert.rejects(send(), lost);
    assert.equal(bucket.events.filter((event) => event.startsWith("startMultipart")).length, 3);
    assert.equal(bucket.uploads.size, 0);
  });

  test("no rejection escapes when several parts fail at once", async (t) => {
    const escaped: unknown[] = [];
    const note = (error: unknown) => escaped.push(error);
    process.on("unhandledRejection", note);
    t.after(() => process.off("unhandledRejection", note));
    const { bucket, send } = scene(t, Buffer.alloc(6 * SINGLE_PUT_BYTES));
    bucket.before = async (call) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (call === "putPart") throw broken;
    };
    await assert.rejects(send(), broken);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(escaped, []);
  });
});

suite("Whether an object has a file's content", () => {
  const md5 = (content: Buffer) => createHash("md5").update(content).digest("hex");

  for (const bytes of [0, 1, SINGLE_PUT_BYTES, SINGLE_PUT_BYTES + 1, 2 * SINGLE_PUT_BYTES, LARGE_BYTES])
    test(`a file of ${bytes} bytes has the ETag that sending it gave`, async (t) => {
      const { send, hasContent } = scene(t, randomBytes(bytes));
      const sent = await send();
      const etag = sent.state === "sent" ? sent.etag : "";
      const facts = sent.state === "sent" ? sent.facts : undefined;
      assert.deepEqual(await hasContent(etag, bytes), { state: "compared", same: true, facts, etag });
    });

  test("a large file that another client put as a whole is known by its MD5", async (t) => {
    const content = randomBytes(LARGE_BYTES);
    const { hasContent } = scene(t, content);
    const compared = await hasContent(md5(content), content.length);
    assert.equal(compared.state === "compared" && compared.same, true);
  });

  for (const [mebibytes, partCount] of [
    [5, 4],
    [8, 3],
    [16, 2],
    [64, 1],
  ] as const)
    test(`a large file that another client put in parts of ${mebibytes} MiB is known by them`, async (t) => {
      const content = randomBytes(LARGE_BYTES);
      const { hasContent } = scene(t, content);
      const parts = Array.from({ length: partCount }, (_, index) =>
        content.subarray(index * mebibytes * MEBIBYTE, (index + 1) * mebibytes * MEBIBYTE),
      );
      const digests = parts.map((part) => createHash("md5").update(part).digest());
      const etag = `${md5(Buffer.concat(digests))}-${partCount}`;
      const compared = await hasContent(etag, content.length);
      assert.equal(compared.state === "compared" && compared.same, true);
    });

  test("a checksum that S3 keeps of the whole content proves it, and none proves nothing", async (t) => {
    const content = randomBytes(LARGE_BYTES);
    const { file, limit } = scene(t, content);
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32(content));
    const sha256 = createHash("sha256").update(content).digest("base64");
    const none = { etag: "e", crc32: undefined, sha256: undefined };
    const source = { location: bytePathOf(file), isLocal: false };
    assert.equal(await hasChecksum(source, none, { disk, limit }), undefined);
    for (const [stored, same] of [
      [{ ...none, crc32: crc.toString("base64") }, true],
      [{ ...none, sha256 }, true],
      [{ ...none, crc32: "AAAAAA==" }, false],
      // The stronger one decides.
      [{ ...none, crc32: crc.toString("base64"), sha256: "x" }, false],
    ] as const) {
      const compared = await hasChecksum(source, stored, { disk, limit });
      assert.equal(compared?.state === "compared" && compared.same, same);
    }
    unlinkSync(file);
    assert.equal((await hasChecksum(source, { ...none, sha256 }, { disk, limit }))?.state, "vanished");
  });

  test("other content of the same size is another object, and so is any other ETag", async (t) => {
    const { hasContent } = scene(t, "one");
    for (const etag of [md5(Buffer.from("two")), `${md5(Buffer.from("one"))}-1`, "-", ""]) {
      const compared = await hasContent(etag, 3);
      assert.equal(compared.state === "compared" && compared.same, false, etag);
    }
  });

  test("fault 30: a file that changes while it is compared is unstable", async (t) => {
    for (const [content, etag] of [
      [Buffer.alloc(10), "e"],
      [Buffer.alloc(LARGE_BYTES), "e-3"],
    ] as const) {
      const { file, hasContent } = scene(t, content);
      const on = onRead((read) => (read === 0 ? appendFileSync(file, "more") : undefined));
      assert.deepEqual(await hasContent(etag, content.length, on), { state: "unstable" });
    }
  });

  test("faults of the disk are told as when sending", async (t) => {
    const { file, hasContent } = scene(t, "one");
    unlinkSync(file);
    assert.equal((await hasContent("e", 3)).state, "vanished");
  });
});

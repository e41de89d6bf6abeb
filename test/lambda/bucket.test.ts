import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BucketError } from "#lambda/bucket.ts";
import { ListingError, type PageRequest } from "#shared/listing.ts";
import { startValidator } from "./delivering.ts";
import { type Answer, type Asked, failure, OWNER, page, type Store } from "./store.ts";

const ALL: PageRequest = { keyPrefix: "", startAfter: undefined, token: undefined };

const ODD_KEYS = [
  "a b",
  "a+b",
  "a%2Bb",
  "a%20b",
  "%",
  "&<>\"'",
  "line\nfeed",
  "tab\treturn\r",
  "\u0001\u001b",
  "~*'()!",
  "e\u0301",
  "\u00e9",
  "\ufeff",
  "\ufffd",
  "\u{1f600}",
];

/** A fault for the first few listings. */
function tornTimes(store: Store, times: number, answer: Answer | "hang-up"): void {
  let left = times;
  store.fault = ({ action }) => (action === "list" && left-- > 0 ? answer : undefined);
}

const twoObjects = (store: Store) => [
  { key: "a", ...store.put("a", "1") },
  { key: "b", ...store.put("b", "22") },
];

const TORN: Readonly<Record<string, (store: Store) => Answer>> = {
  "that is empty": () => ({ status: 200, body: "" }),
  "that ends in the middle of its XML": (store) => ({ status: 200, body: half(page({ objects: twoObjects(store) })) }),
  "that ends after its first object": (store) => {
    const whole = page({ objects: twoObjects(store) });
    return { status: 200, body: whole.slice(0, whole.indexOf("</Contents>") + "</Contents>".length) };
  },
  "that is shorter than it announces": (store) => ({
    status: 200,
    body: page({ objects: twoObjects(store) }),
    cut: true,
  }),
  "that is a page of a captive portal": () => ({
    status: 200,
    body: "<!doctype html><html><body>Log in<br></body></html>",
  }),
  "that holds fewer keys than it says": (store) => ({
    status: 200,
    body: page({ objects: twoObjects(store).slice(0, 1), count: 2 }),
  }),
  "that does not say whether it is the last": (store) => ({
    status: 200,
    body: page({ objects: twoObjects(store) }).replace(/<IsTruncated>.*<\/IsTruncated>/, ""),
  }),
  "that has an object without a size": (store) => ({
    status: 200,
    body: page({ objects: twoObjects(store) }).replace(/<Size>1<\/Size>/, ""),
  }),
  "that has an object without a time": (store) => ({
    status: 200,
    body: page({ objects: twoObjects(store) }).replace(/<LastModified>.*?<\/LastModified>/, ""),
  }),
  "that has a key of broken bytes": (store) => ({
    status: 200,
    body: page({ objects: twoObjects(store) }).replace("<Key>a</Key>", "<Key>%FF</Key>"),
  }),
};

const half = (text: string) => text.slice(0, text.length / 2);

describe("a page of the validator's listing", () => {
  it("shows every key as it is, sizes, and ETags without quotes", async (test) => {
    const { store, services } = await startValidator(test);
    for (const key of ODD_KEYS) store.put(key, key);
    const { objects, truncated } = await services.bucket.fetchPage(ALL);
    assert.equal(truncated, false);
    assert.deepEqual(
      objects.map(({ key }) => key),
      store.keys(),
    );
    for (const { key, sizeBytes, etag, modifiedMs } of objects) {
      assert.equal(sizeBytes, Buffer.byteLength(key));
      assert.equal(etag, store.objects.get(key)?.etag);
      assert.equal(modifiedMs, Date.parse("2026-11-20T10:00:00Z"));
    }
  });

  it("fault 15: every request names the account that must own the bucket", async (test) => {
    const { store, services } = await startValidator(test);
    await services.bucket.fetchPage(ALL);
    await services.bucket.read("k");
    await services.bucket.write("k", Buffer.from("1"), "text/plain");
    await services.bucket.writeIfUnchanged("l", "1", undefined);
    assert.equal(store.asked.length, 4);
    for (const { headers } of store.asked) assert.equal(headers["x-amz-expected-bucket-owner"], OWNER);
  });

  for (const [title, answer] of Object.entries(TORN)) {
    it(`fault 5: ${title} is asked for again`, async (test) => {
      const { store, services } = await startValidator(test, { attempts: 2 });
      tornTimes(store, 1, answer(store));
      twoObjects(store);
      const { objects } = await services.bucket.fetchPage(ALL);
      assert.deepEqual(
        objects.map(({ key }) => key),
        ["a", "b"],
      );
    });

    it(`fault 5: ${title} each time is never an empty rest`, async (test) => {
      const { store, services } = await startValidator(test);
      tornTimes(store, Number.POSITIVE_INFINITY, answer(store));
      await assert.rejects(
        services.bucket.fetchPage(ALL),
        (error) => error instanceof ListingError || error instanceof BucketError,
      );
    });
  }

  it("fault 4: an error in an answer of status 200 is an error", async (test) => {
    const { store, services } = await startValidator(test);
    tornTimes(store, Number.POSITIVE_INFINITY, { ...failure(500, "InternalError"), status: 200 });
    await assert.rejects(
      services.bucket.fetchPage(ALL),
      (error) => error instanceof ListingError || error instanceof BucketError,
    );
  });

  for (const [title, answer] of Object.entries({
    "503 SlowDown": failure(503, "SlowDown"),
    "500 InternalError": failure(500, "InternalError"),
    "a cut connection": "hang-up",
  } as const)) {
    it(`fault 3: ${title} is retried, and named when it stays`, async (test) => {
      const { store, services } = await startValidator(test, { attempts: 2 });
      store.put("a", "1");
      tornTimes(store, 1, answer);
      assert.equal((await services.bucket.fetchPage(ALL)).objects.length, 1);
      tornTimes(store, Number.POSITIVE_INFINITY, answer);
      await assert.rejects(services.bucket.fetchPage(ALL), (error) => {
        assert.ok(error instanceof BucketError);
        assert.match(error.message, /^could not list the bucket: ./);
        if (answer !== "hang-up") assert.ok(error.message.includes(`(HTTP ${answer.status})`), error.message);
        return true;
      });
    });
  }

  it("fault 6: a server that never answers does not hold the validator", async (test) => {
    const { store, services } = await startValidator(test, { requestTimeoutMs: 200 });
    store.fault = () => "silence";
    await assert.rejects(services.bucket.fetchPage(ALL), BucketError);
  });

  it("ends when the function's time does", async (test) => {
    const { store, services } = await startValidator(test, { requestTimeoutMs: 20_000 });
    store.fault = () => "silence";
    await assert.rejects(services.bucket.fetchPage(ALL, AbortSignal.timeout(100)), BucketError);
  });
});

describe("the validator's objects", () => {
  it("are listed over many pages, without what lies deeper", async (test) => {
    const { store, services } = await startValidator(test);
    store.pageSize = 2;
    for (const key of ["r/a", "r/b", "r/c/deeper", "r/d", "r/e", "r2/f"]) store.put(key, "");
    assert.deepEqual(await services.bucket.keysBelow("r/"), ["r/a", "r/b", "r/d", "r/e"]);
  });

  it("fault 7: are not believed when their listing goes round in a circle", async (test) => {
    const { store, services } = await startValidator(test);
    const one = { key: "r/a", ...store.put("r/a", "") };
    const two = { key: "r/b", ...store.put("r/b", "") };
    let pages = 0;
    store.fault = () => {
      pages += 1;
      const isOdd = pages % 2 === 1;
      return { status: 200, body: page({ objects: [isOdd ? one : two], token: isOdd ? "odd" : "even" }) };
    };
    await assert.rejects(services.bucket.keysBelow("r/"), ListingError);
    assert.equal(pages, 3);
  });

  it("are undefined when they are not there, but a missing bucket is an error", async (test) => {
    const { store, services } = await startValidator(test);
    assert.equal(await services.bucket.read("nothing"), undefined);
    store.fault = () => failure(404, "NoSuchBucket");
    await assert.rejects(services.bucket.read("nothing"), /could not read nothing: NoSuchBucket/);
  });

  it("a refusal says that it is one", async (test) => {
    const { store, services } = await startValidator(test);
    store.fault = () => failure(403, "AccessDenied");
    await assert.rejects(
      services.bucket.read("report"),
      (error) => error instanceof BucketError && error.denied && /AccessDenied/.test(error.message),
    );
  });

  it("fault 20: are written once, whoever comes first", async (test) => {
    const { store, services } = await startValidator(test);
    const written = await Promise.all(
      ["1", "2", "3", "4"].map((text) => services.bucket.writeIfUnchanged("report", text, undefined)),
    );
    assert.equal(written.filter(Boolean).length, 1);
    const winner = written.indexOf(true);
    assert.equal(store.text("report"), String(winner + 1));
  });

  it("fault 20: are replaced only while they are as they were read", async (test) => {
    const { store, services } = await startValidator(test);
    store.put("status", "old");
    const read = await services.bucket.read("status");
    assert.equal(await services.bucket.writeIfUnchanged("status", "new", read?.etag), true);
    assert.equal(await services.bucket.writeIfUnchanged("status", "stale", read?.etag), false);
    assert.equal(store.text("status"), "new");
    store.objects.delete("status");
    assert.equal(await services.bucket.writeIfUnchanged("status", "stale", read?.etag), false);
    assert.equal(store.text("status"), undefined);
  });

  it("fault 20: a conflict of two writes under way is tried again, and not for ever", async (test) => {
    const { store, services } = await startValidator(test);
    let conflicts = 2;
    store.fault = ({ action }) =>
      action === "put" && conflicts-- > 0 ? failure(409, "ConditionalRequestConflict") : undefined;
    assert.equal(await services.bucket.writeIfUnchanged("report", "1", undefined), true);
    conflicts = Number.POSITIVE_INFINITY;
    await assert.rejects(services.bucket.writeIfUnchanged("other", "1", undefined), /ConditionalRequestConflict/);
  });

  it("fault 19: a write whose answer is lost was written, and is not written twice", async (test) => {
    const { store, services } = await startValidator(test, { attempts: 3 });
    let lost = 1;
    store.fault = (asked: Asked, answer) => {
      if (asked.action !== "put" || lost-- <= 0) return undefined;
      answer();
      return "hang-up";
    };
    assert.equal(await services.bucket.writeIfUnchanged("report", "1", undefined), false);
    assert.equal(store.text("report"), "1");
    assert.deepEqual(
      store.asked.map(({ action, key }) => [action, key]),
      [
        ["put", "report"],
        ["put", "report"],
      ],
    );
  });
});

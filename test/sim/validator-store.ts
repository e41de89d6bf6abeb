/** The bucket as the validator sees it: the port of `lambda/`, over the bucket in memory. */
import { BucketError } from "#lambda/bucket.ts";
import type { BucketPort } from "#lambda/ports.ts";
import type { MemoryBucket } from "../agent/memory-bucket.ts";

/** How a call is carried out: a simulation lets it wait for its turn, fail, or never end. */
export type StoreGate = <T>(name: string, work: () => T | Promise<T>) => Promise<T>;

/** What a delivery does, for those who watch it. */
export interface StoreWatch {
  listed(key: string): void;
  written(key: string, text: string): void;
}

/** @param cuts whether a page loses its token on the way: it must not be taken for the last one */
export function validatorStore(
  bucket: MemoryBucket,
  gate: StoreGate,
  watch: StoreWatch,
  cuts: () => boolean,
): BucketPort {
  const fetchPage: BucketPort["fetchPage"] = (request) =>
    gate("validator: list", async () => {
      const page = await bucket.fetchPage(request);
      for (const { key } of page.objects) watch.listed(key);
      return cuts() ? { ...page, truncated: true, nextToken: undefined } : page;
    });
  const keysFrom: BucketPort["keysFrom"] = async (prefix) => {
    const keys: string[] = [];
    for (let token: string | undefined, truncated = true; truncated; ) {
      const page = await gate("validator: list", () =>
        bucket.fetchPage({ keyPrefix: prefix, startAfter: undefined, token }),
      );
      keys.push(...page.objects.map(({ key }) => key));
      ({ truncated, nextToken: token } = page);
    }
    return keys;
  };
  const place = (key: string, body: string | Buffer) => {
    bucket.place(key, body);
    watch.written(key, String(body));
  };
  return {
    fetchPage,
    keysFrom,
    keysBelow: async (prefix) => (await keysFrom(prefix)).filter((key) => !key.includes("/", prefix.length)),
    read: (key) =>
      gate("validator: read", () => {
        const object = bucket.objects.get(key);
        return object && { text: object.body.toString("utf8"), etag: object.etag };
      }),
    write: (key, body) => gate("validator: write", () => place(key, body)),
    writeIfUnchanged: (key, json, etag) =>
      gate("validator: write", () => {
        if (bucket.objects.get(key)?.etag !== etag) return false;
        place(key, json);
        return true;
      }),
  };
}

/** What S3 answers when it cannot serve. */
export function storeFault(operation: string): BucketError {
  return new BucketError(operation, Object.assign(new Error("Reduce your request rate."), { name: "SlowDown" }));
}

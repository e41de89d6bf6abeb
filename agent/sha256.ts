/**
 * SHA-256 as the SDK's signer calls for it. A signature takes two keyed hashes, nearly always with the same two keys, and
 * to make a key ready takes four times as long as to hash with it: here that is done once for each.
 */
import { createHash, createHmac, createSecretKey, type Hash, type Hmac, type KeyObject } from "node:crypto";

type SourceData = string | ArrayBuffer | ArrayBufferView;

/** Of the keys that the signer derives and keeps. */
const readyKeys = new WeakMap<object, KeyObject>();
/** Of the secret access key, which comes as a text. */
let readySecret: { readonly text: string; readonly key: KeyObject } | undefined;

/** One of the SDK's `Checksum`s. */
export class Sha256 {
  readonly #key: KeyObject | undefined;
  #hash: Hash | Hmac;

  constructor(secret?: SourceData) {
    this.#key = secret === undefined ? undefined : ready(secret);
    this.#hash = this.#begun();
  }

  update(data: SourceData): void {
    this.#hash.update(typeof data === "string" ? data : bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = this.#begun();
  }

  #begun(): Hash | Hmac {
    return this.#key === undefined ? createHash("sha256") : createHmac("sha256", this.#key);
  }
}

function ready(secret: SourceData): KeyObject {
  if (typeof secret === "string") {
    if (readySecret?.text !== secret) readySecret = { text: secret, key: createSecretKey(secret, "utf8") };
    return readySecret.key;
  }
  const known = readyKeys.get(secret);
  if (known !== undefined) return known;
  const key = createSecretKey(bytesOf(secret));
  readyKeys.set(secret, key);
  return key;
}

function bytesOf(data: Exclude<SourceData, string>): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

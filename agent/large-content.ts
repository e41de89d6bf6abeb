/**
 * A large content on its way to the connection: over TLS not hashed again for the signature, and encrypted piece by piece.
 */
import { Readable } from "node:stream";
import type { PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";

const SLICE_BYTES = 256 * 1024;

type HttpRequest = { readonly protocol: string; readonly headers: Record<string, string>; readonly body?: unknown };

/**
 * Has each try of a command's request sent as befits a large content. For retries it stays whole.
 *
 * Over TLS its SHA-256 is left out of the signature, as AWS's own tools do: it takes a quarter of the CPU of a large file,
 * and as much of the server's. Its CRC32, which S3 checks, is signed, and on the way TLS watches over it (decision 0004).
 */
export function asLargeContent<Command extends PutObjectCommand | UploadPartCommand>(command: Command): Command {
  // The two differ only in the types of what passes through.
  const { middlewareStack } = command as PutObjectCommand;
  middlewareStack.add(
    (next) => (args) => {
      const { protocol, headers } = args.request as HttpRequest;
      if (protocol === "https:") headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD";
      return next(args);
    },
    // Before it is signed.
    { step: "build", priority: "low", name: "leaveUnsigned" },
  );
  middlewareStack.add(
    (next) => (args) => {
      const request = args.request as HttpRequest;
      if (!(request.body instanceof Uint8Array)) return next(args);
      // Given as a whole, TLS encrypts all of it at once, which takes the same memory once more, and more time.
      const body = Readable.from(slicesOf(request.body), { objectMode: false, highWaterMark: SLICE_BYTES });
      return next({
        ...args,
        request: Object.assign(Object.create(Object.getPrototypeOf(request)), request, { body }),
      });
    },
    // The last before the handler.
    { step: "deserialize", priority: "low", name: "inSlices" },
  );
  return command;
}

function* slicesOf(content: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let from = 0; from < content.length; from += SLICE_BYTES) yield content.subarray(from, from + SLICE_BYTES);
}

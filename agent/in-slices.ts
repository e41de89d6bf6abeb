/**
 * A large content on its way to the connection. Given as a whole, TLS encrypts all of it at once, which takes the same
 * memory once more, and more time.
 */
import { Readable } from "node:stream";
import type { PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";

const SLICE_BYTES = 256 * 1024;

/** Has each try of the command's request sent slice by slice. For signature and retries the content stays whole. */
export function inSlices<Command extends PutObjectCommand | UploadPartCommand>(command: Command): Command {
  // The two differ only in the types of what passes through.
  (command as PutObjectCommand).middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { body?: unknown };
      if (!(request.body instanceof Uint8Array)) return next(args);
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

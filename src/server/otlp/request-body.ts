// The body of a request, bounded in bytes before and after it is unpacked.
import { promisify } from "node:util";
import { gunzip, gunzipSync } from "node:zlib";
import { MalformedError } from "./malformed.js";

export class TooLargeError extends Error {
  constructor(most: number) {
    super(`expected a body of at most ${most} bytes, unpacked; send less at once`);
    this.name = "TooLargeError";
  }
}

/** @throws TooLargeError, MalformedError for a content-encoding that is not gzip or broken */
export async function readRequestBody(request: Request, mostBytes: number): Promise<Uint8Array> {
  const bytes = await readBytes(request, mostBytes);
  const encoding = (request.headers.get("content-encoding") ?? "identity").trim().toLowerCase();
  if (encoding === "identity" || encoding === "") return bytes;
  if (encoding !== "gzip" && encoding !== "x-gzip")
    throw new MalformedError(`Content-Encoding ${JSON.stringify(encoding.slice(0, 40))}, expected gzip`);
  return bytes.length === 0 ? bytes : unpack(bytes, mostBytes);
}

// --- internal ---

const unpackAside = promisify(gunzip);
/** Smaller ones are unpacked at once: the way to another thread and back takes longer. */
const kAsideBytes = 1 << 15;

async function readBytes(request: Request, mostBytes: number): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  if (declared !== null && Number(declared) > mostBytes) throw new TooLargeError(mostBytes);
  // A declared length is kept by the HTTP parser.
  if (declared !== null) return new Uint8Array(await request.arrayBuffer());
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > mostBytes) throw new TooLargeError(mostBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function unpack(bytes: Uint8Array, mostBytes: number): Promise<Uint8Array> {
  const options = { maxOutputLength: mostBytes };
  try {
    return bytes.length < kAsideBytes ? gunzipSync(bytes, options) : await unpackAside(bytes, options);
  } catch (error) {
    if (error instanceof RangeError) throw new TooLargeError(mostBytes);
    throw new MalformedError(`a gzip body that cannot be unpacked: ${String(error)}`);
  }
}

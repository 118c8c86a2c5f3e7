// A request's body, bounded before and after decompression, as bytes or as JSON. What is wrong with it is the client's error.

import { isUtf8 } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gunzip, gunzipSync, inflate, inflateSync } from "node:zlib";
import type { Context } from "hono";
import { readSpelled } from "../../base/spelled-integers.js";
import { ApiError } from "./api-error.js";
import type { InFlight } from "./in-flight.js";
import { isNestedTooDeep, kMaxDepth } from "./json-depth.js";

/** A request as hono hands it on, or as it came from the socket. */
export type Received = Context | SocketRequest;

export interface SocketRequest {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** Where it counts. */
  readonly inFlight: InFlight;
}

/** @param name  in small letters */
export function headerOf(request: Received, name: string): string | undefined {
  if ("req" in request) return request.req.header(name);
  const value = request.incoming.headers[name];
  return typeof value === "object" ? value.join(", ") : value;
}

/** The bytes, decompressed. @throws ApiError 400, 413, 415 */
export async function readBytes(request: Received, maxBytes: number): Promise<Buffer> {
  return joined(await readPieces(request, maxBytes));
}

/** The bytes, decompressed, in the pieces that they came in. @throws ApiError 400, 413, 415 */
export async function readPieces(request: Received, maxBytes: number): Promise<readonly Buffer[]> {
  const encoding = headerOf(request, "content-encoding")?.trim().toLowerCase();
  const pieces = await readRaw(request, maxBytes);
  if (encoding === undefined || encoding === "" || encoding === "identity" || pieces.length === 0)
    return pieces;
  const bytes = joined(pieces);
  const decompress = (bytes.length < kAsideBytes ? kDecompressHere : kDecompressAside).get(encoding);
  if (decompress === undefined)
    throw new ApiError(415, `Unsupported Content-Encoding ${JSON.stringify(encoding.slice(0, 60))}`);
  try {
    return [await decompress(bytes, { maxOutputLength: maxBytes })];
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(maxBytes);
    throw new ApiError(400, `Expected a body compressed by ${encoding}, got something else`);
  }
}

/** The JSON; undefined for an empty body. @throws ApiError 400, 413, 415, 422 */
export async function readJson(c: Context, maxBytes: number): Promise<unknown> {
  const bytes = await readBytes(c, maxBytes);
  if (bytes.length === 0) return undefined;
  if (!isUtf8(bytes)) throw new ApiError(400, "Expected a body in UTF-8");
  const text = bytes.toString("utf8");
  try {
    if (isNestedTooDeep(text)) throw new ApiError(400, `Expected JSON nested at most ${kMaxDepth} deep`);
    return readSpelled(text);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    // The parser's own words quote the body; those of a number that is too large only name its place.
    const ctx = { error: error instanceof RangeError ? error.message : "not JSON" };
    const detail = { type: "json_invalid", loc: ["body", 0], msg: "JSON decode error", input: {}, ctx };
    throw new ApiError(422, [detail]);
  }
}

/** The refusal of a body that is too large. */
export function tooLarge(maxBytes: number): ApiError {
  return new ApiError(413, `Expected a body of at most ${maxBytes} bytes; send it in parts`);
}

// --- internal ---

type Options = { readonly maxOutputLength: number };
type Decompress = (bytes: Buffer, options: Options) => Buffer | Promise<Buffer>;

/** Smaller bodies are unpacked at once: the way to another thread and back takes longer. */
const kAsideBytes = 1 << 15;
const kDecompressHere: ReadonlyMap<string, Decompress> = new Map([
  ["gzip", gunzipSync],
  ["x-gzip", gunzipSync],
  ["deflate", inflateSync],
]);
const kDecompressAside: ReadonlyMap<string, Decompress> = new Map([
  ["gzip", promisify(gunzip) as Decompress],
  ["x-gzip", promisify(gunzip) as Decompress],
  ["deflate", promisify(inflate) as Decompress],
]);

function joined(pieces: readonly Buffer[]): Buffer {
  return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
}

async function readRaw(request: Received, maxBytes: number): Promise<readonly Buffer[]> {
  if (Number(headerOf(request, "content-length") ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const { incoming, outgoing, inFlight } = socketOf(request);
  // A socket's own stream where there is one: the web's costs a copy of each body.
  if (incoming !== undefined) {
    const read = () => collect(incoming, maxBytes, holder(outgoing, inFlight));
    return inFlight === undefined ? read() : inFlight.receive(read);
  }
  if (!("req" in request)) return [];
  const bytes = Buffer.from(await request.req.raw.arrayBuffer());
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  return bytes.length === 0 ? [] : [bytes];
}

function socketOf(request: Received): Partial<SocketRequest> {
  return "req" in request ? (request.env ?? {}) : request;
}

/** Counts bytes as being here until the request is answered. */
function holder(
  outgoing: ServerResponse | undefined,
  inFlight: InFlight | undefined,
): (bytes: number) => void {
  if (outgoing === undefined || inFlight === undefined) return () => undefined;
  let held = 0;
  outgoing.once("close", () => inFlight.giveBack(held));
  return (bytes) => {
    // Gone meanwhile: nobody would give them back.
    if (outgoing.destroyed) return;
    inFlight.take(bytes);
    held += bytes;
  };
}

// By events: leaving an iterator early would cut the connection before the refusal is sent.
function collect(
  incoming: IncomingMessage,
  maxBytes: number,
  hold: (bytes: number) => void,
): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const end = (finish: () => void) => {
      for (const [event, listener] of listeners) incoming.off(event, listener);
      finish();
    };
    const cut = () => end(() => reject(new ApiError(400, "The body ended before it was whole")));
    const listeners = [
      [
        "data",
        (chunk: Buffer) => {
          size += chunk.length;
          if (size > maxBytes) return end(() => reject(tooLarge(maxBytes)));
          try {
            hold(chunk.length);
          } catch (error) {
            chunks.length = 0;
            return end(() => reject(error));
          }
          chunks.push(chunk);
        },
      ],
      ["end", () => end(() => resolve(chunks))],
      ["error", cut],
      ["close", cut],
    ] as const;
    for (const [event, listener] of listeners) incoming.on(event, listener);
    if (incoming.readableEnded || incoming.destroyed) cut();
  });
}

// A request as a client gave it to its dispatcher, read into plain values.
import type { DispatchOptions } from "./dispatcher.js";

/** False for bodies that are not read here (FormData); their requests pass unseen. */
export function isReadableBody(body: unknown): boolean {
  return (
    body === undefined ||
    body === null ||
    typeof body === "string" ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    (isIterable(body) && !(body instanceof FormData))
  );
}

/** The whole body: text, bytes, a Blob, or a stream or iterable of text and bytes, which is used up. */
export async function readBody(body: unknown): Promise<Buffer> {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (body instanceof Blob) return Buffer.from(await body.arrayBuffer());
  if (!isIterable(body) || isBytes(body)) return toBuffer(body);
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(toBuffer(chunk));
  return Buffer.concat(chunks);
}

/** Names in lower case, values of repeated names joined with ", "; any form that undici takes. */
export function readHeaders(headers: DispatchOptions["headers"]): Record<string, string> {
  const read: Record<string, string> = {};
  for (const [name, value] of headerPairs(headers)) {
    if (value === undefined || value === null) continue;
    const key = String(name).toLowerCase();
    const text = Array.isArray(value) ? value.join(", ") : String(value);
    read[key] = key in read ? `${read[key]}, ${text}` : text;
  }
  return read;
}

// --- internal ---

type AnyIterable = Iterable<unknown> | AsyncIterable<unknown>;

function isIterable(body: unknown): body is AnyIterable {
  if (typeof body !== "object" || body === null) return typeof body === "string";
  return Symbol.asyncIterator in body || Symbol.iterator in body;
}

function isBytes(body: unknown): body is string | ArrayBuffer | ArrayBufferView {
  return typeof body === "string" || body instanceof ArrayBuffer || ArrayBuffer.isView(body);
}

function toBuffer(chunk: unknown): Buffer {
  if (ArrayBuffer.isView(chunk)) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return chunk instanceof ArrayBuffer ? Buffer.from(chunk) : Buffer.from(String(chunk));
}

function headerPairs(headers: unknown): Iterable<readonly [unknown, unknown]> {
  if (typeof headers !== "object" || headers === null) return [];
  if (!(Symbol.iterator in headers)) return Object.entries(headers);
  const items = [...(headers as Iterable<unknown>)];
  if (items.every((item) => Array.isArray(item) && item.length === 2)) return items as [unknown, unknown][];
  const names = items.filter((_, i) => i % 2 === 0);
  return names.map((name, i) => [name, items[2 * i + 1]] as const);
}

// OTLP over HTTP: traces in protobuf or JSON, packed or not, into a store. Metrics, logs and profiles are refused by name.
import { gzipSync } from "node:zlib";
import { type Context, Hono } from "hono";
import { LightningError } from "../../base/error.js";
import type { LightningStore } from "../../store/store.js";
import { answerBody } from "../store-api/answer.js";
import { ApiError } from "../store-api/api-error.js";
import { readPieces } from "../store-api/request-body.js";
import { createByteShelf } from "./byte-shelf.js";
import { decodeJsonTraces } from "./decode-json.js";
import { decodeProtobufTraces } from "./decode-protobuf.js";
import { MalformedError } from "./malformed.js";
import type { OtlpSpanGroup } from "./otlp-spans.js";
import { type PlacedSpans, placeSpans } from "./place-spans.js";
import { exportResponse, rpcStatus } from "./protobuf-answer.js";
import { NameCache } from "./protobuf-reader.js";

export interface OtlpOptions {
  /** Of one request, unpacked. Default 32 MiB. */
  readonly maxBodyBytes?: number;
  /** Told of spans that were left out. */
  readonly onRejected?: (rejected: number, reason: string) => void;
}

/** Routes at the server's root: POST /v1/traces, and 501 for the other signals. They throw only what nobody expected. */
export function otlpRoutes(store: LightningStore, options: OtlpOptions = {}): Hono {
  const { maxBodyBytes = 32 << 20 } = options;
  const names = new NameCache();
  const shelf = createByteShelf();
  const keepJson = (pieces: readonly Buffer[]) => placeSpans(store, decodeJsonTraces(Buffer.concat(pieces)));
  const keepProtobuf = async (pieces: readonly Buffer[]) => {
    const { bytes, release } = shelf.put(pieces);
    let groups: OtlpSpanGroup[];
    try {
      groups = decodeProtobufTraces(bytes, names);
    } catch (error) {
      release();
      throw error;
    }
    const placed = await placeSpans(store, groups);
    if (!placed.needsBytes) release();
    return placed;
  };
  const app = new Hono();
  app.post("/v1/traces", async (c) => {
    const type = contentType(c);
    try {
      if (type === null) {
        const got = c.req.header("content-type") ?? "";
        throw new MalformedError(`Unsupported Content-Type '${got}', expected '${kProtobuf}' or '${kJson}'`);
      }
      const pieces = await readPieces(c, maxBodyBytes);
      const placed = type === kJson ? await keepJson(pieces) : await keepProtobuf(pieces);
      if (placed.reason !== null) options.onRejected?.(placed.rejected, placed.reason);
      return answer(c, 200, type, type === kJson ? jsonResponse(placed) : protobufResponse(placed));
    } catch (error) {
      return failure(c, type ?? kProtobuf, error);
    }
  });
  for (const signal of ["metrics", "logs", "development/profiles"])
    app.post(`/v1/${signal}`, (c) => {
      const status = rpcStatus(12, `${signal} are not kept here; send traces to /v1/traces`);
      return answer(c, 501, kProtobuf, status);
    });
  return app;
}

// --- internal ---

const kProtobuf = "application/x-protobuf";
const kJson = "application/json";
type OtlpType = typeof kProtobuf | typeof kJson;
type Status = 200 | 400 | 413 | 501 | 503;

function contentType(c: Context): OtlpType | null {
  const type = (c.req.header("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  return type === kProtobuf || type === kJson ? type : null;
}

function protobufResponse({ rejected, reason }: PlacedSpans): Uint8Array {
  return exportResponse(rejected, reason);
}

function jsonResponse({ rejected, reason }: PlacedSpans): Uint8Array {
  const partial = { rejectedSpans: String(rejected), errorMessage: reason };
  return new TextEncoder().encode(JSON.stringify(reason === null ? {} : { partialSuccess: partial }));
}

/** Codes of google.rpc.Code; the reference leaves them out of a 400. */
function failure(c: Context, type: OtlpType, error: unknown): Response {
  const [status, code, message] = describe(error);
  const body =
    type === kJson ? new TextEncoder().encode(JSON.stringify({ code, message })) : rpcStatus(code, message);
  return answer(c, status, type, body);
}

function describe(error: unknown): [status: Status, code: number, message: string] {
  if (error instanceof MalformedError)
    return [
      400,
      3,
      error.message.startsWith("Unsupported") ? error.message : `${kUnreadable}: ${error.message}`,
    ];
  if (error instanceof ApiError)
    return error.status === 413 ? [413, 8, error.message] : [400, 3, `${kUnreadable}: ${error.message}`];
  // The store is closed or cannot be reached: exporters try again after 503.
  const isStores = error instanceof LightningError && (error.code === "E_STORE" || error.code === "E_CLOSED");
  if (isStores) return [503, 14, error.message];
  throw error;
}

const kUnreadable = "Unable to parse OTLP traces payload";

function answer(c: Context, status: Status, type: OtlpType, body: Uint8Array): Response {
  const packs = /\bgzip\b/i.test(c.req.header("accept-encoding") ?? "");
  const headers: Record<string, string> = { "content-type": type };
  if (packs) headers["content-encoding"] = "gzip";
  return answerBody(c, status, headers, new Uint8Array(packs ? gzipSync(body) : body));
}

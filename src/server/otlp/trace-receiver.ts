// What POST /v1/traces does, whoever hands the request on: traces in protobuf or JSON, packed or not, into a store.
import { gzipSync } from "node:zlib";
import { LightningError } from "../../base/error.js";
import type { LightningStore } from "../../store/store.js";
import { ApiError } from "../http/api-error.js";
import { headerOf, type Received, readPieces } from "../http/request-body.js";
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

export interface TraceAnswer {
  readonly status: 200 | 400 | 413 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Answers any request; throws what nobody expected, and an ApiError that says when to come back. */
export type TraceReceiver = (request: Received) => Promise<TraceAnswer>;

export function createTraceReceiver(store: LightningStore, options: OtlpOptions = {}): TraceReceiver {
  const { maxBodyBytes = 32 << 20 } = options;
  const names = new NameCache();
  const shelf = createByteShelf();
  const keepJson = (pieces: readonly Buffer[]) => placeSpans(store, decodeJsonTraces(Buffer.concat(pieces)));
  const keepProtobuf = async (pieces: readonly Buffer[]) => {
    const { bytes, release } = shelf.put(pieces);
    let groups: OtlpSpanGroup[];
    try {
      groups = decodeProtobufTraces({ bytes, names });
    } catch (error) {
      release();
      throw error;
    }
    const placed = await placeSpans(store, groups);
    if (!placed.needsBytes) release();
    return placed;
  };
  return async (request) => {
    const type = contentType(request);
    try {
      if (type === null) {
        const got = headerOf(request, "content-type") ?? "";
        throw new MalformedError(`Unsupported Content-Type '${got}', expected '${kProtobuf}' or '${kJson}'`);
      }
      const pieces = await readPieces(request, maxBodyBytes);
      const placed = type === kJson ? await keepJson(pieces) : await keepProtobuf(pieces);
      if (placed.reason !== null) options.onRejected?.(placed.rejected, placed.reason);
      return answer(request, 200, type, type === kJson ? jsonResponse(placed) : protobufResponse(placed));
    } catch (error) {
      // Whoever counts requests refuses this one.
      if (error instanceof ApiError && error.retrySeconds !== null) throw error;
      return failure(request, type ?? kProtobuf, error);
    }
  };
}

// --- internal ---

const kProtobuf = "application/x-protobuf";
const kJson = "application/json";
type OtlpType = typeof kProtobuf | typeof kJson;
type Status = TraceAnswer["status"];

function contentType(request: Received): OtlpType | null {
  const type = (headerOf(request, "content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
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
function failure(request: Received, type: OtlpType, error: unknown): TraceAnswer {
  const [status, code, message] = describe(error);
  const body =
    type === kJson ? new TextEncoder().encode(JSON.stringify({ code, message })) : rpcStatus(code, message);
  return answer(request, status, type, body);
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

function answer(request: Received, status: Status, type: OtlpType, body: Uint8Array): TraceAnswer {
  const packs = /\bgzip\b/i.test(headerOf(request, "accept-encoding") ?? "");
  if (!packs) return { status, headers: kHeaders[type], body: new Uint8Array(body) };
  const headers = { "content-type": type, "content-encoding": "gzip" };
  return { status, headers, body: new Uint8Array(gzipSync(body)) };
}

const kHeaders = {
  [kProtobuf]: { "content-type": kProtobuf },
  [kJson]: { "content-type": kJson },
} as const;

// Watches the response of a call that goes to its provider: the client sees it untouched, and when it is complete a
// span with request and response is recorded. Headers and query strings, where keys travel, never are; bodies lose theirs.
import { brotliDecompressSync, constants, gunzipSync, inflateSync } from "node:zlib";
import { textWithoutCredentials, withoutCredentials } from "../base/credentials.js";
import { chatAttributes } from "./chat-attributes.js";
import { type ActiveContext, runInContext } from "./context.js";
import type { DispatchHandler } from "./dispatcher.js";
import type { ModelApi } from "./model-api.js";
import { readHeaders } from "./request-body.js";
import { draftSpan, recordSpan, unixSeconds } from "./span.js";

/** A request that is passed on. */
export interface Exchange {
  readonly api: ModelApi;
  readonly url: URL;
  readonly model: string | null;
  readonly requestBody: Buffer;
  /** The body parsed; undefined when it is no JSON. */
  readonly request: unknown;
}

/** A handler for the dispatcher that lets `client` see everything and records the exchange when it ends. */
export function recordResponse(
  client: DispatchHandler,
  exchange: Exchange,
  context: ActiveContext,
): DispatchHandler {
  const startTime = unixSeconds();
  const seen: Seen = { status: null, encoding: "", chunks: [] };
  const end = (error?: Error): void =>
    runInContext(context, () =>
      recordExchange(exchange, { status: seen.status, text: decode(seen), startTime, error }),
    );
  const head = (status: number, headers: unknown): void => {
    seen.status = status;
    seen.encoding = readHeaders(headers)["content-encoding"] ?? "";
  };
  // What is watched of each method, before the client's own runs.
  const watchers: { readonly [K in keyof DispatchHandler]?: (...values: never[]) => void } = {
    onHeaders: head,
    onData: (chunk: Buffer) => void seen.chunks.push(Buffer.from(chunk)),
    onComplete: () => end(),
    onError: (error: Error) => end(error),
    onResponseStart: (_controller: unknown, status: number, headers: unknown) => head(status, headers),
    onResponseData: (_controller: unknown, chunk: Buffer) => void seen.chunks.push(Buffer.from(chunk)),
    onResponseEnd: () => end(),
    onResponseError: (_controller: unknown, error: Error) => end(error),
  };
  return watchMethods(client, watchers as Readonly<Record<string, (...values: unknown[]) => void>>);
}

/** How a request that was passed on ended. */
export interface ExchangeEnd {
  /** Null when no response came. */
  readonly status: number | null;
  /** The response's body, as far as it came. */
  readonly text: string;
  /** Unix seconds. */
  readonly startTime: number;
  /** Undefined when nothing failed. */
  readonly error: unknown;
}

/** Records the span of an exchange as the running rollout's. */
export function recordExchange(exchange: Exchange, end: ExchangeEnd): void {
  const span = draftSpan({ ...describe(exchange, end), startTime: end.startTime });
  if (span !== undefined) recordSpan(span);
}

// --- internal ---

interface Seen {
  status: number | null;
  encoding: string;
  readonly chunks: Buffer[];
}

// A proxy, so that the handler keeps the generation it has: which methods exist is how undici tells.
function watchMethods(
  client: DispatchHandler,
  watchers: Readonly<Record<string, (...values: unknown[]) => void>>,
): DispatchHandler {
  return new Proxy(client, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      const watch = typeof key === "string" && Object.hasOwn(watchers, key) ? watchers[key] : undefined;
      return (...values: unknown[]) => {
        watch?.(...values);
        return Reflect.apply(value, target, values);
      };
    },
  });
}

function describe({ api, url, model, requestBody, request }: Exchange, end: ExchangeEnd) {
  const { status, error } = end;
  const response = textWithoutCredentials(end.text);
  const failed = error === undefined ? null : textWithoutCredentials(messageOf(error));
  const failure = failed ?? ((status ?? 0) >= 400 ? `HTTP ${status}` : null);
  return {
    name: api,
    attributes: {
      "agentlightning.route": "forward",
      "server.address": url.host,
      "url.path": url.pathname,
      ...(model === null ? {} : { "gen_ai.request.model": model }),
      ...(status === null ? {} : { "http.response.status_code": status }),
      ...(api === "openai.chat.completion" ? chatAttributes(withoutCredentials(request), response) : {}),
      "agentlightning.request.body": textWithoutCredentials(requestBody.toString("utf8")),
      "agentlightning.response.body": response,
    },
    status: { code: failure === null ? ("OK" as const) : ("ERROR" as const), description: failure },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Bytes are still encoded at the dispatcher. A stream that was cut is decoded as far as it goes.
function decode({ encoding, chunks }: Seen): string {
  const bytes = Buffer.concat(chunks);
  const decoder = kDecoders[encoding.trim().toLowerCase()];
  if (bytes.length === 0 || encoding === "" || encoding === "identity") return bytes.toString("utf8");
  if (decoder === undefined) return `(${bytes.length} bytes, content-encoding ${encoding})`;
  try {
    return decoder(bytes).toString("utf8");
  } catch (error) {
    return `(${bytes.length} bytes, content-encoding ${encoding}: ${String(error)})`;
  }
}

const kDecoders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }),
  "x-gzip": (bytes) => gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }),
  deflate: (bytes) => inflateSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }),
  br: (bytes) => brotliDecompressSync(bytes, { finishFlush: constants.BROTLI_OPERATION_FLUSH }),
};

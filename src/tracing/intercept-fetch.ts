// What happens to one call of a fetch that goes past undici's dispatchers: the same as at a dispatcher, with requests and responses of fetch.
import { orAborted } from "../base/or-aborted.js";
import { type ActiveContext, runInContext } from "./context.js";
import { decideCall } from "./decide-call.js";
import { findCall, type RolloutCall } from "./find-call.js";
import { type Exchange, recordExchange } from "./forward.js";
import { refusalResponse } from "./refusal.js";
import { kNameHeader } from "./rollout-name.js";
import { unixSeconds } from "./span.js";
import { uploadAnswer } from "./trace-upload.js";

export type Fetch = typeof globalThis.fetch;

/** @returns as `original` does */
export async function interceptFetch(
  original: Fetch,
  input: Parameters<Fetch>[0],
  init: RequestInit | undefined,
): Promise<Response> {
  const asked = input instanceof Request ? input : undefined;
  const address = asked?.url ?? String(input);
  const headers = new Headers(init?.headers ?? asked?.headers);
  const isNamed = headers.has(kNameHeader);
  const method = (init?.method ?? asked?.method ?? "GET").toUpperCase();
  // What fetch cannot take either is its to refuse.
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const found = url && findCall({ method, path: url.pathname + url.search, origin: url.origin, headers });
  headers.delete(kNameHeader);
  if (found === undefined) return await original(input, isNamed ? { ...init, headers } : init);
  const request = new Request(input, { ...init, headers });
  const body = Buffer.from(await request.arrayBuffer());
  if ("refusal" in found) return refusalResponse(found.refusal, found.api);
  const within: ActiveContext = { ...found.context, isRouted: false };
  const pass = () =>
    runInContext(within, () =>
      original(request.url, {
        ...{ redirect: request.redirect, ...init, method, headers, signal: request.signal },
        ...(body.length === 0 ? {} : { body }),
      }),
    );
  const decision = runInContext(within, () => decideCall(found, body));
  switch (decision.kind) {
    case "refuse":
      return refusalResponse(decision.refusal, found.api);
    case "upload":
      return uploadAnswer();
    case "pass":
      return await pass();
    case "record":
      return await record(found.context, decision.exchange, pass);
    case "serve":
      return await serve(found, within, request, body);
  }
}

// --- internal ---

async function serve(
  { context, url }: RolloutCall,
  within: ActiveContext,
  request: Request,
  body: Buffer,
): Promise<Response> {
  const signal = AbortSignal.any([request.signal, context.scope.signal]);
  const { "accept-encoding": _notCompressed, ...headers } = Object.fromEntries(request.headers);
  const { method } = request;
  const answering = runInContext(within, () =>
    context.scope.handle({ method, url: url.href, headers, body, signal }),
  );
  const response = await orAborted(answering, signal);
  // A stream ends when its client or its rollout does.
  const stream = response.body?.pipeThrough(new TransformStream(), { signal });
  return new Response(stream ?? null, response);
}

/** The span is recorded before the client has the last piece, so that its rollout cannot be over by then. */
async function record(
  context: ActiveContext,
  exchange: Exchange,
  pass: () => Promise<Response>,
): Promise<Response> {
  const startTime = unixSeconds();
  const chunks: Uint8Array[] = [];
  const end = (status: number | null, error?: unknown) => {
    const text = Buffer.concat(chunks).toString("utf8");
    runInContext(context, () => recordExchange(exchange, { status, text, startTime, error }));
  };
  let response: Response;
  try {
    response = await pass();
  } catch (error) {
    end(null, error);
    throw error;
  }
  if (response.body === null) {
    end(response.status);
    return response;
  }
  const watcher = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      chunks.push(chunk);
      controller.enqueue(chunk);
    },
    flush: () => end(response.status),
  });
  return new Response(response.body.pipeThrough(watcher), response);
}

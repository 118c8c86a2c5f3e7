// Answers a served call where Node's own fetch is called, before a request is made of it: what fetch does to carry a request and its response costs
// more than the answer. Only calls in the plain form in which SDKs make them; all others, and those of a fetch that was captured before, are
// answered at the dispatcher, with the same outcome.
import { orAborted } from "../base/or-aborted.js";
import type { ParsedBody } from "../types/model-call.js";
import { runInContext } from "./context.js";
import { asServed, noteServed } from "./decide-call.js";
import { findCall, type RolloutCall } from "./find-call.js";
import type { Fetch } from "./intercept-fetch.js";
import { readHeaders } from "./request-body.js";
import { kNameHeader } from "./rollout-name.js";
import { servedHeaders } from "./serve.js";
import { type BodyLife, bindBody } from "./streamed-response.js";

/** Whether this is the fetch that Node comes with, and nobody's wrapper of it, who would want to see the call. */
export function isNodesOwn(fetchFunction: Fetch): boolean {
  return kNodesOwn.test(Function.prototype.toString.call(fetchFunction));
}

/** @returns undefined for a call that must go on; nothing has happened to it then */
export function answerEarly(
  input: Parameters<Fetch>[0],
  init: RequestInit | undefined,
): Promise<Response> | undefined {
  const { body, method, headers, signal } = init ?? {};
  if (typeof body !== "string" || method?.toUpperCase() !== "POST" || signal?.aborted) return undefined;
  if (input instanceof Request || !URL.canParse(String(input))) return undefined;
  const url = new URL(input);
  const found = findCall({ method: "POST", path: url.pathname + url.search, origin: url.origin, headers });
  if (found === undefined || "refusal" in found) return undefined;
  const served = asServed(found, body);
  if (served === undefined) return undefined;
  noteServed(found);
  return answer(found, { ...served, body, headers, client: signal ?? undefined });
}

// --- internal ---

const kNodesOwn =
  /^function fetch\(input, init = undefined\) \{[^{}]*(?:if \(!fetchImpl\)|lazyUndici\(\)\.fetch\()/;

interface Sent {
  readonly body: string;
  readonly parsed: ParsedBody | undefined;
  readonly headers: unknown;
  readonly client: AbortSignal | undefined;
}

async function answer(
  { context, url, sent }: RolloutCall,
  { body, parsed, ...call }: Sent,
): Promise<Response> {
  const { scope } = context;
  const { "accept-encoding": _, [kNameHeader]: __, ...headers } = readHeaders(call.headers);
  const life = join(scope.signal, call.client);
  const { signal } = life;
  const request = {
    ...{ method: "POST", url: url.href, body: Buffer.from(body), parsed, signal },
    headers: { "content-type": "text/plain;charset=UTF-8", ...headers },
  };
  // A handler may throw at once, too.
  const handling = runInContext({ ...context, isRouted: false }, async () => await scope.handle(request));
  try {
    const response = await orAborted(handling, signal);
    const answered = carried(response, life);
    Object.defineProperty(answered, "url", { value: sent.href.split("#", 1)[0] });
    return answered;
  } catch (error) {
    life.release();
    // What comes after all has nobody to go to.
    handling.then((late) => late.body?.cancel(error)).catch(() => undefined);
    throw life.toFailure("fetch failed", error);
  }
}

function isOfConnection({ headers }: Response): boolean {
  return headers.has("content-encoding") || headers.has("transfer-encoding") || headers.has("connection");
}

/** The response with a body that ends when its client or its rollout does. */
function carried(response: Response, life: BodyLife): Response {
  if (isOfConnection(response)) return copied(response, life);
  if (bindBody(response, life)) return response;
  if (response.headers.get("content-type")?.startsWith("application/json") !== true)
    return copied(response, life);
  life.release();
  return response;
}

function copied(response: Response, { signal, stop, release, toFailure }: BodyLife): Response {
  const { status, statusText } = response;
  const head = {
    status,
    statusText,
    headers: servedHeaders(response).map(([name, value]): [string, string] => [name, value]),
  };
  const reader = response.body?.getReader();
  if (reader === undefined) return new Response(null, head);
  let isOver = false;
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) =>
        signal.addEventListener("abort", () => {
          // Whoever reads has the reason; a body that fails while it is thrown away has nobody to tell.
          if (!isOver) controller.error(toFailure("terminated", signal.reason));
          reader.cancel(signal.reason).catch(() => undefined);
        }),
      async pull(controller) {
        try {
          const { value } = await reader.read();
          if (signal.aborted) return;
          if (value !== undefined) return controller.enqueue(value);
          controller.close();
        } catch (error) {
          if (signal.aborted) return;
          controller.error(toFailure("terminated", error));
        }
        isOver = true;
        release();
      },
      cancel(reason) {
        isOver = true;
        release();
        stop(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, head);
}

/** Aborts as the first of the two does, until it is released, or when it is stopped. Fails as fetch does: with the client's own reason, or else with a TypeError that has the cause. */
function join(rollout: AbortSignal, client: AbortSignal | undefined): BodyLife {
  const controller = new AbortController();
  const [byRollout, byClient] = [
    () => controller.abort(rollout.reason),
    () => controller.abort(client?.reason),
  ];
  rollout.addEventListener("abort", byRollout, { once: true });
  client?.addEventListener("abort", byClient, { once: true });
  return {
    signal: controller.signal,
    stop: (reason) => controller.abort(reason),
    release: () => {
      rollout.removeEventListener("abort", byRollout);
      client?.removeEventListener("abort", byClient);
    },
    toFailure: (message, error) =>
      client?.aborted ? client.reason : new TypeError(message, { cause: error }),
  };
}

// One attempt at one rollout: the agent runs in its context with a deadline and an AbortSignal; how it ended is data, never an exception.
import { setMaxListeners } from "node:events";
import { kLongestTimerMs } from "../store/waiters.js";
import { runInRollout } from "../tracing/run-in-rollout.js";
import type { Agent, AgentResult } from "../types/agent.js";
import type { ModelHandler, RouteAction } from "../types/model-call.js";
import type { Resources } from "../types/resources.js";
import type { RolloutMode } from "../types/rollout.js";
import type { SpanDraft } from "../types/span.js";
import { isProviderError } from "./provider-error.js";

export interface RunOptions {
  readonly agent: Agent<never>;
  readonly input: unknown;
  readonly rolloutId: string;
  readonly attemptId: string;
  readonly mode: RolloutMode;
  readonly resources: Resources;
  /** From now; null is no deadline. */
  readonly timeoutMs: number | null;
  /** Cancels the rollout. */
  readonly signal?: AbortSignal | undefined;
  readonly handle: ModelHandler;
  route(host: string, model: string | null): RouteAction;
  redact?: ((span: SpanDraft) => SpanDraft | null) | undefined;
  /** Told of each span as it ends, besides the report. */
  onSpan?: ((span: SpanDraft) => void) | undefined;
}

export interface RunReport {
  readonly ended: "returned" | "threw" | "provider-error" | "timeout" | "cancelled";
  /** What the agent returned; undefined unless it did. */
  readonly result: AgentResult;
  /** What was thrown or why it was aborted; undefined when it returned. */
  readonly error: unknown;
  /** In the order in which they ended. */
  readonly spans: readonly SpanDraft[];
  /** Model calls that the policy answered. */
  readonly policyCalls: number;
  /** Spans that came after the end. */
  readonly droppedSpans: number;
  readonly seconds: number;
}

/** @returns how it ended; never rejects */
export async function runRollout(options: RunOptions): Promise<RunReport> {
  const started = performance.now();
  const abort = new AbortController();
  // One listener a model call is no leak.
  setMaxListeners(0, abort.signal);
  const spans: SpanDraft[] = [];
  const refusals: number[] = [];
  let policyCalls = 0;
  let droppedSpans = 0;
  const timer = startDeadline(options, abort);
  const cancel = () => abort.abort(options.signal?.reason);
  if (options.signal?.aborted) cancel();
  options.signal?.addEventListener("abort", cancel, { once: true });
  const handle: ModelHandler = async (request) => {
    const response = await options.handle(request);
    if (response.ok) policyCalls += 1;
    else refusals.push(response.status);
    return response;
  };
  const { agent, rolloutId, attemptId, mode, resources } = options;
  const context = { rolloutId, attemptId, mode, resources, signal: abort.signal };
  const finish = (ended: RunReport["ended"], result: AgentResult, error: unknown): RunReport => ({
    ...{ ended, result, error, policyCalls, droppedSpans },
    // A copy: what the agent's leftovers add later is not part of the rollout.
    spans: [...spans],
    seconds: (performance.now() - started) / 1000,
  });
  try {
    const scope = {
      ...context,
      handle,
      route: options.route,
      ...(options.redact === undefined ? {} : { redact: options.redact }),
      record: (span: SpanDraft) => {
        spans.push(span);
        options.onSpan?.(span);
      },
      drop: () => {
        droppedSpans += 1;
      },
    };
    const running = runInRollout(scope, () => agent(options.input as never, context));
    const result = await untilAborted(running, abort.signal);
    return finish("returned", result, undefined);
  } catch (error) {
    if (abort.signal.aborted) {
      return finish(options.signal?.aborted ? "cancelled" : "timeout", undefined, abort.signal.reason);
    }
    return finish(isProviderError(error, refusals) ? "provider-error" : "threw", undefined, error);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", cancel);
  }
}

// --- internal ---

function startDeadline(options: RunOptions, abort: AbortController): NodeJS.Timeout | undefined {
  const { timeoutMs, rolloutId } = options;
  // Longer than a timer can be told to wait is as good as for ever.
  if (timeoutMs === null || timeoutMs > kLongestTimerMs) return undefined;
  return setTimeout(() => {
    const message = `rollout ${rolloutId}: expected the agent to finish within ${timeoutMs} ms`;
    abort.abort(new DOMException(message, "TimeoutError"));
  }, timeoutMs);
}

/** The promise, or the signal's reason as soon as it aborts: an agent that ignores its signal is not waited for. */
function untilAborted<T>(running: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    running.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

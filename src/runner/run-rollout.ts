// One attempt at one rollout: the agent runs in its context with a deadline and an AbortSignal; how it ended is data, never an exception.

import { AsyncLocalStorage } from "node:async_hooks";
import { setMaxListeners } from "node:events";
import { setImmediate } from "node:timers";
import { orAborted } from "../base/or-aborted.js";
import { runInRollout } from "../tracing/run-in-rollout.js";
import { watchStrays } from "../tracing/strays.js";
import type { Agent, AgentResult } from "../types/agent.js";
import type { CallNote, ModelHandler, RouteAction } from "../types/model-call.js";
import type { Resources } from "../types/resources.js";
import type { RolloutMode } from "../types/rollout.js";
import type { SpanDraft } from "../types/span.js";
import { type CallReport, createCallAccount } from "./call-account.js";
import { startDeadline } from "./deadline.js";
import { createLateStrays } from "./late-strays.js";
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
  /** Told of each model call as it begins. */
  onCall?: ((call: CallNote) => void) | undefined;
}

export interface RunReport {
  readonly ended: "returned" | "threw" | "provider-error" | "timeout" | "cancelled";
  /** What the agent returned; undefined unless it did. */
  readonly result: AgentResult;
  /** What was thrown or why it was aborted; undefined when it returned. */
  readonly error: unknown;
  /** In the order in which they ended. */
  readonly spans: readonly SpanDraft[];
  readonly calls: CallReport;
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
  const account = createCallAccount();
  let droppedSpans = 0;
  let inRollout = (fn: () => void) => fn();
  let cut: Cut | undefined;
  const end = (ended: RunReport["ended"], error: unknown) => {
    if (cut !== undefined) return;
    cut = { ended, error };
    // What the agent's listeners throw is the rollout's.
    inRollout(() => abort.abort(error));
  };
  const { agent, rolloutId, attemptId, mode, resources, timeoutMs, signal } = options;
  const deadline = startDeadline(timeoutMs, () => {
    const message = `rollout ${rolloutId}: expected the agent to finish within ${timeoutMs} ms`;
    end("timeout", new DOMException(message, "TimeoutError"));
  });
  const cancel = () => void (deadline.isPast() || end("cancelled", signal?.reason));
  if (signal?.aborted) cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  const handle: ModelHandler = async (request) => {
    const response = await options.handle(request);
    account.answer(response);
    if (!response.ok) refusals.push(response.status);
    return response;
  };
  const finish = (ended: RunReport["ended"], result: AgentResult, error: unknown): RunReport => ({
    ...{ ended, result, error, droppedSpans, calls: account.report() },
    // A copy: what the agent's leftovers add later is not part of the rollout.
    spans: [...spans],
    seconds: (performance.now() - started) / 1000,
  });
  const lateStrays = createLateStrays(rolloutId);
  let isFinished = false;
  const scope = {
    ...{ rolloutId, attemptId, mode, resources, signal: abort.signal, handle, route: options.route },
    ...(options.redact === undefined ? {} : { redact: options.redact }),
    note: (call: CallNote) => {
      account.note(call);
      options.onCall?.(call);
    },
    record: (span: SpanDraft) => {
      if (deadline.isPast()) return scope.drop();
      spans.push(span);
      options.onSpan?.(span);
    },
    drop: () => {
      droppedSpans += 1;
    },
    fail: (error: unknown) => {
      if (isFinished || cut !== undefined) lateStrays(error, cut?.error);
      else end(isProviderError(error, refusals) ? "provider-error" : "threw", error);
    },
  };
  const unwatch = watchStrays();
  const running = runInRollout(scope, (visible) => {
    inRollout = AsyncLocalStorage.snapshot();
    return agent(options.input as never, visible);
  });
  // An agent that was given up may still leave some.
  void settled(running).then(nextTurn).then(unwatch);
  const last = await settled(orAborted(running, abort.signal));
  if (!deadline.isPast()) deadline.close();
  // What it left behind that failed already is known when the loop turns.
  await nextTurn();
  isFinished = true;
  signal?.removeEventListener("abort", cancel);
  if (cut !== undefined) return finish(cut.ended, undefined, cut.error);
  if ("result" in last) return finish("returned", last.result, undefined);
  return finish(isProviderError(last.error, refusals) ? "provider-error" : "threw", undefined, last.error);
}

// --- internal ---

/** Why it was ended before its agent was done. */
interface Cut {
  readonly ended: RunReport["ended"];
  readonly error: unknown;
}

function settled<T>(promise: Promise<T>): Promise<{ readonly result: T } | { readonly error: unknown }> {
  return promise.then(
    (result) => ({ result }),
    (error: unknown) => ({ error }),
  );
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

// One attempt at one rollout: the agent runs in its context with a deadline and an AbortSignal; how it ended is data, never an exception.

import { argumentError } from "../base/check.js";
import { performance, setImmediate } from "../base/clock.js";
import { orAborted } from "../base/or-aborted.js";
import { findSpelled } from "../base/spelled-integers.js";
import type { RolloutScope } from "../tracing/context.js";
import { runInRollout } from "../tracing/run-in-rollout.js";
import { watchStrays } from "../tracing/strays.js";
import type { Agent, AgentResult, RolloutEndpoint } from "../types/agent.js";
import type { CallNote, ModelHandler, RouteAction } from "../types/model-call.js";
import type { Resources } from "../types/resources.js";
import type { RolloutMode } from "../types/rollout.js";
import type { SpanDraft } from "../types/span.js";
import { type CallReport, createCallAccount } from "./call-account.js";
import { type Cut, createEnding, type Ending, type EndingOptions, type RunEnd } from "./ending.js";
import { createLateStrays } from "./late-strays.js";
import { isProviderError } from "./provider-error.js";
import type { Redact } from "./redact.js";

export interface RunOptions extends EndingOptions {
  readonly agent: Agent<never>;
  readonly input: unknown;
  readonly attemptId: string;
  readonly mode: RolloutMode;
  readonly resources: Resources;
  /** Where something listens for its calls. */
  readonly endpoint?: RolloutEndpoint | undefined;
  readonly handle: ModelHandler;
  route(host: string, model: string | null): RouteAction;
  redact?: Redact | undefined;
  /** Told of each span as it ends, besides the report. */
  onSpan?: ((span: SpanDraft) => void) | undefined;
  /** Told of each model call as it begins. */
  onCall?: ((call: CallNote) => void) | undefined;
}

export interface RunReport {
  readonly ended: RunEnd;
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
  const ending = createEnding(options);
  const observer = createObserver(options, ending);
  const unwatch = watchStrays();
  const running = runInRollout(observer.scope, (visible) => {
    ending.enter();
    checkTask(options.input);
    return options.agent(options.input as never, visible);
  });
  // An agent that was given up may still leave some.
  void settled(running).then(nextTurn).then(unwatch);
  const last = await settled(orAborted(running, ending.signal));
  if (!ending.deadline.isPast()) ending.deadline.close();
  // What it left behind that failed already is known when the loop turns.
  await nextTurn();
  ending.close();
  const observed = observer.end();
  const seconds = (performance.now() - started) / 1000;
  const { ended, error } = ending.cut() ?? endOf(last, observer);
  const result = ended === "returned" && "result" in last ? last.result : undefined;
  return { ...observed, ended, result, error, seconds };
}

// --- internal ---

type Settled<T> = { readonly result: T } | { readonly error: unknown };

interface Observer {
  /** The rollout as tracing sees it. */
  readonly scope: RolloutScope;
  /** What an error of the agent's counts as. */
  blame(error: unknown): "provider-error" | "threw";
  /** @returns what was seen so far; what comes later is not part of the rollout */
  end(): Pick<RunReport, "spans" | "calls" | "droppedSpans">;
}

function createObserver(options: RunOptions, ending: Ending): Observer {
  const { rolloutId, attemptId, mode, resources, route, redact, endpoint } = options;
  const spans: SpanDraft[] = [];
  const account = createCallAccount();
  const lateStrays = createLateStrays(rolloutId, redact);
  let droppedSpans = 0;
  let isOver = false;
  const drop = () => {
    droppedSpans += 1;
  };
  const blame = (error: unknown) => (isProviderError(error, account.refusals) ? "provider-error" : "threw");
  const handle = account.counted(options.handle);
  const scope: RolloutScope = {
    ...{ rolloutId, attemptId, mode, resources, route, handle, drop, signal: ending.signal },
    ...(redact === undefined ? {} : { redact }),
    ...(endpoint === undefined ? {} : { endpoint }),
    note: (call) => {
      account.note(call);
      options.onCall?.(call);
    },
    record: (span) => {
      if (ending.deadline.isPast()) return drop();
      spans.push(span);
      options.onSpan?.(span);
    },
    fail: (error) => {
      const cut = ending.cut();
      if (isOver || cut !== undefined) lateStrays(error, cut?.error);
      else ending.end(blame(error), error);
    },
  };
  const end = () => {
    isOver = true;
    return { spans: [...spans], droppedSpans, calls: account.report() };
  };
  return { scope, blame, end };
}

/** @throws E_ARGUMENT for an integer that would reach the agent as another one */
function checkTask(input: unknown): void {
  const path = findSpelled(input, "task");
  if (path !== undefined)
    throw argumentError(
      "runner",
      `${path} to be an integer that a JavaScript number holds`,
      "one beyond 2^53",
      "send it as text",
    );
}

function endOf(last: Settled<AgentResult>, { blame }: Observer): Cut {
  if ("result" in last) return { ended: "returned", error: undefined };
  return { ended: blame(last.error), error: last.error };
}

function settled<T>(promise: Promise<T>): Promise<Settled<T>> {
  return promise.then(
    (result) => ({ result }),
    (error: unknown) => ({ error }),
  );
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

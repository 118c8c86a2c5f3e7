// Rollouts of one batch, through the runner into the store, and what training reads of them.
import { setMaxListeners } from "node:events";
import { inContentOrder } from "../adapter/content-order.js";
import { toTrajectories } from "../adapter/trajectories.js";
import { toTransitions } from "../adapter/transitions.js";
import { argumentError } from "../base/check.js";
import { LightningError } from "../base/error.js";
import type { Policy } from "../policy/policy.js";
import { inDoubt, isRewarded, type Outcome, toOutcome } from "../runner/outcome.js";
import { resourcesOf } from "../runner/rollout-resources.js";
import { type RunReport, runRollout } from "../runner/run-rollout.js";
import type { Sampling } from "../server/answer-call.js";
import { toCallSpan } from "../server/call-span.js";
import { type ChatHandlerOptions, createChatHandler } from "../server/chat-handler.js";
import type { LightningStore } from "../store/store.js";
import { assertReach } from "../tracing/self-test.js";
import { emitSpan } from "../tracing/span.js";
import type { Agent } from "../types/agent.js";
import type { CallRequest } from "../types/call-request.js";
import type { AttemptedRollout } from "../types/rollout.js";
import type { Span, SpanDraft } from "../types/span.js";
import type { RolloutResult } from "../types/task-group.js";
import { type Doubt, type Doubts, doubtsOfBatch } from "./doubts.js";
import type { Settings } from "./options.js";
import { type RolloutPlace, rolloutSeed } from "./seeds.js";
import { createStopwatch } from "./stopwatch.js";

export interface BatchContext {
  readonly policy: Policy;
  readonly agent: Agent<never>;
  readonly store: LightningStore;
  readonly settings: Settings;
  readonly redact?: ((span: SpanDraft) => SpanDraft | null) | undefined;
  /** Gives each rollout a task of its own. */
  readonly toOwnTask: (task: unknown) => unknown;
  /** Names the run in its rollouts' metadata. */
  readonly checkpoint: { readonly run: string };
  /** Fields of model calls that were warned of; grows. */
  readonly warnedFields: Set<string>;
}

export interface BatchRequest {
  readonly input: unknown;
  readonly place: RolloutPlace;
}

export interface FinishedRollout {
  readonly result: RolloutResult;
  readonly spans: readonly Span[];
}

export interface BatchReport {
  /** In the order of the requests. */
  readonly rollouts: readonly FinishedRollout[];
  /** Wall seconds in which the policy was sampling. */
  readonly samplingSeconds: number;
}

export interface BatchOptions {
  sampling(request: CallRequest): Sampling;
  readonly signal: AbortSignal;
  onRollout(rollout: FinishedRollout): void;
}

/**
 * Rejects with E_STATE where the agent's calls cannot be seen, with the signal's reason, and with what fails for all rollouts alike (the store, the policy, `redact`, `onRollout`); no rollout runs any
 * more then.
 */
export async function runBatch(
  context: BatchContext,
  requests: readonly BatchRequest[],
  options: BatchOptions,
): Promise<BatchReport> {
  const { settings } = context;
  await assertReach("trainer");
  const broken = new AbortController();
  const signal = AbortSignal.any([options.signal, broken.signal]);
  // One listener a rollout is no leak.
  setMaxListeners(0, signal);
  const stopwatch = createStopwatch();
  const { config, contextLength, tokenizer } = context.policy;
  const policy: AnsweringPolicy = {
    ...{ config, contextLength, tokenizer },
    renderChat: (messages, renderOptions) => context.policy.renderChat(messages, renderOptions),
    sample: (sampleOptions) =>
      stopwatch.during(
        context.policy.sample(sampleOptions).catch((error: unknown) => {
          if (!sampleOptions.signal?.aborted && isPolicyFailure(error)) broken.abort(error);
          throw error;
        }),
      ),
  };
  const redact = context.redact && checkedRedact(context.redact, broken);
  const doubts = doubtsOfBatch();
  const running: RunningBatch = {
    context: { ...context, redact },
    policy,
    doubts,
    options: { ...options, signal },
  };
  const finished: FinishedRollout[] = [];
  // The others end first: what still ran would meet the next batch.
  const orBreak = (promise: Promise<void>) => promise.catch((error: unknown) => broken.abort(error));
  const unsettled: Promise<void>[] = [];
  const finish = async (index: number, ended: EndedRollout, doubt: Doubt | null) => {
    const done = await settle(context, ended, doubt);
    finished[index] = done;
    options.onRollout(done);
  };
  const runAt = async (index: number, request: BatchRequest, workerId: string) => {
    const ended = await runOne(running, request, workerId);
    const { doubt } = ended;
    // Its place is free meanwhile: what it waits for may want it.
    if (doubt instanceof Promise) unsettled.push(orBreak(doubt.then((known) => finish(index, ended, known))));
    else await finish(index, ended, doubt);
  };
  let next = 0;
  const work = async (workerId: string) => {
    for (let index = next++; index < requests.length; index = next++) {
      const request = requests[index];
      if (request === undefined || signal.aborted) return;
      await orBreak(runAt(index, request, workerId));
    }
  };
  const workers = Math.min(settings.concurrency, requests.length);
  await Promise.all(Array.from({ length: workers }, (_, i) => work(`trainer-${i}`)));
  await Promise.all(unsettled);
  signal.throwIfAborted();
  return { rollouts: finished, samplingSeconds: stopwatch.seconds() };
}

// --- internal ---

type AnsweringPolicy = ChatHandlerOptions["policy"];
type Redact = (span: SpanDraft) => SpanDraft | null;

/** A request that the policy refuses is its agent's; everything else (closed, damaged weights, a defect) is not. */
function isPolicyFailure(error: unknown): boolean {
  return error instanceof LightningError && error.code !== "E_ARGUMENT" && error.code !== "E_MEMORY";
}

/** A redaction that fails would leave every rollout without spans, so it ends the batch. */
function checkedRedact(redact: Redact, broken: AbortController): Redact {
  return (span) => {
    try {
      const kept: unknown = redact(span);
      if (kept === null || (typeof kept === "object" && "attributes" in kept))
        return kept as SpanDraft | null;
      throw argumentError("redact", "a span or null to be returned", kept);
    } catch (error) {
      broken.abort(error);
      throw error;
    }
  };
}

interface RunningBatch {
  readonly context: BatchContext;
  readonly policy: AnsweringPolicy;
  readonly doubts: Doubts;
  readonly options: Pick<BatchOptions, "sampling" | "signal">;
}

interface EndedRollout {
  readonly place: RolloutPlace;
  readonly started: AttemptedRollout;
  readonly report: RunReport;
  readonly spans: readonly Span[];
  readonly outcome: Outcome;
  /** Whether its calls are its own; a promise while another rollout decides it. */
  readonly doubt: Doubt | null | Promise<Doubt | null>;
}

async function runOne(
  { context, policy, doubts, options }: RunningBatch,
  { input, place }: BatchRequest,
  workerId: string,
): Promise<EndedRollout> {
  const { store, settings } = context;
  // Without the queue: another process's runner could not reach this policy.
  const started = await store.startRollout(
    {
      input,
      mode: place.mode,
      // The runner keeps the deadline; a second clock in the store could end an attempt that has just answered.
      config: { timeoutSeconds: null },
      metadata: {
        ...{ run: context.checkpoint.run, step: place.step, task: place.task, sample: place.sample },
        // What the prompts depend on besides the messages.
        ...{ date: settings.date ?? context.policy.date, template: settings.template },
      },
    },
    workerId,
  );
  const { rolloutId, attempt } = started;
  const handle = createChatHandler({
    policy,
    seed: rolloutSeed(settings.seed, place),
    sampling: options.sampling,
    adapter: () => settings.adapter,
    template: settings.template,
    date: settings.date,
    warnedFields: context.warnedFields,
    record: (call) => emitSpan(toCallSpan(call, policy.tokenizer)),
  });
  // It runs from here on: the store's watchdog ends what only prepares.
  const [resources] = await Promise.all([
    resourcesOf(store, started),
    store.updateAttempt(rolloutId, attempt.attemptId, { status: "running" }),
  ]);
  const mayBeSilent = settings.noCall === "allowed";
  const entry = doubts.open(rolloutId, mayBeSilent);
  try {
    const report = await runRollout({
      agent: async (task, visible) => {
        try {
          return await context.agent(task, visible);
        } finally {
          entry.end();
        }
      },
      // Of the caller's own object, not of the store's copy.
      input: context.toOwnTask(input),
      rolloutId,
      attemptId: attempt.attemptId,
      mode: place.mode,
      resources,
      timeoutMs: settings.timeoutMs,
      signal: options.signal,
      handle,
      route: settings.route,
      redact: context.redact,
      onCall: ({ kind, by }) => {
        if (kind === "serve") entry.call(by);
      },
    });
    const spans = report.spans.map((span, i) => ({
      ...span,
      rolloutId,
      attemptId: attempt.attemptId,
      sequenceId: i + 1,
    }));
    const outcome = toOutcome(report, spans, settings);
    const doubt = entry.close(isRewarded(report, spans));
    await store.addSpans(spans);
    const isSure = mayBeSilent || outcome.reward === null;
    return { place, started, report, spans, outcome, doubt: isSure ? null : doubt };
  } finally {
    // Whatever failed, nobody waits for it.
    void entry.close(false);
  }
}

async function settle(
  { store }: BatchContext,
  { place, started, report, spans, ...ended }: EndedRollout,
  doubt: Doubt | null,
): Promise<FinishedRollout> {
  const outcome = doubt === null ? ended.outcome : inDoubt(doubt.calls, doubt.silent);
  await close(store, started, report, outcome);
  // Spans of this process have their exact parents; repairing by the clock would give concurrent agents each other's calls.
  const trajectories = toTrajectories(inContentOrder(toTransitions(spans, { repairHierarchy: false })));
  const result: RolloutResult = {
    ...{ rolloutId: started.rolloutId, attemptId: started.attempt.attemptId },
    ...{ task: place.task, sample: place.sample },
    ...outcome,
    ...{ trajectories, modelCalls: report.calls.answered, seconds: report.seconds },
    ...{ refusedCalls: report.calls.refused, unseenCalls: report.calls.unseen },
  };
  return { result, spans };
}

async function close(
  store: LightningStore,
  { rolloutId, attempt }: AttemptedRollout,
  report: RunReport,
  outcome: Outcome,
): Promise<void> {
  if (report.ended === "cancelled") {
    await store.cancel(rolloutId);
    return;
  }
  const status =
    report.ended === "timeout" ? "timeout" : report.ended === "returned" ? "succeeded" : "failed";
  const metadata = { outcome: outcome.outcome, ...(outcome.error === null ? {} : { error: outcome.error }) };
  await store.updateAttempt(rolloutId, attempt.attemptId, { status, metadata });
}

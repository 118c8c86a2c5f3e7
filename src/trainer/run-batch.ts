// Rollouts of one batch, from the store's queue through the runner back into the store, and what training reads of them.
import { setMaxListeners } from "node:events";
import { toTrajectories } from "../adapter/trajectories.js";
import { toTransitions } from "../adapter/transitions.js";
import type { Policy } from "../policy/policy.js";
import { type Outcome, toOutcome } from "../runner/outcome.js";
import { type RunReport, runRollout } from "../runner/run-rollout.js";
import { toCallSpan } from "../server/call-span.js";
import { type ChatHandlerOptions, createChatHandler, type Sampling } from "../server/chat-handler.js";
import type { ChatRequest } from "../server/chat-request.js";
import type { LightningStore } from "../store/store.js";
import { emitSpan } from "../tracing/span.js";
import type { Agent } from "../types/agent.js";
import type { Resources } from "../types/resources.js";
import type { AttemptedRollout } from "../types/rollout.js";
import type { Span, SpanDraft } from "../types/span.js";
import type { RolloutResult } from "../types/task-group.js";
import type { Settings } from "./options.js";
import { type RolloutPlace, rolloutSeed } from "./seeds.js";
import { createStopwatch } from "./stopwatch.js";

export interface BatchContext {
  readonly policy: Policy;
  readonly agent: Agent<never>;
  readonly store: LightningStore;
  readonly settings: Settings;
  readonly redact?: ((span: SpanDraft) => SpanDraft | null) | undefined;
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
  sampling(request: ChatRequest): Sampling;
  readonly signal: AbortSignal;
  onRollout(rollout: FinishedRollout): void;
}

/** Rejects only with the signal's reason, or when the store does. */
export async function runBatch(
  context: BatchContext,
  requests: readonly BatchRequest[],
  options: BatchOptions,
): Promise<BatchReport> {
  const { store, settings } = context;
  // One listener a rollout is no leak.
  setMaxListeners(0, options.signal);
  const stopwatch = createStopwatch();
  const { config, contextLength, tokenizer } = context.policy;
  const policy: AnsweringPolicy = {
    ...{ config, contextLength, tokenizer },
    renderChat: (messages, renderOptions) => context.policy.renderChat(messages, renderOptions),
    sample: (sampleOptions) => stopwatch.during(context.policy.sample(sampleOptions)),
  };
  const enqueued = await store.enqueue(
    requests.map(({ input, place }) => ({
      input,
      mode: place.mode,
      // The runner keeps the deadline; a second clock in the store could end an attempt that has just answered.
      config: { timeoutSeconds: null },
      metadata: { step: place.step, task: place.task, sample: place.sample },
    })),
  );
  const indices = new Map(enqueued.map((rollout, index) => [rollout.rolloutId, index]));
  const finished = new Map<number, FinishedRollout>();
  const work = async (workerId: string) => {
    for (;;) {
      const [claimed] = await store.claim(workerId);
      if (claimed === undefined) return;
      const index = indices.get(claimed.rolloutId);
      const request = index === undefined ? undefined : requests[index];
      const done = await runOne(context, policy, claimed, request, options);
      if (index === undefined) continue;
      finished.set(index, done);
      options.onRollout(done);
    }
  };
  const workers = Math.min(settings.concurrency, requests.length);
  await Promise.all(Array.from({ length: workers }, (_, i) => work(`trainer-${i}`)));
  options.signal.throwIfAborted();
  const rollouts = requests.flatMap((_, index) => finished.get(index) ?? []);
  return { rollouts, samplingSeconds: stopwatch.seconds() };
}

// --- internal ---

type AnsweringPolicy = ChatHandlerOptions["policy"];

async function runOne(
  context: BatchContext,
  policy: AnsweringPolicy,
  claimed: AttemptedRollout,
  request: BatchRequest | undefined,
  options: BatchOptions,
): Promise<FinishedRollout> {
  const { store, settings } = context;
  const { rolloutId, attempt } = claimed;
  // A rollout that somebody else enqueued runs as well; it is not part of the batch.
  const place = request?.place ?? { mode: claimed.mode ?? "train", step: 0, task: 0, sample: 0 };
  const handle = createChatHandler({
    policy,
    seed: rolloutSeed(settings.seed, place),
    sampling: options.sampling,
    adapter: () => settings.adapter,
    record: (call) => emitSpan(toCallSpan(call, policy.tokenizer)),
  });
  const report = await runRollout({
    agent: context.agent,
    // The caller's own object, not the store's copy.
    input: request === undefined ? claimed.input : request.input,
    rolloutId,
    attemptId: attempt.attemptId,
    mode: place.mode,
    resources: await resourcesOf(store, claimed),
    timeoutMs: settings.timeoutMs,
    signal: options.signal,
    handle,
    route: settings.route,
    redact: context.redact,
  });
  const spans = report.spans.map((span, i) => ({
    ...span,
    rolloutId,
    attemptId: attempt.attemptId,
    sequenceId: i + 1,
  }));
  const outcome = toOutcome(report, spans, settings.rewardOnError);
  await store.addSpans(spans);
  await close(store, claimed, report, outcome);
  // Spans of this process have their exact parents; repairing by the clock would give concurrent agents each other's calls.
  const trajectories = toTrajectories(toTransitions(spans, { repairHierarchy: false }));
  const result: RolloutResult = {
    ...{ rolloutId, attemptId: attempt.attemptId, task: place.task, sample: place.sample },
    ...outcome,
    ...{ trajectories, modelCalls: report.policyCalls, seconds: report.seconds },
  };
  return { result, spans };
}

async function resourcesOf(store: LightningStore, { resourcesId }: AttemptedRollout): Promise<Resources> {
  return resourcesId === null ? {} : (await store.getResources(resourcesId)).resources;
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

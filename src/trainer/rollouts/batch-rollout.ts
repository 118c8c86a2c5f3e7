// One rollout of a batch: begun in the store, run, its outcome decided, ended in the store.
import { inContentOrder } from "../../adapter/content-order.js";
import { toTrajectories } from "../../adapter/trajectories.js";
import { toTransitions } from "../../adapter/transitions.js";
import type { Policy } from "../../policy/policy.js";
import {
  endOfRun,
  finalRewardId,
  inDoubt,
  isRewarded,
  type Outcome,
  type OutcomeRules,
  toOutcome,
} from "../../runner/outcome.js";
import { type Redact, redactError } from "../../runner/redact.js";
import { resourcesOf } from "../../runner/rollout-resources.js";
import { type RunReport, runRollout } from "../../runner/run-rollout.js";
import { type CallSpan, toCallSpan } from "../../server/endpoint/call-span.js";
import { createModelHandler, type ModelHandlerOptions } from "../../server/endpoint/model-handler.js";
import type { TemplateNotes } from "../../server/endpoint/template-notes.js";
import type { LightningStore } from "../../store/store.js";
import { currentAgent } from "../../tracing/context.js";
import { emitSpan } from "../../tracing/span.js";
import type { Agent, RolloutContext, RolloutEndpoint } from "../../types/agent.js";
import type { ModelHandler } from "../../types/model-call.js";
import { givesOutcome } from "../../types/reward.js";
import type { AttemptedRollout, RolloutMode } from "../../types/rollout.js";
import type { Span } from "../../types/span.js";
import type { RolloutResult } from "../../types/task-group.js";
import type { Settings } from "../options.js";
import type { Doubt, DoubtEntry, Doubts } from "./doubts.js";
import type { ToSampling } from "./sampling.js";
import { type RolloutPlace, rolloutSeed } from "./seeds.js";

export interface BatchContext {
  readonly policy: Policy;
  readonly store: LightningStore;
  readonly settings: Settings;
  readonly redact?: Redact | undefined;
  /** Names the run in its rollouts' metadata. */
  readonly checkpoint: { readonly run: string };
  /** What is known of the policy's chat template; grows. */
  readonly notes: TemplateNotes;
}

export type RolloutName = Pick<RolloutContext, "rolloutId" | "attemptId" | "mode">;

/** Of rollouts whose agent runs in this process. */
export interface AgentContext extends BatchContext {
  /** Where agents in other processes reach the rollout; undefined while nothing listens. */
  readonly endpointOf: (rollout: RolloutName) => RolloutEndpoint | undefined;
  readonly agent: Agent<never>;
  /** Gives each rollout a task of its own. */
  readonly toOwnTask: (task: unknown) => unknown;
}

export interface RunningBatch<Context extends BatchContext = BatchContext> {
  readonly context: Context;
  /** As its rollouts sample from it. */
  readonly policy: ModelHandlerOptions["policy"];
  readonly doubts: Doubts;
  readonly sampling: ToSampling;
  readonly signal: AbortSignal;
}

export interface BatchRequest {
  readonly input: unknown;
  readonly place: RolloutPlace;
}

export interface EndedRollout {
  readonly place: RolloutPlace;
  readonly started: AttemptedRollout;
  readonly report: RunReport;
  readonly spans: readonly Span[];
  readonly outcome: Outcome;
  /** Whether its calls are its own; a promise while another rollout decides it. */
  readonly doubt: Doubt | null | Promise<Doubt | null>;
}

export interface FinishedRollout {
  readonly result: RolloutResult;
  readonly spans: readonly Span[];
}

/** Its spans are in the store when it resolves, its end is not. Rejects with what the store rejects with. */
export async function runBatchRollout(
  batch: RunningBatch<AgentContext>,
  request: BatchRequest,
  workerId: string,
): Promise<EndedRollout> {
  const { store, settings } = batch.context;
  const started = await begin(batch.context, request, workerId);
  const { rolloutId, attempt } = started;
  // It runs from here on: the store's watchdog ends what only prepares.
  const [resources] = await Promise.all([
    resourcesOf(store, started),
    store.updateAttempt(rolloutId, attempt.attemptId, { status: "running" }),
  ]);
  const mayBeSilent = settings.noCall === "allowed";
  const name = { rolloutId, attemptId: attempt.attemptId, mode: request.place.mode };
  const entry = batch.doubts.open(rolloutId, mayBeSilent);
  try {
    const report = await runRollout({
      ...{ ...name, resources, endpoint: batch.context.endpointOf(name) },
      ...{ timeoutMs: settings.timeoutMs, route: settings.route },
      ...{ signal: batch.signal, redact: batch.context.redact },
      // Of the caller's own object, not of the store's copy.
      input: batch.context.toOwnTask(request.input),
      agent: watchedAgent(batch.context.agent, entry),
      handle: createHandler(batch, request.place),
      onCall: ({ kind, by }) => {
        if (kind === "serve") entry.call(by);
      },
    });
    const spans = toSpans(report, started);
    const end = endOfRun(report);
    const rules = outcomeRules(settings, request.place.mode);
    const outcome = redacted(toOutcome(end, spans, rules), batch.context.redact);
    const doubt = entry.close(isRewarded(end, spans, rules));
    await store.addSpans(spans);
    const isSure = mayBeSilent || (outcome.reward === null && outcome.outcome !== "ok");
    return { place: request.place, started, report, spans, outcome, doubt: isSure ? null : doubt };
  } finally {
    // Whatever failed, nobody waits for it.
    void entry.close(false);
  }
}

/** How an attempt of a batch becomes an outcome: where a reward of the trainer's is one, the agent need not give any. */
export function outcomeRules(settings: Settings, mode: RolloutMode): OutcomeRules {
  return { ...settings, noReward: givesOutcome(settings.rewards, mode) ? "allowed" : "excluded" };
}

/** Ends it in the store. Rejects with what the store rejects with. */
export async function finishRollout(
  { store }: BatchContext,
  { place, started, report, spans, ...ended }: EndedRollout,
  doubt: Doubt | null,
): Promise<FinishedRollout> {
  const outcome = doubt === null ? ended.outcome : inDoubt(doubt.calls, doubt.silent);
  await close(store, started, report, outcome);
  // Spans of this process have their exact parents; repairing by the clock would give concurrent agents each other's calls.
  const options = { repairHierarchy: false, finalRewardId: finalRewardId(endOfRun(report), spans) };
  const trajectories = toTrajectories(inContentOrder(toTransitions(spans, options)));
  const result: RolloutResult = {
    ...{ rolloutId: started.rolloutId, attemptId: started.attempt.attemptId },
    ...{ task: place.task, sample: place.sample },
    ...outcome,
    ...{ trajectories, modelCalls: report.calls.answered, seconds: report.seconds },
    ...{ refusedCalls: report.calls.refused, unseenCalls: report.calls.unseen },
    traceUploads: report.calls.traceUploads,
  };
  return { result, spans };
}

export function createHandler(
  { context, policy, sampling }: RunningBatch,
  place: RolloutPlace,
): ModelHandler {
  const { settings, notes } = context;
  return createModelHandler({
    ...{ policy, sampling, notes, template: settings.template, date: settings.date },
    thoughts: settings.thoughts,
    seed: rolloutSeed(settings.seed, place),
    adapter: () => settings.adapter,
    record: (call) => emitSpan(withAgent(toCallSpan(call, policy.tokenizer))),
  });
}

/** What is told of a rollout besides its task. */
export function rolloutMetadata(
  { settings, policy, checkpoint }: Pick<BatchContext, "settings" | "policy" | "checkpoint">,
  place: RolloutPlace,
): Readonly<Record<string, unknown>> {
  return {
    ...{ run: checkpoint.run, step: place.step, task: place.task, sample: place.sample },
    // What the prompts depend on besides the messages.
    ...{ date: settings.date ?? policy.date, template: settings.template },
  };
}

/** Its error, wherever it goes from here. */
export function redacted(outcome: Outcome, redact: Redact | undefined): Outcome {
  if (outcome.error === null) return outcome;
  return { ...outcome, error: redactError(redact, outcome.outcome, outcome.error) };
}

// --- internal ---

/** Without the queue: another process's runner could not reach this policy. */
function begin(
  context: BatchContext,
  { input, place }: BatchRequest,
  workerId: string,
): Promise<AttemptedRollout> {
  const rollout = {
    input,
    mode: place.mode,
    // The runner keeps the deadline; a second clock in the store could end an attempt that has just answered.
    config: { timeoutSeconds: null },
    metadata: rolloutMetadata(context, place),
  };
  return context.store.startRollout(rollout, workerId);
}

/** Whose call it is stands on its span, too: the span of the agent comes later, or, where it fails, never. */
function withAgent(call: CallSpan): CallSpan {
  const agent = currentAgent();
  return agent === null ? call : { ...call, attributes: { ...call.attributes, "agent.name": agent } };
}

function watchedAgent(agent: Agent<never>, entry: DoubtEntry): Agent<never> {
  return async (task, visible) => {
    try {
      return await agent(task, visible);
    } finally {
      entry.end();
    }
  };
}

function toSpans({ spans }: RunReport, { rolloutId, attempt: { attemptId } }: AttemptedRollout): Span[] {
  return spans.map((span, i) => ({ ...span, rolloutId, attemptId, sequenceId: i + 1 }));
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

// One rollout of a batch that runners work on: how it is put into the store's queue, and what came back.
import { inContentOrder } from "../../adapter/content-order.js";
import { isAnswered } from "../../adapter/find-calls.js";
import { toTrajectories } from "../../adapter/trajectories.js";
import { toTransitions } from "../../adapter/transitions.js";
import type { CallReport } from "../../runner/call-account.js";
import { type EndedAttempt, finalRewardId, toOutcome } from "../../runner/outcome.js";
import type { NewRollout } from "../../store/store-records.js";
import type { AttemptedRollout, Rollout } from "../../types/rollout.js";
import type { Span } from "../../types/span.js";
import type { RolloutResult } from "../../types/task-group.js";
import {
  type BatchContext,
  type BatchRequest,
  type FinishedRollout,
  outcomeRules,
  redacted,
  rolloutMetadata,
} from "../rollouts/batch-rollout.js";
import { endOfQueued } from "./attempt-end.js";
import type { QueuedAttempt } from "./queued-attempt.js";

/** Attempts at a rollout whose runner is lost. */
export const kMaxAttempts = 3;

export function toNewRollout(
  context: BatchContext,
  { input, place }: BatchRequest,
  resourcesId: string,
): NewRollout {
  const { timeoutMs } = context.settings;
  return {
    ...{ input, mode: place.mode, resourcesId, metadata: rolloutMetadata(context, place) },
    config: {
      timeoutSeconds: timeoutMs === null ? null : timeoutMs / 1000,
      maxAttempts: kMaxAttempts,
      // An agent that fails, or takes too long, does so in this process too, and is not tried again.
      retryCondition: ["unresponsive"],
    },
  };
}

/**
 * @param attempt  undefined: no call of it came
 * @param cut  why the trainer stopped waiting for it; absent: it has ended
 */
export async function toFinished(
  { store, settings, redact }: BatchContext,
  { place }: BatchRequest,
  rollout: Rollout | AttemptedRollout,
  attempt: QueuedAttempt | undefined,
  cut?: string,
): Promise<FinishedRollout> {
  const latest = "attempt" in rollout ? rollout.attempt : undefined;
  const { rolloutId } = rollout;
  const { spans: own, calls } = (await attempt?.settled()) ?? { spans: [], calls: kNoCalls };
  const told =
    latest === undefined ? [] : (await store.querySpans(rolloutId, { attemptId: latest.attemptId })).items;
  const spans = withOwn(own, told);
  const end: EndedAttempt =
    cut === undefined
      ? endOfQueued(rollout, latest, calls)
      : { ended: "timeout", error: cut, result: null, calls };
  const outcome = redacted(toOutcome(end, spans, outcomeRules(settings, place.mode)), redact);
  const ownIds = new Set(own.map(({ spanId }) => spanId));
  // Parents are those that the callers named; clocks of several machines say nothing.
  const options = { repairHierarchy: false, finalRewardId: finalRewardId(end, spans) };
  const transitions = toTransitions(spans, options);
  const trained = transitions.filter(({ spanId }) => ownIds.has(spanId));
  const result: RolloutResult = {
    ...{ rolloutId, attemptId: latest?.attemptId ?? "", task: place.task, sample: place.sample },
    ...outcome,
    trajectories: toTrajectories(inContentOrder(trained)),
    ...{ modelCalls: calls.answered, refusedCalls: calls.refused, unseenCalls: 0, traceUploads: 0 },
    seconds: latest === undefined ? 0 : Math.max(0, (latest.endTime ?? latest.startTime) - latest.startTime),
  };
  return { result, spans };
}

// --- internal ---

const kNoCalls: CallReport = { answered: 0, refused: 0, unseen: 0, traceUploads: 0, mishaps: [] };

/** What the endpoint recorded, as it recorded it, and what others told: nobody else's span passes for the endpoint's. */
function withOwn(own: readonly Span[], told: readonly Span[]): Span[] {
  const byId = new Map(own.map((span) => [span.spanId, span]));
  return told.map((span) => byId.get(span.spanId) ?? (isAnswered(span) ? asTold(span) : span));
}

function asTold(span: Span): Span {
  const { "agentlightning.dialect": dialect, ...attributes } = span.attributes;
  return { ...span, attributes: { ...attributes, "agentlightning.told.dialect": dialect ?? "" } };
}

// One attempt of a queued rollout as the policy's endpoint sees it: its calls come from another process and are answered as those of an agent of
// this process are, with the same seed. What the endpoint records of them is kept here and in the store: it alone is trained on.
import { type CallReport, createCallAccount } from "../../runner/call-account.js";
import type { LightningStore } from "../../store/store.js";
import type { ActiveContext, RolloutScope } from "../../tracing/context.js";
import { toEndpoint } from "../../tracing/rollout-name.js";
import { newTraceId } from "../../tracing/span.js";
import type { ModelHandler } from "../../types/model-call.js";
import type { RolloutMode } from "../../types/rollout.js";
import type { Span, SpanDraft } from "../../types/span.js";

export interface QueuedAttempt {
  /** In which its calls are answered. */
  readonly context: ActiveContext;
  /** Its calls are refused from now on, and those under way end. */
  end(reason: unknown): void;
  /** What its calls came to. Resolves when all is kept. Rejects with what the store rejects with */
  settled(): Promise<{ readonly spans: readonly Span[]; readonly calls: CallReport }>;
}

export interface QueuedAttemptParts {
  readonly rolloutId: string;
  readonly attemptId: string;
  readonly mode: RolloutMode;
  readonly store: LightningStore;
  readonly handle: ModelHandler;
  redact?: ((span: SpanDraft) => SpanDraft | null) | undefined;
}

export function createQueuedAttempt(parts: QueuedAttemptParts): QueuedAttempt {
  const { rolloutId, attemptId, mode, store, redact } = parts;
  const ending = new AbortController();
  const account = createCallAccount();
  const spans: Span[] = [];
  /** One after the other: places in the rollout's order are given in the order of the calls. */
  let keeping: Promise<void> = Promise.resolve();
  const keep = async (draft: SpanDraft) => {
    const span = { ...draft, rolloutId, attemptId, sequenceId: await store.nextSequenceId(rolloutId) };
    await store.addSpans([span]);
    spans.push(span);
  };
  const { signal } = ending;
  const scope: RolloutScope = {
    ...{ rolloutId, attemptId, mode, signal, resources: {}, route: () => "serve" },
    handle: account.counted(parts.handle),
    ...(redact === undefined ? {} : { redact }),
    record: (span) => {
      keeping = keeping.then(() => keep(span));
      // Heard by `settled`.
      keeping.catch(() => undefined);
    },
  };
  const endpoint = toEndpoint(rolloutId, attemptId);
  const life = { isOver: false };
  const visible = { rolloutId, attemptId, mode, signal, resources: {}, endpoint };
  return {
    context: { scope, visible, traceId: newTraceId(), parentId: null, agent: null, isRouted: false, life },
    end: (reason) => {
      life.isOver = true;
      ending.abort(reason);
    },
    settled: async () => {
      await keeping;
      return { spans, calls: account.report() };
    },
  };
}

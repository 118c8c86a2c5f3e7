// A store, as the clients of a server that takes calls of rollouts see it: what they tell of a rollout that runs here reaches the rollout, as what is
// emitted from inside does, and with the same outcome; it is kept when the rollout is.
import { argumentError } from "../../base/check.js";
import type { LightningStore } from "../../store/store.js";
import { type ActiveContext, runInContext } from "../../tracing/context.js";
import { recordSpan } from "../../tracing/span.js";
import type { Span } from "../../types/span.js";
import type { ServedRollouts } from "./rollout-calls.js";

export function withLiveSpans(store: LightningStore, { find }: Pick<ServedRollouts, "find">): LightningStore {
  const told = new WeakMap<object, Set<string>>();
  const addSpans = async (spans: readonly Span[]): Promise<readonly (Span | null)[]> => {
    const places = spans.map(({ rolloutId, attemptId }) => find(rolloutId, attemptId));
    const late = places.indexOf("over");
    if (late !== -1) {
      const expected = "spans of a rollout before its end";
      throw argumentError("addSpans", expected, `one of ${spans[late]?.rolloutId} after it`);
    }
    const others = spans.filter((_, i) => places[i] === undefined);
    const kept = others.length === 0 ? [] : [...(await store.addSpans(others))];
    return spans.map((span, i) => {
      const context = places[i];
      return typeof context === "object" ? tell(told, context, span) : (kept.shift() ?? null);
    });
  };
  return new Proxy(store, {
    get(target, key) {
      if (key === "addSpans") return addSpans;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

// --- internal ---

/** @returns null for one that was told before, as stores do */
function tell(told: WeakMap<object, Set<string>>, context: ActiveContext, span: Span): Span | null {
  const seen = told.get(context) ?? new Set();
  told.set(context, seen);
  if (seen.has(span.spanId)) return null;
  seen.add(span.spanId);
  const { rolloutId: _rollout, attemptId: _attempt, sequenceId: _place, ...draft } = span;
  runInContext(context, () => recordSpan(draft));
  return span;
}

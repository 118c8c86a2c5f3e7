// Views of rollouts, for rewards that read them.
import type { CallView, RolloutView } from "../../src/types/rollout-view.js";

export const call = (fields: Partial<CallView> = {}): CallView => ({
  ...{ spanId: "s", agent: "*", messages: [], tools: [], answer: { role: "assistant", content: "" } },
  ...{ toolCalls: [], malformedCalls: 0, finishReason: "stop", responseTokens: 1, exceptions: [], ...fields },
});

export const view = (...calls: CallView[]): RolloutView => ({
  ...{ rolloutId: "r", attemptId: "a", sample: 0, outcome: "ok", reward: 1, emitted: [], error: null },
  calls: calls.map((one, i) => ({ ...one, spanId: `s${i}` })),
});

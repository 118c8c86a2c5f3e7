// Spans of an LLM proxy to model calls: the reference's LlmProxyTraceToTriplet. Order is that of sequence ids, not of clocks; there is
// no tree and no agent. Two rewards after one call: the later wins, none moves to an earlier call.
import type { AttributeValue, Span } from "../types/span.js";
import { rewardOfSpan } from "../types/span-reward.js";
import type { Transition } from "../types/transition.js";
import { toTransition } from "./model-call.js";
import { parsePythonLiteral } from "./python-literal.js";

/**
 * Calls of `raw_gen_ai_request` and `litellm_request` spans, the first report of each response id; a reward goes to the nearest call of
 * a lower sequence id. Of one sequence id, the first span with token ids is the call.
 * @param spans  of one attempt, in any order
 */
export function toProxyTransitions(spans: readonly Span[]): Transition[] {
  const ordered = spans.toSorted((a, b) => a.sequenceId - b.sequenceId || a.startTime - b.startTime);
  const calls: { readonly span: Span; reward: number | null }[] = [];
  const responseIds = new Set<string>();
  for (const recorded of ordered) {
    const reward = rewardOfSpan(recorded);
    const target = calls.findLast(({ span }) => span.sequenceId < recorded.sequenceId);
    if (reward !== null && target !== undefined) target.reward = reward;
    const span = toCallSpan(recorded);
    if (span === null || calls.at(-1)?.span.sequenceId === span.sequenceId) continue;
    const id = span.attributes["gen_ai.response.id"];
    if (typeof id === "string" && responseIds.has(id)) continue;
    if (typeof id === "string") responseIds.add(id);
    calls.push({ span, reward: null });
  }
  return calls.map(({ span, reward }, order) => toTransition({ span, agent: "*", reward, order }));
}

// --- internal ---

const kVllm = "llm.hosted_vllm";

// The call in the attributes of every other model call; null when the span is none or holds no token ids.
function toCallSpan(span: Span): Span | null {
  const ids =
    span.name === "raw_gen_ai_request"
      ? rawIds(span)
      : span.name === "litellm_request"
        ? plainIds(span)
        : null;
  if (ids === null || ids.prompt.length === 0 || ids.response.length === 0) return null;
  const { attributes } = span;
  const id = attributes["gen_ai.response.id"] ?? attributes[`${kVllm}.id`];
  const found = { prompt_token_ids: ids.prompt, response_token_ids: ids.response };
  return {
    ...span,
    attributes: {
      ...attributes,
      ...found,
      ...(id === undefined ? {} : { "gen_ai.response.id": String(id) }),
    },
  };
}

interface CallIds {
  readonly prompt: readonly number[];
  readonly response: readonly number[];
}

function rawIds({ attributes }: Span): CallIds {
  const choice = first(literalOf(attributes[`${kVllm}.choices`]));
  const inChoice =
    typeof choice === "object" && choice !== null && "token_ids" in choice ? choice.token_ids : null;
  const response = idsOf(inChoice);
  return {
    prompt: idsOf(literalOf(attributes[`${kVllm}.prompt_token_ids`])),
    response: response.length > 0 ? response : firstIds(literalOf(attributes[`${kVllm}.response_token_ids`])),
  };
}

function plainIds({ attributes }: Span): CallIds {
  return {
    prompt: idsOf(literalOf(attributes.prompt_token_ids)),
    response: firstIds(literalOf(attributes.response_token_ids)),
  };
}

function literalOf(value: AttributeValue | undefined): unknown {
  return typeof value === "string" ? parsePythonLiteral(value) : value;
}

function first(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : undefined;
}

// Ids of the first choice, whether choices are listed or there is only one.
function firstIds(value: unknown): readonly number[] {
  const nested = idsOf(first(value));
  return nested.length > 0 ? nested : idsOf(value);
}

function idsOf(value: unknown): readonly number[] {
  return Array.isArray(value) && value.every((id) => Number.isSafeInteger(id)) ? value : [];
}

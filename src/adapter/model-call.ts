// One model-call span as a transition: token ids and numbers as they were recorded, nothing encoded again.
import { toJsonValue } from "../base/json-value.js";
import type { AttributeValue, Span } from "../types/span.js";
import type { Transition } from "../types/transition.js";

export interface RecordedCall extends Pick<Transition, "agent" | "reward" | "order"> {
  readonly span: Span;
}

/** Missing ids become [], missing log-probabilities null. @param call  the span, and what only its attempt says of it */
export function toTransition({ span, agent, reward, order }: RecordedCall): Transition {
  const { attributes } = span;
  const responseIds = numbersOf(attributes.response_token_ids);
  return {
    rolloutId: span.rolloutId,
    attemptId: span.attemptId,
    spanId: span.spanId,
    order,
    responseId: stringOf(attributes["gen_ai.response.id"]),
    agent,
    promptIds: numbersOf(attributes.prompt_token_ids),
    responseIds,
    logprobs: logprobsOf(span, responseIds.length),
    ...forcedOf(span),
    temperature:
      numberOf(attributes["agentlightning.temperature"]) ??
      numberOf(attributes["gen_ai.request.temperature"]) ??
      1,
    adapter: stringOf(attributes["agentlightning.adapter"]),
    version: numberOf(attributes["agentlightning.version"]),
    ...versionsOf(span),
    arithmetic: stringOf(attributes["agentlightning.arithmetic"]),
    finishReason: stringOf(attributes["gen_ai.response.finish_reason"]),
    reward,
  };
}

// --- internal ---

function stringOf(value: AttributeValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function numberOf(value: AttributeValue | undefined): number | null {
  return typeof value === "number" ? value : null;
}

function numbersOf(value: unknown): readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number") ? value : [];
}

function versionsOf({ attributes }: Span): Pick<Transition, "versions"> {
  const versions = numbersOf(attributes["agentlightning.versions"]);
  return versions.length > 0 ? { versions } : {};
}

function forcedOf({ attributes }: Span): Pick<Transition, "forced"> {
  const forced = numbersOf(attributes["agentlightning.forced"]);
  return forced.length > 0 ? { forced } : {};
}

// Log-probabilities that are not one a token cannot be placed, and count as none.
function logprobsOf({ attributes }: Span, count: number): readonly number[] | null {
  const ours = attributes["agentlightning.response_logprobs"];
  const logprobs = ours === undefined ? contentLogprobs(attributes["logprobs.content"]) : numbersOf(ours);
  return logprobs.length === count ? logprobs : null;
}

function contentLogprobs(text: AttributeValue | undefined): readonly number[] {
  if (typeof text !== "string") return [];
  // What another library wrote there may be anything; without log-probabilities a call is still a call.
  const content = toJsonValue(text);
  return Array.isArray(content) ? numbersOf(content.map((entry) => entry?.logprob)) : [];
}

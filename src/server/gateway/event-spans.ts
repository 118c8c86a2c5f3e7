// Events of the 1.0 gateway as spans, and spans as events. An event is kept whole as JSON in its span; rewards and model calls also get
// the attributes that our adapters read. Spans that came another way become the event they are nearest to.

import { createHash } from "node:crypto";
import { readSpelled, writeSpelled } from "../../base/spelled-integers.js";
import { newSpanId } from "../../tracing/span.js";
import type { Attempt } from "../../types/rollout.js";
import type { Attributes, AttributeValue, Span } from "../../types/span.js";
import { rewardOfSpan } from "../../types/span-reward.js";
import type { GatewayEvent } from "./gateway-records.js";
import { callAttributes, type ModelRequestData } from "./model-request.js";

export function toEventSpan(
  event: GatewayEvent,
  { rolloutId, attemptId }: Attempt,
  sequenceId: number,
): Span {
  const { event_type, data, timestamp } = event;
  const isFailed = event_type === "model_request" && data.status === "error";
  return {
    ...{ rolloutId, attemptId, sequenceId },
    name: kNames[event_type] ?? `gateway.${event_type}`,
    spanId: newSpanId(),
    parentId: null,
    // One trace an attempt, without a place to remember it.
    traceId: createHash("sha256").update(attemptId).digest("hex").slice(0, 32),
    status: { code: isFailed ? "ERROR" : "OK", description: null },
    attributes: {
      ...readableAttributes(event),
      [kType]: event_type,
      [kAttempt]: event.attempt_id,
      [kData]: writeSpelled(data),
    },
    events: [],
    startTime: timestamp - latencyOf(data) / 1000,
    endTime: timestamp,
  };
}

/** The span is an event that the gateway was told. */
export function isGatewayEvent({ attributes }: Span): boolean {
  return typeof attributes[kType] === "string";
}

/** @param rolloutId  as the gateway's clients know it */
export function toEvent(span: Span, rolloutId: string): GatewayEvent {
  const { attributes } = span;
  const timestamp = span.endTime ?? span.startTime;
  const type = attributes[kType];
  const place = { rollout_id: rolloutId, timestamp };
  if (typeof type === "string")
    return {
      ...{ event_type: type, ...place, attempt_id: String(attributes[kAttempt] ?? span.attemptId) },
      data: readSpelled(String(attributes[kData] ?? "{}"), true) as GatewayEvent["data"],
    };
  const attempt = { attempt_id: span.attemptId };
  const reward = rewardOfSpan(span);
  if (reward !== null) return { event_type: "reward", ...place, ...attempt, data: { value: reward } };
  const isCall = attributes.response_token_ids !== undefined;
  return isCall
    ? { event_type: "model_request", ...place, ...attempt, data: toModelRequest(attributes) }
    : { event_type: span.name, ...place, ...attempt, data: { ...attributes } };
}

// --- internal ---

const kType = "agentlightning.gateway.event_type";
const kAttempt = "agentlightning.gateway.attempt_id";
const kData = "agentlightning.gateway.data";
const kNames: Readonly<Record<string, string>> = {
  reward: "agentlightning.annotation",
  model_request: "openai.chat.completion",
};

function readableAttributes({ event_type, data }: GatewayEvent): Record<string, AttributeValue> {
  if (event_type === "reward" && typeof data.value === "number" && Number.isFinite(data.value))
    return { "agentlightning.reward.0.name": "primary", "agentlightning.reward.0.value": data.value };
  const isCall = event_type === "model_request" && typeof data.request === "object" && data.request !== null;
  return isCall ? callAttributes(data as unknown as ModelRequestData) : {};
}

function latencyOf(data: Readonly<Record<string, unknown>>): number {
  return typeof data.latency_ms === "number" && data.latency_ms > 0 ? data.latency_ms : 0;
}

/** A call recorded by others, answered in the shape of vLLM. */
function toModelRequest(attributes: Attributes): Record<string, unknown> {
  const model = attributes["gen_ai.request.model"] ?? attributes["gen_ai.response.model"] ?? null;
  const version = attributes["agentlightning.version"] ?? 0;
  const logprobs = attributes["agentlightning.response_logprobs"];
  const choice = {
    index: 0,
    message: { role: "assistant", content: attributes["gen_ai.completion.0.content"] ?? null },
    finish_reason: attributes["gen_ai.response.finish_reason"] ?? null,
    token_ids: attributes.response_token_ids,
    logprobs: Array.isArray(logprobs) ? { token_logprobs: logprobs } : null,
  };
  return {
    ...{ model, model_version: version, request: null, server: { model, endpoint: null, version } },
    response: { prompt_token_ids: attributes.prompt_token_ids ?? [], choices: [choice] },
    ...{ http_status: 200, status: "ok", retry_count: 0, finish_reason: choice.finish_reason },
  };
}

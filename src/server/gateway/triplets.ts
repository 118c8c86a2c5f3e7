// Events cut down to what 1.0's trainer reads: token ids and log-probabilities of calls, values of rewards.
import type { GatewayEvent } from "./gateway-records.js";
import { errorOf, tokensOf } from "./model-request.js";

/** Of several calls with the same prompt only the last stays: the earlier ones were retries. */
export function toTriplets(events: readonly GatewayEvent[]): GatewayEvent[] {
  const trimmed = events.map(trim);
  const lastByPrompt = new Map<string, GatewayEvent>();
  for (const event of trimmed) if (isCall(event)) lastByPrompt.set(promptOf(event), event);
  return trimmed.filter((event) => !isCall(event) || lastByPrompt.get(promptOf(event)) === event);
}

// --- internal ---

function isCall({ event_type }: GatewayEvent): boolean {
  return event_type === "model_request";
}

function promptOf({ data }: GatewayEvent): string {
  return JSON.stringify(data.prompt_token_ids);
}

function trim(event: GatewayEvent): GatewayEvent {
  const { data } = event;
  if (event.event_type === "reward") return { ...event, data: pick(data, ["value", "source", "reason"]) };
  if (!isCall(event)) return event;
  const { promptIds, responseIds, logprobs } = tokensOf(data.response);
  return {
    ...event,
    data: {
      ...{ prompt_token_ids: promptIds, response_token_ids: responseIds, response_log_probs: logprobs },
      server: pick((data.server ?? {}) as Readonly<Record<string, unknown>>, ["model", "version"]),
      ...pick(data, ["http_status", "status"]),
      ...(data.status === "error" ? { error: errorOf(data.response) } : {}),
    },
  };
}

function pick(record: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => name in record).map((name) => [name, record[name]]));
}

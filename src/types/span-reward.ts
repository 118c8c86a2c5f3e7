// The reward that a span carries, in each encoding of the agent-lightning protocol. Reading only; tracing writes them.
import type { Span } from "./span.js";

/**
 * The primary reward of a span: the first entry of `agentlightning.reward.N`, else AgentOps' JSON
 * `{"type": "reward", "value": x}`, else the attribute `reward` of an annotation.
 * @returns null when the span carries none
 */
export function rewardOfSpan(span: Pick<Span, "name" | "attributes">): number | null {
  const { attributes } = span;
  return (
    asNumber(attributes["agentlightning.reward.0.value"]) ??
    agentOpsReward(attributes["agentops.task.output"]) ??
    agentOpsReward(attributes["agentops.entity.output"]) ??
    (span.name === "agentlightning.annotation" ? asNumber(attributes.reward) : null)
  );
}

/** Every named value of a span, in order, "primary" where it was given without a name. */
export function rewardsOfSpan(
  span: Pick<Span, "name" | "attributes">,
): readonly { readonly name: string; readonly value: number }[] {
  const { attributes } = span;
  const named: { readonly name: string; readonly value: number }[] = [];
  for (let n = 0; ; n++) {
    const value = attributes[`agentlightning.reward.${n}.value`];
    if (typeof value !== "number") break;
    named.push({ name: String(attributes[`agentlightning.reward.${n}.name`] ?? "primary"), value });
  }
  const only = rewardOfSpan(span);
  return named.length > 0 || only === null ? named : [{ name: "primary", value: only }];
}

// --- internal ---

function asNumber(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function agentOpsReward(text: unknown): number | null {
  if (typeof text !== "string" || !text.includes("reward")) return null;
  const output = parse(text);
  if (typeof output !== "object" || output === null) return null;
  const { type, value } = output as { readonly type?: unknown; readonly value?: unknown };
  return type === "reward" ? asNumber(value) : null;
}

// Text that is no JSON is some other output, not a reward.
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

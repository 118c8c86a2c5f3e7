// Which agent a span stands for, as the instrumentations of agent frameworks write it.
import type { Span } from "../types/span.js";

/** The first of the known spellings; null when the span names no agent. */
export function agentNameOf({ name, attributes }: Span): string | null {
  const candidates = [
    attributes["agent.name"],
    attributes["agentops.span.kind"] === "agent" ? attributes["operation.name"] : undefined,
    attributes.recipient_agent_type,
    attributes["langchain.chain.type"],
    attributes["executor.id"],
    attributes.type === "agent" ? attributes["agentlightning.operation.input.name"] : undefined,
    name.startsWith(kChain) ? name.slice(kChain.length) : undefined,
  ];
  const found = candidates.find((candidate) => candidate !== undefined);
  return found === undefined ? null : String(found);
}

// --- internal ---

const kChain = "langchain.Chain.";

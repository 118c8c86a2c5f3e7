// What an agent was told since its previous call: a call's state as far as its messages show it.
import type { ChatMessage } from "../types/chat.js";
import type { CreditCall } from "../types/credit.js";

/**
 * The agent's name and the texts of the messages beyond those that its previous call began with, its own answers left out; of a first call, and of
 * one that begins anew, all. Null where no messages were recorded.
 */
export function addedText(call: CreditCall, before: readonly CreditCall[]): string | null {
  const { messages, agent } = call;
  if (messages.length === 0) return null;
  const previous = before.findLast((other) => other.agent === agent)?.messages ?? [];
  const added = messages.slice(sharedLength(previous, messages)).filter(({ role }) => role !== "assistant");
  // A prompt that says nothing new stands where it stood.
  const told = added.length === 0 ? messages.slice(-1) : added;
  return JSON.stringify([agent, ...told.map(({ role, content }) => [role, content ?? null])]);
}

// --- internal ---

function sharedLength(a: readonly ChatMessage[], b: readonly ChatMessage[]): number {
  const differs = b.findIndex((message, i) => !isSame(message, a[i]));
  return differs < 0 ? b.length : differs;
}

/** What an agent adds to a message besides does not tell it from itself. */
function isSame(a: ChatMessage, b: ChatMessage | undefined): boolean {
  return b !== undefined && a.role === b.role && JSON.stringify(a.content) === JSON.stringify(b.content);
}

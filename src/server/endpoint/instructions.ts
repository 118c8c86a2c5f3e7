// The instructions at the head of a conversation, where an edit puts its own.

/** Messages, or items, of any wire whose instructions are told by their role. */
export function splitInstructions(messages: readonly unknown[]): {
  readonly lead: readonly unknown[];
  readonly rest: readonly unknown[];
} {
  const first = messages.findIndex((message) => !kRoles.has(Object(message).role));
  const end = first < 0 ? messages.length : first;
  return { lead: messages.slice(0, end), rest: messages.slice(end) };
}

// --- internal ---

const kRoles: ReadonlySet<unknown> = new Set(["system", "developer"]);

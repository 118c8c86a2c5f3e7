// A chat completions body with another system prompt, examples or model in it.
import type { PromptEdits } from "../../../types/prompt-edits.js";

/** Everything else of the body stays as it is; a body that is no chat completions request is returned itself. */
export function editChat(body: unknown, { system, messages: examples, model }: PromptEdits): unknown {
  if (typeof body !== "object" || body === null || !("messages" in body) || !Array.isArray(body.messages))
    return body;
  const given: readonly unknown[] = body.messages;
  const isSystem = (message: unknown) => kSystemRoles.has(Object(message).role);
  const lead = given.findIndex((message) => !isSystem(message));
  const own = given.slice(0, lead < 0 ? given.length : lead);
  const first = Object(own[0] ?? { role: "system" });
  const instructions = system === undefined ? own : [{ ...first, content: system }];
  return {
    ...body,
    ...(model === undefined ? {} : { model }),
    messages: [...instructions, ...(examples ?? []), ...given.slice(own.length)],
  };
}

// --- internal ---

const kSystemRoles: ReadonlySet<unknown> = new Set(["system", "developer"]);

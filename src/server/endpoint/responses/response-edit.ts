// A Responses body with other instructions, examples or model in it.
import type { ChatMessage } from "../../../types/chat.js";
import type { PromptEdits } from "../../../types/prompt-edits.js";
import { contentText } from "../chat-content.js";
import { splitInstructions } from "../instructions.js";

/**
 * A system prompt becomes the instructions, in place of them and of instructions at the input's head. Examples stand before the input where it
 * begins a conversation. A body that is no Responses request is returned itself.
 */
export function editResponse(body: unknown, { system, messages: examples, model }: PromptEdits): unknown {
  if (typeof body !== "object" || body === null || !("input" in body)) return body;
  const { input } = body;
  if (typeof input !== "string" && !Array.isArray(input)) return body;
  const items: readonly unknown[] = typeof input === "string" ? [{ role: "user", content: input }] : input;
  const { lead, rest } = splitInstructions(items);
  const continues = Object(body).previous_response_id != null;
  const shown = continues ? [] : (examples ?? []).flatMap(toItems);
  const isSame = shown.length === 0 && (system === undefined || lead.length === 0);
  return {
    ...body,
    ...(model === undefined ? {} : { model }),
    ...(system === undefined ? {} : { instructions: system }),
    input: isSame ? input : [...(system === undefined ? lead : []), ...shown, ...rest],
  };
}

// --- internal ---

function toItems(message: ChatMessage): unknown[] {
  const { role, tool_call_id, tool_calls } = message;
  const text = contentText(message);
  if (role === "tool") return [{ type: "function_call_output", call_id: tool_call_id, output: text }];
  const calls = (tool_calls ?? []).map(({ id, function: { name, arguments: args } }) => {
    return {
      ...{ type: "function_call", call_id: id, name },
      arguments: typeof args === "string" ? args : JSON.stringify(args),
    };
  });
  return [...(text === "" && calls.length > 0 ? [] : [{ role, content: text }]), ...calls];
}

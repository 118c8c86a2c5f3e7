// An Anthropic messages body with another system prompt, examples or model in it.
import type { ChatMessage } from "../../../types/chat.js";
import type { PromptEdits } from "../../../types/prompt-edits.js";
import { argumentsObject } from "../call-arguments.js";
import { contentText } from "../chat-content.js";

/** Everything else of the body stays as it is; a body that is no messages request is returned itself. */
export function editMessages(body: unknown, { system, messages: examples, model }: PromptEdits): unknown {
  if (typeof body !== "object" || body === null || !("messages" in body) || !Array.isArray(body.messages))
    return body;
  return {
    ...body,
    // Where the path names the model, the body has none.
    ...(model === undefined || !("model" in body) ? {} : { model }),
    ...(system === undefined ? {} : { system }),
    messages: [...(examples ?? []).map(toMessage), ...(body.messages as unknown[])],
  };
}

// --- internal ---

function toMessage(message: ChatMessage): object {
  const { role, tool_calls, tool_call_id } = message;
  const content = contentText(message);
  if (role === "tool")
    return { role: "user", content: [{ type: "tool_result", tool_use_id: tool_call_id ?? "", content }] };
  if (role !== "assistant") return { role: role === "developer" ? "system" : role, content };
  if (!tool_calls?.length) return { role, content };
  const uses = tool_calls.map(({ id, function: { name, arguments: args } }) => {
    return { type: "tool_use", id: id ?? "", name, input: argumentsObject(args) };
  });
  return { role, content: [...(content === "" ? [] : [{ type: "text", text: content }]), ...uses] };
}

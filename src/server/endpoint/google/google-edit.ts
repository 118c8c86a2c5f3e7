// A Google generateContent body with another system prompt or examples in it. The model is named by the path, which is no part of it.
import type { ChatMessage } from "../../../types/chat.js";
import type { PromptEdits } from "../../../types/prompt-edits.js";
import { argumentsObject } from "../call-arguments.js";
import { contentText } from "../chat-content.js";

/** Everything else of the body stays as it is; a body that is no generateContent request is returned itself. */
export function editContents(body: unknown, { system, messages: examples }: PromptEdits): unknown {
  if (typeof body !== "object" || body === null || !("contents" in body)) return body;
  const { system_instruction: _, systemInstruction: __, ...others } = body as Record<string, unknown>;
  const kept = system === undefined ? body : { ...others, systemInstruction: { parts: [{ text: system }] } };
  return { ...kept, contents: [...toContents(examples ?? []), ...listOf(body.contents)] };
}

// --- internal ---

function listOf(contents: unknown): readonly unknown[] {
  if (typeof contents === "string") return [{ role: "user", parts: [{ text: contents }] }];
  return Array.isArray(contents) ? contents : [contents];
}

function toContents(messages: readonly ChatMessage[]): object[] {
  const names = new Map<string, string>();
  return messages.map((message) => {
    const text = contentText(message);
    const texts = text === "" ? [] : [{ text }];
    if (message.role === "tool") {
      const name = names.get(message.tool_call_id ?? "") ?? message.name ?? "";
      return { role: "user", parts: [{ functionResponse: { name, response: { result: text } } }] };
    }
    if (message.role !== "assistant") return { role: "user", parts: [{ text }] };
    const calls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: args } }) => {
      names.set(id ?? "", name);
      return { functionCall: { name, args: argumentsObject(args) } };
    });
    return { role: "model", parts: [...texts, ...calls] };
  });
}

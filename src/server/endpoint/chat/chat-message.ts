// One message of a chat completions request, checked.
import type { z } from "zod";
import type { ChatMessage, TextPart, ToolCallInput } from "../../../types/chat.js";
import { type FieldReader, isKnown, pick } from "../field-reader.js";
import { notServed } from "../field-table.js";
import { messageFields } from "./message-fields.js";

/**
 * @param at  "messages.0"
 * @throws RequestError 400 naming the field
 */
export function toMessage(reader: FieldReader, from: unknown, at: string): ChatMessage {
  const fields = reader.read(messageFields.message, from, at);
  const { role, content, tool_calls, tool_call_id, name, reasoning, reasoning_content, ...others } = fields;
  checkRole(fields, at);
  return {
    // What no table knows reaches the template, and nothing else.
    ...pick(others, (field) => !isKnown(messageFields.message, field)),
    role,
    content: Array.isArray(content)
      ? content.map((part, i) => toPart(reader, part, `${at}.content.${i}`))
      : (content ?? null),
    ...(tool_calls?.length
      ? { tool_calls: tool_calls.map((call, i) => toToolCall(reader, call, `${at}.tool_calls.${i}`)) }
      : {}),
    ...(name ? { name } : {}),
    ...(tool_call_id == null ? {} : { tool_call_id }),
    ...((reasoning_content ?? reasoning) ? { reasoning: reasoning_content ?? reasoning } : {}),
  };
}

// --- internal ---

/** What only one role can say would vanish in the others: templates look for it nowhere else. */
function checkRole(message: z.infer<typeof messageFields.message.served>, at: string): void {
  const owners = [
    ["assistant", ["tool_calls", "reasoning", "reasoning_content"]],
    ["tool", ["tool_call_id"]],
  ] as const;
  for (const [role, names] of owners) {
    for (const name of names) {
      const value = message[name];
      if (message.role === role || value === undefined || value === null || value.length === 0) continue;
      throw notServed(`${at}.${name}`, value, `only a message of role "${role}" has it`);
    }
  }
}

function toPart(reader: FieldReader, from: unknown, at: string): TextPart {
  const type: unknown = Object(from).type;
  if (typeof type === "string" && type !== "text")
    throw notServed(`${at}.type`, type, "only text parts are served");
  const { text } = reader.read(messageFields.textPart, from, at);
  return { type: "text", text };
}

function toToolCall(reader: FieldReader, from: unknown, at: string): ToolCallInput {
  const { id, function: called } = reader.read(messageFields.toolCall, from, at);
  const { name, arguments: args } = reader.read(messageFields.calledFunction, called, `${at}.function`);
  return { ...(id == null ? {} : { id }), type: "function", function: { name, arguments: args } };
}

// Messages of Ollama's /api/chat as chat messages and back. Its calls need have no ids: a tool's result belongs to the first open call of its name.
import type { ChatMessage, ToolCallInput } from "../../../types/chat.js";
import { argumentsObject } from "../call-arguments.js";
import { contentText } from "../chat-content.js";
import type { FieldReader } from "../field-reader.js";
import { notServed } from "../field-table.js";
import { ollamaFields } from "./ollama-fields.js";

/** @throws RequestError 400 naming the field */
export function toMessages(reader: FieldReader, messages: readonly unknown[]): readonly ChatMessage[] {
  const open: { readonly id: string; readonly name: string }[] = [];
  return messages.map((from, i) => {
    const at = `messages.${i}`;
    const { role, content, thinking, tool_calls, tool_name, tool_call_id } = reader.read(
      ollamaFields.message,
      from,
      at,
    );
    if (role !== "assistant" && (thinking || tool_calls?.length))
      throw notServed(`${at}.${thinking ? "thinking" : "tool_calls"}`, role, 'only role "assistant" has it');
    if (role === "tool")
      return { role, content: content ?? "", tool_call_id: answered(open, tool_call_id, tool_name) };
    const calls = (tool_calls ?? []).map((call, k) => toCall(reader, call, i, k));
    open.push(...calls.map(({ id, function: { name } }) => ({ id, name })));
    return {
      ...{ role, content: content ?? (calls.length > 0 ? null : "") },
      ...(thinking ? { reasoning: thinking } : {}),
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    };
  });
}

/** A chat message as an entry of `messages`, for edits. */
export function toOllamaMessage(message: ChatMessage): Record<string, unknown> {
  const calls = message.tool_calls ?? [];
  return {
    ...{ role: message.role, content: contentText(message) },
    ...(calls.length > 0 ? { tool_calls: calls.map(toOllamaCall) } : {}),
    ...(message.tool_call_id === undefined ? {} : { tool_call_id: message.tool_call_id }),
  };
}

export function toOllamaCall({
  id,
  function: { name, arguments: args },
}: ToolCallInput): Record<string, unknown> {
  return { id, function: { name, arguments: argumentsObject(args) } };
}

// --- internal ---

function toCall(
  reader: FieldReader,
  from: unknown,
  message: number,
  index: number,
): ToolCallInput & { id: string } {
  const at = `messages.${message}.tool_calls.${index}`;
  const { id, function: called } = reader.read(ollamaFields.toolCall, from, at);
  const { name, arguments: args } = reader.read(ollamaFields.calledFunction, called, `${at}.function`);
  return {
    id: id ?? `call_${message}_${index}`,
    type: "function",
    function: { name, arguments: JSON.stringify(args) },
  };
}

/** The id of the call that a result answers, which is open no more. */
function answered(
  open: { readonly id: string; readonly name: string }[],
  id: string | null | undefined,
  name: string | null | undefined,
): string {
  const at = open.findIndex((call) => (id ? call.id === id : name ? call.name === name : true));
  const [call] = open.splice(at, at < 0 ? 0 : 1);
  return call?.id ?? id ?? "";
}

// Model-call spans as chat messages: what fine-tuning on chats reads. Text as it was recorded; images are not looked into.
import { toJsonValue } from "../base/json-value.js";
import type { ChatMessage, ToolCall, ToolDefinition } from "../types/chat.js";
import type { Attributes, Span } from "../types/span.js";

export interface Conversation {
  /** The request's messages and the answer. */
  readonly messages: readonly ChatMessage[];
  /** Null when the request offered none. */
  readonly tools: readonly ToolDefinition[] | null;
}

/**
 * One conversation for each span that holds `gen_ai.prompt.N` and `gen_ai.completion.0`, in the order of the attempt.
 * Calls reported twice appear twice, as in the reference.
 */
export function toMessages(spans: readonly Span[]): Conversation[] {
  return spans
    .toSorted((a, b) => a.sequenceId - b.sequenceId)
    .flatMap(({ attributes }) => {
      const prompts = indexed(attributes, "gen_ai.prompt");
      const [answer] = indexed(attributes, "gen_ai.completion");
      if (prompts.length === 0 || answer === undefined) return [];
      const messages = [
        ...prompts.map((fields) => toMessage(fields, "user")),
        toMessage(answer, "assistant"),
      ];
      return [{ messages, tools: toTools(attributes) }];
    });
}

// --- internal ---

/** What stands below `PREFIX.0`, `PREFIX.1` ... up to the first gap, keys without that prefix. */
function indexed(attributes: Attributes, prefix: string): Attributes[] {
  const found = new Map<number, Record<string, Attributes[string]>>();
  for (const [key, value] of Object.entries(attributes)) {
    if (!key.startsWith(`${prefix}.`)) continue;
    const [, index, rest] = /^(\d+)\.(.+)$/.exec(key.slice(prefix.length + 1)) ?? [];
    if (index === undefined || rest === undefined) continue;
    const fields = found.get(Number(index)) ?? {};
    fields[rest] = value;
    found.set(Number(index), fields);
  }
  const list: Attributes[] = [];
  for (let fields = found.get(0); fields !== undefined; fields = found.get(list.length)) list.push(fields);
  return list;
}

function toMessage(fields: Attributes, defaultRole: string): ChatMessage {
  const calls = indexed(fields, "tool_calls").map(toToolCall);
  const content = fields.content ?? (calls.length > 0 ? null : "");
  return {
    role: String(fields.role ?? defaultRole),
    content: content === null ? null : toContent(content),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    ...(fields.tool_call_id === undefined ? {} : { tool_call_id: String(fields.tool_call_id) }),
  };
}

// Parts were recorded as JSON; text that merely looks like it stays text.
function toContent(content: Attributes[string]): ChatMessage["content"] {
  const text = String(content);
  const parts = text.startsWith("[{") ? toJsonValue(text) : undefined;
  const isParts =
    Array.isArray(parts) && parts.every((part) => part?.type === "text" && typeof part.text === "string");
  return isParts ? parts : text;
}

function toToolCall(fields: Attributes): ToolCall {
  const { id, name, arguments: args } = fields;
  return {
    id: String(id ?? ""),
    type: "function",
    function: { name: String(name ?? ""), arguments: String(args ?? "") },
  };
}

function toTools(attributes: Attributes): ToolDefinition[] | null {
  const functions = indexed(attributes, "gen_ai.request.functions");
  if (functions.length === 0) return null;
  return functions.map(({ name, description, parameters }) => {
    const schema = typeof parameters === "string" ? toJsonValue(parameters) : undefined;
    return {
      type: "function",
      function: {
        name: String(name ?? ""),
        ...(description === undefined ? {} : { description: String(description) }),
        ...(typeof schema === "object" && schema !== null ? { parameters: { ...schema } } : {}),
      },
    };
  });
}

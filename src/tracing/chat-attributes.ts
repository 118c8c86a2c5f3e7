// gen_ai.* attributes of a chat completion from the JSON that went over the wire: prompt, tools, completion, usage.
// The response is one object or, streamed, server-sent events, whose pieces are joined. What is malformed is left out:
// the bodies themselves are recorded beside these.
import { toJsonValue } from "../base/json-value.js";
import type { AttributeValue } from "../types/span.js";

/**
 * @param request  the parsed request body
 * @param responseText  JSON, or events `data: {...}`
 */
export function chatAttributes(request: unknown, responseText: string): Record<string, AttributeValue> {
  const response = parseResponse(responseText);
  const attributes: Record<string, AttributeValue> = {};
  const put = (key: string, value: unknown): void => {
    if (value === undefined || value === null) return;
    const isScalar = typeof value !== "object";
    attributes[key] = isScalar ? (value as string | number | boolean) : JSON.stringify(value);
  };
  put("gen_ai.request.temperature", field(request, "temperature"));
  put("gen_ai.request.max_tokens", field(request, "max_tokens") ?? field(request, "max_completion_tokens"));
  items(field(request, "messages")).forEach((message, n) => {
    putMessage(put, `gen_ai.prompt.${n}`, message);
  });
  items(field(request, "tools")).forEach((tool, n) => {
    for (const name of ["name", "description", "parameters"])
      put(`gen_ai.request.functions.${n}.${name}`, field(field(tool, "function"), name));
  });
  put("gen_ai.response.id", field(response, "id"));
  put("gen_ai.response.model", field(response, "model"));
  put("gen_ai.usage.input_tokens", field(field(response, "usage"), "prompt_tokens"));
  put("gen_ai.usage.output_tokens", field(field(response, "usage"), "completion_tokens"));
  items(field(response, "choices")).forEach((choice, n) => {
    if (n === 0) put("gen_ai.response.finish_reason", field(choice, "finish_reason"));
    putMessage(put, `gen_ai.completion.${n}`, field(choice, "message"));
  });
  return attributes;
}

// --- internal ---

type Put = (key: string, value: unknown) => void;

function putMessage(put: Put, prefix: string, message: unknown): void {
  put(`${prefix}.role`, field(message, "role"));
  put(`${prefix}.content`, field(message, "content"));
  put(`${prefix}.tool_call_id`, field(message, "tool_call_id"));
  items(field(message, "tool_calls")).forEach((call, m) => {
    put(`${prefix}.tool_calls.${m}.id`, field(call, "id"));
    put(`${prefix}.tool_calls.${m}.name`, field(field(call, "function"), "name"));
    put(`${prefix}.tool_calls.${m}.arguments`, field(field(call, "function"), "arguments"));
  });
}

function parseResponse(text: string): unknown {
  if (!/^\s*(data|event|:|id)/.test(text)) return toJsonValue(text);
  // "[DONE]" is no JSON.
  const chunks = [...text.matchAll(/^data: ?(.*)$/gm)].map(([, data]) => toJsonValue(data ?? ""));
  const choices: Choice[] = [];
  for (const piece of chunks.flatMap((chunk) => items(field(chunk, "choices")))) addPiece(choices, piece);
  const last = (name: string): unknown =>
    chunks.map((chunk) => field(chunk, name)).findLast((x) => x != null);
  return { id: last("id"), model: last("model"), usage: last("usage"), choices: choices.filter(Boolean) };
}

interface Choice {
  finish_reason?: unknown;
  readonly message: { role?: unknown; content: string | null; readonly tool_calls: ToolCallPieces[] };
}

interface ToolCallPieces {
  id?: unknown;
  readonly function: { name: string; arguments: string };
}

function addPiece(choices: Choice[], piece: unknown): void {
  const index = Number(field(piece, "index") ?? 0);
  const delta = field(piece, "delta");
  choices[index] ??= { message: { content: null, tool_calls: [] } };
  const { message } = choices[index];
  const content = field(delta, "content");
  message.role ??= field(delta, "role");
  if (typeof content === "string") message.content = (message.content ?? "") + content;
  choices[index].finish_reason = field(piece, "finish_reason") ?? choices[index].finish_reason;
  for (const call of items(field(delta, "tool_calls"))) {
    const m = Number(field(call, "index") ?? 0);
    message.tool_calls[m] ??= { function: { name: "", arguments: "" } };
    const pieces = message.tool_calls[m];
    pieces.id ??= field(call, "id");
    pieces.function.name += String(field(field(call, "function"), "name") ?? "");
    pieces.function.arguments += String(field(field(call, "function"), "arguments") ?? "");
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

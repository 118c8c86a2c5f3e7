// A chat completions request, checked: what the endpoint serves, and by name what it does not. Field names are the wire's.
import type { z } from "zod";
import type { AskedSampling, CallRequest } from "../../types/call-request.js";
import type { ChatMessage, TextPart, ToolCallInput, ToolDefinition } from "../../types/chat.js";
import { chatFields } from "./chat-fields.js";
import { type FieldTable, notServed, readFields } from "./field-table.js";
import { messageFields } from "./message-fields.js";
import { badRequest } from "./open-ai-error.js";

/** @throws OpenAiError 400 naming the field */
export function parseChatRequest(value: unknown): CallRequest {
  const ignored = new Set<string>();
  const read = <Served>(table: FieldTable<Served>, from: unknown, at: string): Served => {
    const { fields, unknown } = readFields(table, from, at);
    for (const name of unknown) ignored.add(at === "" ? name : `${at.replace(/\.\d+/g, "[]")}.${name}`);
    return fields;
  };
  const body = read(chatFields.body, value, "");
  const streamOptions = read(chatFields.streamOptions, body.stream_options ?? {}, "stream_options");
  if (body.top_logprobs && !body.logprobs)
    throw badRequest("top_logprobs: expected logprobs: true beside it", "top_logprobs");
  const toolChoice = toToolChoice(body.tool_choice);
  return {
    model: body.model,
    messages: body.messages.map((message, i) => toMessage(read, message, `messages.${i}`)),
    tools: toolChoice === "none" ? [] : (body.tools ?? []).map((tool, i) => toTool(tool, `tools.${i}`)),
    toolChoice,
    parallelToolCalls: body.parallel_tool_calls ?? true,
    sampling: toSampling(body),
    n: body.n ?? 1,
    stream: body.stream ?? false,
    includeUsage: streamOptions.include_usage ?? false,
    logprobs: body.logprobs ? (body.top_logprobs ?? 0) : null,
    template: toTemplate(body.chat_template_kwargs ?? {}),
    ignored: [...ignored],
  };
}

// --- internal ---

type Read = <Served>(table: FieldTable<Served>, from: unknown, at: string) => Served;

function toSampling(body: z.infer<typeof chatFields.body.served>): AskedSampling {
  const { stop } = body;
  return {
    temperature: body.temperature ?? null,
    topP: body.top_p ?? null,
    topK: body.top_k == null ? null : Math.max(body.top_k, 0),
    minP: body.min_p ?? null,
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? null,
    stop: stop == null ? null : [stop].flat(),
    stopTokenIds: body.stop_token_ids ?? null,
  };
}

function toToolChoice(choice: unknown): "auto" | "none" {
  if (choice === undefined || choice === null || choice === "auto") return "auto";
  if (choice === "none") return "none";
  throw notServed("tool_choice", choice, 'expected "auto" or "none"');
}

function toTemplate(variables: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const taken = Object.keys(variables).find((name) => kRequestsOwn.has(name));
  if (taken === undefined) return variables;
  const path = `chat_template_kwargs.${taken}`;
  throw badRequest(`${path}: expected variables of the template, got what the request itself gives`, path);
}

const kRequestsOwn: ReadonlySet<string> = new Set([
  ...["messages", "conversation", "tools", "documents", "add_generation_prompt", "continue_final_message"],
  ...["chat_template", "tokenize", "return_dict", "return_tensors", "padding", "truncation", "max_length"],
]);

function toMessage(read: Read, from: unknown, at: string): ChatMessage {
  const fields = read(messageFields.message, from, at);
  const { role, content, tool_calls, tool_call_id, name, reasoning, reasoning_content, ...others } = fields;
  checkRole(fields, at);
  return {
    // What no table knows reaches the template, and nothing else.
    ...pick(others, (field) => !isKnown(messageFields.message, field)),
    role,
    content: Array.isArray(content)
      ? content.map((part, i) => toPart(read, part, `${at}.content.${i}`))
      : (content ?? null),
    ...(tool_calls?.length
      ? { tool_calls: tool_calls.map((call, i) => toToolCall(read, call, `${at}.tool_calls.${i}`)) }
      : {}),
    ...(name ? { name } : {}),
    ...(tool_call_id == null ? {} : { tool_call_id }),
    ...((reasoning_content ?? reasoning) ? { reasoning: reasoning_content ?? reasoning } : {}),
  };
}

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

function toPart(read: Read, from: unknown, at: string): TextPart {
  const type: unknown = Object(from).type;
  if (typeof type === "string" && type !== "text")
    throw notServed(`${at}.type`, type, "only text parts are served");
  const { text } = read(messageFields.textPart, from, at);
  return { type: "text", text };
}

function toToolCall(read: Read, from: unknown, at: string): ToolCallInput {
  const { id, function: called } = read(messageFields.toolCall, from, at);
  const { name, arguments: args } = read(messageFields.calledFunction, called, `${at}.function`);
  return { ...(id == null ? {} : { id }), type: "function", function: { name, arguments: args } };
}

/** Its further fields reach the template, in the order they came in, so they are no concern of ours unless they are slips. */
function toTool(from: unknown, at: string): ToolDefinition {
  const type: unknown = Object(from).type;
  if (typeof type === "string" && type !== "function")
    throw notServed(`${at}.type`, type, "only tools of type function are served");
  const tool = readFields(messageFields.tool, from, at).fields;
  readFields(messageFields.toolFunction, tool.function, `${at}.function`);
  const raw = from as ToolDefinition;
  const told = <Part extends object>(table: FieldTable<unknown>, part: Part) =>
    pick(part as Record<string, unknown>, (name) => !table.harmless.includes(name)) as unknown as Part;
  return { ...told(messageFields.tool, raw), function: told(messageFields.toolFunction, raw.function) };
}

function isKnown(table: FieldTable<unknown>, name: string): boolean {
  return table.harmless.includes(name) || Object.hasOwn(table.refused, name);
}

function pick(
  from: Readonly<Record<string, unknown>>,
  isWanted: (name: string) => boolean,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(from).filter(([name]) => isWanted(name)));
}

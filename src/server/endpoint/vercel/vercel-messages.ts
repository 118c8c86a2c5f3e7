// The prompt of a gateway call as chat messages, and chat messages as entries of a prompt.
import type { z } from "zod";
import type { ChatMessage, ToolCallInput } from "../../../types/chat.js";
import { argumentsObject } from "../call-arguments.js";
import { contentText, toContent } from "../chat-content.js";
import type { FieldReader } from "../field-reader.js";
import { notServed } from "../field-table.js";
import { badRequest } from "../request-error.js";
import { vercelFields } from "./vercel-fields.js";

/** @throws RequestError 400 naming the field */
export function toMessages(reader: FieldReader, prompt: readonly unknown[]): readonly ChatMessage[] {
  return prompt.flatMap((from, i): readonly ChatMessage[] => {
    const at = `prompt.${i}`;
    const { role, content } = reader.read(vercelFields.message, from, at);
    if (typeof content === "string") {
      if (role === "tool") throw badRequest(`${at}.content: expected a list of results`, `${at}.content`);
      return [{ role, content }];
    }
    const parts = content.map((part, k) => toPart(reader, part, `${at}.content.${k}`));
    for (const [k, part] of parts.entries())
      if (!kParts[role].includes(part.kind))
        throw notServed(`${at}.content.${k}.type`, part.type, `a message of role "${role}" has none`);
    if (role === "assistant") return [toAssistant(parts)];
    if (role === "tool") return parts.flatMap((part) => (part.kind === "result" ? [part.message] : []));
    return [{ role, content: toContent(texts(parts)) }];
  });
}

/** For edits: texts and calls, which examples have. */
export function toPromptEntry(message: ChatMessage): Record<string, unknown> {
  const { role, tool_calls, tool_call_id } = message;
  const text = contentText(message);
  if (role === "system") return { role, content: text };
  if (role === "tool") {
    const output = { type: "text", value: text };
    return {
      role,
      content: [{ type: "tool-result", toolCallId: tool_call_id, toolName: message.name, output }],
    };
  }
  const calls = (tool_calls ?? []).map(({ id, function: { name, arguments: args } }) => ({
    ...{ type: "tool-call", toolCallId: id, toolName: name },
    input: argumentsObject(args),
  }));
  return { role, content: [...(text === "" ? [] : [{ type: "text", text }]), ...calls] };
}

// --- internal ---

type Part = { readonly type: string } & (
  | { readonly kind: "text" | "thought"; readonly text: string }
  | { readonly kind: "call"; readonly call: ToolCallInput }
  | { readonly kind: "result"; readonly message: ChatMessage }
);

type Role = z.infer<typeof vercelFields.message.served>["role"];

const kParts: Readonly<Record<Role, readonly Part["kind"][]>> = {
  system: ["text"],
  user: ["text"],
  assistant: ["text", "thought", "call"],
  tool: ["result"],
};

function toPart(reader: FieldReader, from: unknown, at: string): Part {
  const type: unknown = Object(from).type;
  if (type === "tool-call") {
    const { toolCallId: id, toolName: name, input } = reader.read(vercelFields.toolCallPart, from, at);
    const args = typeof input === "string" ? input : JSON.stringify(input ?? {});
    return { kind: "call", type, call: { id, type: "function", function: { name, arguments: args } } };
  }
  if (type === "tool-result") {
    const { toolCallId, output } = reader.read(vercelFields.toolResultPart, from, at);
    const content = outputText(output, `${at}.output`);
    return { kind: "result", type, message: { role: "tool", tool_call_id: toolCallId, content } };
  }
  if (typeof type === "string" && type !== "text" && type !== "reasoning")
    throw notServed(`${at}.type`, type, "only text is served");
  const { type: kind, text } = reader.read(vercelFields.textPart, from, at);
  return { kind: kind === "text" ? "text" : "thought", type: kind, text };
}

function texts(parts: readonly Part[], kind: "text" | "thought" = "text"): readonly string[] {
  return parts.flatMap((part) => (part.kind === kind && "text" in part ? [part.text] : []));
}

function toAssistant(parts: readonly Part[]): ChatMessage {
  const calls = parts.flatMap((part) => (part.kind === "call" ? [part.call] : []));
  const text = texts(parts).join("");
  const thought = texts(parts, "thought").join("");
  return {
    ...{ role: "assistant", content: text === "" && calls.length > 0 ? null : text },
    ...(thought === "" ? {} : { reasoning: thought }),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}

interface Output {
  readonly type: string;
  readonly value?: unknown;
  readonly reason?: string | null | undefined;
}

function outputText({ type, value, reason }: Output, at: string): string {
  if (type === "execution-denied") return reason ?? "The call was not allowed.";
  if (type === "json" || type === "error-json") return JSON.stringify(value ?? null);
  if (type !== "content") {
    if (typeof value === "string") return value;
    throw badRequest(`${at}.value: expected a text`, `${at}.value`);
  }
  if (!Array.isArray(value)) throw badRequest(`${at}.value: expected a list of parts`, `${at}.value`);
  const parts = value.map((part: unknown, i) => {
    const { type: kind, text } = Object(part);
    if (kind === "text" && typeof text === "string") return text;
    throw notServed(`${at}.value.${i}.type`, kind, "only text is served");
  });
  return parts.join("\n");
}

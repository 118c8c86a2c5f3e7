// The tool calls of an answer: whether they could be made as they are written, and what came of them.
import { LightningError } from "../base/error.js";
import { parseJson } from "../base/json-text.js";
import { createSchemaCheck } from "../grammar/schema-check.js";
import type { ChatMessage, ToolCallInput, ToolDefinition } from "../types/chat.js";
import type { ToolCallView } from "../types/rollout-view.js";
import { isToolError } from "./tool-error.js";

/** Schemas read once for many calls. */
export interface ArgumentChecks {
  /** Null: there is no schema, or one that cannot be checked. */
  isValid(tool: ToolDefinition, args: unknown): boolean | null;
}

export function createArgumentChecks(): ArgumentChecks {
  const byText = new Map<string, ((value: unknown) => boolean) | null>();
  return {
    isValid({ function: { parameters } }, args) {
      if (parameters === undefined) return null;
      const text = JSON.stringify(parameters);
      try {
        const check = byText.get(text) ?? (byText.has(text) ? null : createSchemaCheck(parameters));
        byText.set(text, check);
        return check?.(args) ?? null;
      } catch (error) {
        // Of what cannot be enforced nothing is known: the call stands as one that was not checked.
        if (!(error instanceof LightningError && error.code === "E_ARGUMENT")) throw error;
        byText.set(text, null);
        return null;
      }
    },
  };
}

/** @param results  what tools answered, by the id of their call */
export function toToolCallView(
  call: ToolCallInput,
  tools: readonly ToolDefinition[] | null,
  results: ReadonlyMap<string, string>,
  checks: ArgumentChecks,
): ToolCallView {
  const { name, arguments: written } = call.function;
  const text = typeof written === "string" ? written : JSON.stringify(written);
  const content = call.id === undefined ? undefined : results.get(call.id);
  return {
    ...{ id: call.id ?? "", name, arguments: text },
    ...judge(name, text, tools, checks),
    result: content === undefined ? null : { content, isError: isToolError(content) },
  };
}

/** What tools answered, by the id of their call. */
export function toolResults(messages: readonly ChatMessage[]): (readonly [id: string, content: string])[] {
  return messages.flatMap(({ role, tool_call_id, content }) =>
    role === "tool" && tool_call_id !== undefined ? [[tool_call_id, toText(content)] as const] : [],
  );
}

// --- internal ---

function judge(
  name: string,
  text: string,
  tools: readonly ToolDefinition[] | null,
  checks: ArgumentChecks,
): Pick<ToolCallView, "problem" | "isChecked"> {
  const tool = tools?.find((each) => each.function.name === name);
  if (tools !== null && tool === undefined) return { problem: "unknown-tool", isChecked: false };
  // A tool without parameters may be called with nothing.
  const args = parseJson(text) === undefined ? undefined : JSON.parse(text);
  if (args === undefined && text.trim() !== "") return { problem: "invalid-arguments", isChecked: true };
  const isValid = tool === undefined ? null : checks.isValid(tool, args ?? {});
  return { problem: isValid === false ? "invalid-arguments" : null, isChecked: isValid !== null };
}

function toText(content: ChatMessage["content"]): string {
  if (typeof content === "string") return content;
  return (content ?? []).map(({ text }) => text).join("\n");
}

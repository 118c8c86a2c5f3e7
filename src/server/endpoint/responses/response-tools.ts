// The tools of a Responses request, and whether they may be called.
import type { ToolChoice } from "../../../types/call-request.js";
import type { ToolDefinition } from "../../../types/chat.js";
import type { FieldReader } from "../field-reader.js";
import { notServed } from "../field-table.js";
import { checkIsFunction, toFunctionTool } from "../function-tool.js";
import { badRequest } from "../request-error.js";
import { responseFields } from "./response-fields.js";

export interface AskedTools {
  /** Those that may be called; of others the model is not told. */
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice: ToolChoice;
}

/** @throws RequestError 400 naming the field */
export function toTools(reader: FieldReader, given: readonly unknown[], choice: unknown): AskedTools {
  const tools = given.map((tool, i) => toTool(reader, tool, `tools.${i}`));
  if (choice === undefined || choice === null || choice === "auto") return { tools, toolChoice: "auto" };
  if (choice === "none") return { tools: [], toolChoice: choice };
  if (choice === "required") return { tools, toolChoice: choice };
  const type: unknown = Object(choice).type;
  if (type === "function") {
    return { tools, toolChoice: { name: reader.read(responseFields.choice, choice, "tool_choice").name } };
  }
  if (type !== "allowed_tools") {
    const remedy = 'expected "auto", "none", "required", a function or allowed_tools';
    throw notServed("tool_choice", choice, remedy);
  }
  const { mode, tools: allowed } = reader.read(responseFields.allowed, choice, "tool_choice");
  const names = new Set(allowed.map(({ name }) => name));
  for (const name of names) {
    if (tools.some((tool) => tool.function.name === name)) continue;
    throw badRequest(
      `tool_choice.tools: expected names of tools, got ${JSON.stringify(name)}`,
      "tool_choice.tools",
    );
  }
  return { tools: tools.filter((tool) => names.has(tool.function.name)), toolChoice: mode };
}

// --- internal ---

function toTool(reader: FieldReader, given: unknown, at: string): ToolDefinition {
  checkIsFunction(given, at);
  const { name, description, parameters, strict } = reader.read(responseFields.tool, given, at);
  // strict: false demands nothing: the template is not told of it.
  return toFunctionTool({ name, description, parameters, strict: strict || null });
}

// A tool of a chat completions request, checked.
import type { ToolDefinition } from "../../../types/chat.js";
import { pick } from "../field-reader.js";
import { type FieldTable, readFields } from "../field-table.js";
import { checkIsFunction } from "../function-tool.js";
import { messageFields } from "./message-fields.js";

/**
 * Its further fields reach the template, in the order they came in, so they are no concern of ours unless they are slips.
 * @throws RequestError 400 naming the field
 */
export function toTool(from: unknown, at: string): ToolDefinition {
  checkIsFunction(from, at);
  const tool = readFields(messageFields.tool, from, at).fields;
  readFields(messageFields.toolFunction, tool.function, `${at}.function`);
  const raw = from as ToolDefinition;
  const told = <Part extends object>(table: FieldTable<unknown>, part: Part) =>
    pick(part as Record<string, unknown>, (name) => !table.harmless.includes(name)) as unknown as Part;
  return { ...told(messageFields.tool, raw), function: told(messageFields.toolFunction, raw.function) };
}

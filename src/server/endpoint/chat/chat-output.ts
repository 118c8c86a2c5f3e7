// The form that a chat completions request demands: `response_format` and `tool_choice`.
import type { AskedOutput, ToolChoice } from "../../../types/call-request.js";
import { notServed, readFields } from "../field-table.js";
import { outputFields } from "./output-fields.js";

/** @throws RequestError 400 naming the field */
export function toOutput(format: unknown): AskedOutput {
  if (format === undefined || format === null) return { kind: "text" };
  const { type, json_schema } = readFields(outputFields.format, format, "response_format").fields;
  if (type === "text") return { kind: "text" };
  if (type === "json_object") return { kind: "json" };
  const at = "response_format.json_schema";
  const { name, schema } = readFields(outputFields.schema, json_schema, at).fields;
  return { kind: "schema", name, schema };
}

/** @throws RequestError 400 naming the field */
export function toToolChoice(choice: unknown): ToolChoice {
  if (choice === undefined || choice === null) return "auto";
  if (choice === "auto" || choice === "none" || choice === "required") return choice;
  if (typeof choice !== "object" || Object(choice).type !== "function")
    throw notServed("tool_choice", choice, 'expected "auto", "none", "required" or a function');
  const called = readFields(outputFields.choice, choice, "tool_choice").fields.function;
  return { name: called.name };
}

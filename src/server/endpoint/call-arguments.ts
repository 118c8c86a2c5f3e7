// The arguments of a tool call, which are text in some dialects and an object in others.
import { toJsonValue } from "../../base/json-value.js";
import type { ToolCallInput } from "../../types/chat.js";

type Arguments = ToolCallInput["function"]["arguments"];

/** What arguments say, however they are spaced; text that is no JSON says itself. */
export function argumentsValue(args: Arguments): unknown {
  const value = typeof args === "string" ? toJsonValue(args) : args;
  return value === undefined ? args : value;
}

/** For a dialect that has no text for them: of a call that was cut in its arguments, an empty object. */
export function argumentsObject(args: Arguments): unknown {
  return typeof args === "string" ? (toJsonValue(args) ?? {}) : args;
}

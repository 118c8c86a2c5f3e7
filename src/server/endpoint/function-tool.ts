// A tool of a request as the model is told of it: a function, whatever the dialect calls its parts.
import type { ToolDefinition } from "../../types/chat.js";
import { notServed } from "./field-table.js";

export interface ToldFunction {
  readonly name: string;
  readonly description: string | null | undefined;
  readonly parameters: Readonly<Record<string, unknown>> | null | undefined;
  readonly strict?: boolean | null | undefined;
}

/** What the client leaves out, the definition has not either. */
export function toFunctionTool({ name, description, parameters, strict }: ToldFunction): ToolDefinition {
  return {
    type: "function",
    function: {
      name,
      ...(description == null ? {} : { description }),
      ...(parameters == null ? {} : { parameters }),
      ...(strict == null ? {} : { strict }),
    },
  };
}

/** @throws RequestError for a tool whose `type` says that it is something else */
export function checkIsFunction(tool: unknown, at: string): void {
  const type: unknown = Object(tool).type;
  if (typeof type === "string" && type !== "function")
    throw notServed(`${at}.type`, type, "only tools of type function are served");
}

// Variables of the chat template that a request brings along.
import { badRequest } from "./request-error.js";

/** @throws RequestError for what the request itself gives the template */
export function toTemplate(variables: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const taken = Object.keys(variables).find((name) => kRequestsOwn.has(name));
  if (taken === undefined) return variables;
  const path = `chat_template_kwargs.${taken}`;
  throw badRequest(`${path}: expected variables of the template, got what the request itself gives`, path);
}

// --- internal ---

const kRequestsOwn: ReadonlySet<string> = new Set([
  ...["messages", "conversation", "tools", "documents", "add_generation_prompt", "continue_final_message"],
  ...["chat_template", "tokenize", "return_dict", "return_tensors", "padding", "truncation", "max_length"],
]);

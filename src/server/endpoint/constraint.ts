// The form that a call demands of its answer: JSON, a schema, a tool that must be called. None is served yet; each is refused by name here.
import type { CallRequest } from "../../types/call-request.js";
import type { DialectFields } from "./dialect.js";
import { notServed } from "./field-table.js";

/** @throws RequestError naming the field of the dialect */
export function checkConstraint({ output, toolChoice }: CallRequest, fields: DialectFields): void {
  if (output.kind !== "text")
    throw notServed(fields.output, output, "ask for the form in the messages and check it in the agent");
  if (toolChoice !== "auto" && toolChoice !== "none")
    throw notServed(fields.toolChoice, toolChoice, 'expected "auto" or "none"');
}

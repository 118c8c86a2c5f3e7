// Every field that is known of the items of a Responses request's input, and of their parts.
import { z } from "zod";
import type { FieldTable } from "../field-table.js";

const text = z.union([z.string(), z.array(z.unknown())], "expected text or a list of text parts");
const ofItems = ["id", "status", "created_by", "cache_control", "provider_data"] as const;

const message = {
  served: z.looseObject({
    type: z.literal("message").nullish(),
    role: z.enum(["user", "assistant", "system", "developer"]),
    content: text,
  }),
  harmless: [...ofItems, "phase", "object"],
  refused: { tool_calls: { remedy: "use items of type function_call" } },
} as const satisfies FieldTable<unknown>;

const call = {
  served: z.looseObject({
    type: z.literal("function_call"),
    call_id: z.string(),
    name: z.string().min(1),
    arguments: z.string(),
  }),
  // What the openai package puts beside the arguments.
  harmless: [...ofItems, "parsed_arguments", "namespace", "caller"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const output = {
  served: z.looseObject({ type: z.literal("function_call_output"), call_id: z.string(), output: text }),
  harmless: [...ofItems, "name", "caller"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const reasoning = {
  served: z.looseObject({
    type: z.literal("reasoning"),
    summary: z.array(z.unknown()).nullish(),
    content: z.array(z.unknown()).nullish(),
  }),
  harmless: [...ofItems, "encrypted_content", "format"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const reference = {
  served: z.looseObject({ type: z.literal("item_reference").nullish(), id: z.string() }),
  harmless: ["status"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const part = {
  served: z.looseObject({ type: z.string(), text: z.string() }),
  harmless: ["annotations", "logprobs", "parsed", "cache_control", "id"],
  refused: {},
} as const satisfies FieldTable<unknown>;

export const itemFields = { message, call, output, reasoning, reference, part };

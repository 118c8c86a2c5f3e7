// Every field that is known of `response_format` and `tool_choice`.
import { z } from "zod";
import type { FieldTable } from "../field-table.js";

const format = {
  served: z.looseObject({
    type: z.enum(["text", "json_object", "json_schema"]),
    json_schema: z.unknown().optional(),
  }),
  harmless: [],
  refused: { schema: { remedy: 'use type "json_schema" and json_schema' } },
} as const satisfies FieldTable<unknown>;

// A schema is kept to, strict or not; the description reaches no template.
const schema = {
  served: z.looseObject({ name: z.string(), schema: z.record(z.string(), z.unknown()) }),
  harmless: ["strict", "description"],
  refused: {},
} as const satisfies FieldTable<unknown>;

const choice = {
  served: z.looseObject({
    type: z.literal("function"),
    function: z.looseObject({ name: z.string().min(1) }),
  }),
  harmless: [],
  refused: {},
} as const satisfies FieldTable<unknown>;

export const outputFields = { format, schema, choice };

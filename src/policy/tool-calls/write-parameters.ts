// The grammar of parameters that are written one after the other, each between tags: strings as they are, everything else as JSON, or as Python
// spells truth values and None, which some templates do.

import { argumentError } from "../../base/check.js";
import {
  choice,
  jsonValue,
  optional,
  type Part,
  repeat,
  sequence,
  text,
  textWithout,
} from "../../grammar/compose.js";
import { readRawSchema } from "../../grammar/raw-text.js";
import type { WritableTool } from "./call-form.js";
import { createParameterTypes, type JsonType } from "./parameter-types.js";

/**
 * In the schema's order, those that are required and such as may be left out; names that it does not list are not written.
 * @throws E_ARGUMENT for a schema that cannot be enforced, or says more of the object than which properties it has
 */
export function writeParameters({ name, parameters }: WritableTool): Part {
  if (parameters === null) return repeat(sequence(anyName, kValue, text(kClose)), 0, null);
  const place = `tools: ${name}.parameters`;
  const unknown = Object.keys(parameters).find((key) => !kKnown.has(key));
  if (unknown !== undefined)
    throw argumentError(
      place,
      "properties and which of them are required",
      unknown,
      "say it of the properties",
    );
  const properties = toRecord(parameters.properties ?? {});
  const required: unknown[] = Array.isArray(parameters.required) ? parameters.required : [];
  const missing = required.find((key) => !Object.hasOwn(properties, String(key)));
  if (missing !== undefined) throw argumentError(place, "every required name among properties", missing);
  const typesOf = createParameterTypes({ type: "function", function: { name, parameters } });
  const definitions = Object.fromEntries(
    ["$schema", "$defs", "definitions"].flatMap((key) => (key in parameters ? [[key, parameters[key]]] : [])),
  );
  const parts = Object.entries(properties).map(([key, own]) => {
    if (/[>\n]|^\s|\s$|^$/.test(key)) throw argumentError(place, "names without > and line ends", key);
    const schema = typeof own === "object" && own !== null ? { ...definitions, ...own } : own;
    const value = writeValue(`${place}.${key}`, schema, typesOf(key));
    const parameter = sequence(text(`<parameter=${key}>\n`), value, text(kClose));
    return required.includes(key) ? parameter : optional(parameter);
  });
  return sequence(...parts);
}

// --- internal ---

const kMarker = "</parameter>";
const kClose = `\n${kMarker}\n`;
const kValue = textWithout(kMarker);

/** The tag that opens a parameter of any name. */
const anyName: Part = sequence(
  text("<parameter="),
  () => ({
    kind: "repeat",
    node: {
      kind: "class",
      ranges: [
        [0x21, 0x3d],
        [0x3f, 0x7e],
      ],
    },
    min: 1,
    max: 64,
  }),
  text(">\n"),
);

const kKnown: ReadonlySet<string> = new Set([
  ...["type", "properties", "required", "additionalProperties", "$defs", "definitions", "$schema", "$id"],
  ...["title", "description", "examples", "default", "strict", "$comment"],
]);

function writeValue(place: string, schema: unknown, types: ReadonlySet<JsonType> | undefined): Part {
  const raw = readRawSchema(schema);
  const others = [...(types ?? [])].filter((type) => type !== "string");
  const isMixed = others.some((type) => type !== "null");
  const texts = types === undefined || types.has("string") ? raw.strings(kMarker, isMixed) : undefined;
  const parts = [
    ...(texts === undefined ? [] : [texts]),
    ...(others.length === 0 ? [] : [jsonValue(ofTypes(schema, others))]),
    ...kPython.flatMap(([value, spelling]) =>
      others.length > 0 && raw.allows(value) ? [text(spelling)] : [],
    ),
  ];
  if (parts.length === 0)
    throw argumentError(place, 'a schema that says its type, as in { type: "string" }', schema);
  return choice(...parts);
}

const kPython: readonly (readonly [value: boolean | null, spelling: string])[] = [
  [true, "True"],
  [false, "False"],
  [null, "None"],
];

/** The schema for values of these types alone. */
function ofTypes(schema: unknown, types: readonly JsonType[]): unknown {
  const { $schema, $defs, definitions, ...own } = toRecord(schema);
  const shared = Object.entries({ $schema, $defs, definitions }).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(shared), type: types, allOf: [own] };
}

function toRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

// What queries can ask of a rollout's metadata, beside its body: values that are no lists or objects, by top-level name. PostgreSQL's jsonb
// holds no NUL and no lone surrogate; where a name or text has one it is left out, and a query for it looks into the bodies.
import { isRange } from "../metadata-filter.js";
import type { MetadataFilter, RolloutQuery } from "../store-records.js";

/** As JSON. */
export function toLabels(metadata: Readonly<Record<string, unknown>>): string {
  const kept = Object.entries(metadata).filter(
    ([name, value]) => isScalar(value) && isSpeakable(name, value),
  );
  // Whatever its name is, a property like the others.
  return `{${kept.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
}

/** Whether the labels can tell. */
export function isForLabels({ metadata = {} }: RolloutQuery): boolean {
  return Object.entries(metadata).every(([name, filter]) => isSpeakable(name, filter));
}

/**
 * A condition on the labels.
 * @param add  a parameter, whose name it returns
 */
export function toLabelFilter(name: string, filter: MetadataFilter, add: (value: unknown) => string): string {
  if (!isRange(filter)) {
    const wanted = add(`{${JSON.stringify(name)}:${JSON.stringify(filter)}}`);
    return `COALESCE(labels @> ${wanted}::text::jsonb, false)`;
  }
  const value = `labels -> ${add(name)}::text`;
  const { min, max } = filter;
  const bounds = [
    ...(min === undefined ? [] : [`(${value})::numeric >= ${add(String(min))}::text::numeric`]),
    ...(max === undefined ? [] : [`(${value})::numeric <= ${add(String(max))}::text::numeric`]),
  ];
  return `CASE WHEN jsonb_typeof(${value}) = 'number' THEN ${bounds.join(" AND ")} ELSE false END`;
}

// --- internal ---

function isScalar(value: unknown): boolean {
  return value === null || ["string", "boolean"].includes(typeof value) || Number.isFinite(value);
}

function isSpeakable(name: string, value: unknown): boolean {
  return !kUnspeakable.test(name) && !(typeof value === "string" && kUnspeakable.test(value));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
const kUnspeakable = /\u0000|\p{Surrogate}/u;

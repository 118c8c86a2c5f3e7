// Rotary positions as config.json gives them, in either spelling: rope_theta + rope_scaling (to transformers 4) or
// rope_parameters (from 5). Su et al. 2021, arXiv:2104.09864.
import { z } from "zod";
import { showValue } from "../../base/check.js";

/** Frequency of pair i of a head: theta^(-2i / headSize), then scaled as `kind` says. */
export type RopeConfig =
  | { readonly kind: "default"; readonly theta: number }
  /** Every frequency divided by `factor`. */
  | { readonly kind: "linear"; readonly theta: number; readonly factor: number }
  /** Low frequencies divided by `factor`, high ones kept, interpolated between (Llama 3.1). */
  | {
      readonly kind: "llama3";
      readonly theta: number;
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalMaxPositions: number;
    };

/**
 * @param raw  the fields of config.json
 * @param fail  makes the error that names the file: (expected, got)
 * @throws what `fail` makes, when a field is wrong or the kind of scaling is not supported
 */
export function ropeConfig(
  raw: Readonly<Record<string, unknown>>,
  fail: (expected: string, got: string) => Error,
): RopeConfig {
  const theta = raw.rope_theta ?? undefined;
  const old = raw.rope_scaling ?? undefined;
  const current = raw.rope_parameters ?? undefined;
  if (current === undefined) return parse("rope_scaling", old, theta, fail);
  const parsed = parse("rope_parameters", current, theta, fail);
  if (old !== undefined) {
    const other = JSON.stringify(parse("rope_scaling", old, parsed.theta, fail));
    if (other !== JSON.stringify(parsed)) throw fail("rope_scaling to agree with rope_parameters", other);
  }
  return parsed;
}

// --- internal ---

const positive = z.number().positive().max(1e12);
const common = {
  rope_theta: positive.nullish(),
  partial_rotary_factor: z.literal(1).nullish(),
};
const schemas = {
  default: z.looseObject(common),
  linear: z.looseObject({ ...common, factor: positive }),
  llama3: z.looseObject({
    ...common,
    factor: positive,
    low_freq_factor: positive,
    high_freq_factor: positive,
    original_max_position_embeddings: z
      .int()
      .min(1)
      .max(2 ** 31 - 1),
  }),
};
const kDefaultTheta = 10_000;

function parse(
  field: string,
  value: unknown,
  topTheta: unknown,
  fail: (expected: string, got: string) => Error,
): RopeConfig {
  const check = <T>(schema: z.ZodType<T>, name: string, input: unknown): T => {
    const result = schema.safeParse(input);
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    throw fail(
      `a value that fits at ${[name, ...(issue?.path ?? [])].join(".")}`,
      issue?.message ?? "another",
    );
  };
  const outer = check(positive.nullish(), "rope_theta", topTheta) ?? kDefaultTheta;
  if (value === undefined) return { kind: "default", theta: outer };
  const record = check(z.record(z.string(), z.unknown()), field, value);
  for (const [key, inner] of Object.entries(record)) {
    // One record for each kind of layer, sections of a multimodal rotation.
    if (typeof inner === "object" && inner !== null) {
      throw fail(`${field} to hold numbers and names (others are not supported)`, `a record at ${key}`);
    }
  }
  // "type" is the name of rope_type before transformers 4.43.
  const kind = record.rope_type ?? record.type ?? "default";
  const thetaOf = (inner: number | null | undefined): number => inner ?? outer;
  if (kind === "default") {
    return { kind, theta: thetaOf(check(schemas.default, field, value).rope_theta) };
  }
  if (kind === "linear") {
    const { rope_theta, factor } = check(schemas.linear, field, value);
    return { kind, theta: thetaOf(rope_theta), factor };
  }
  if (kind === "llama3") {
    const scaling = check(schemas.llama3, field, value);
    if (scaling.high_freq_factor <= scaling.low_freq_factor) {
      const got = `${scaling.high_freq_factor} and ${scaling.low_freq_factor}`;
      throw fail(`${field}.high_freq_factor above low_freq_factor`, got);
    }
    return {
      kind,
      theta: thetaOf(scaling.rope_theta),
      factor: scaling.factor,
      lowFrequencyFactor: scaling.low_freq_factor,
      highFrequencyFactor: scaling.high_freq_factor,
      originalMaxPositions: scaling.original_max_position_embeddings,
    };
  }
  const remedy = `; where it was added for longer texts, as to Qwen2.5 and Qwen3, take ${field} out of the file`;
  throw fail(`${field}.rope_type to be one of default, linear, llama3`, showValue(kind) + remedy);
}

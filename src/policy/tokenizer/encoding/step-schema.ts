// The normalizers and pre-tokenizers of a tokenizer.json that are known here, with all their options. A type or an option
// that is not in these tables is refused: each of those in them has been compared with Hugging Face's tokenizers.
import { z } from "zod";
import { behaviors } from "./split.js";

/** Names what was found where the type of a step is not in a table. */
const named = {
  error: ({ input }: { readonly input?: unknown }): string => {
    const type = typeof input === "object" && input !== null && "type" in input ? input.type : input;
    return `${JSON.stringify(type)}, which is not supported`;
  },
};

const pattern = z.union([
  z.strictObject({ String: z.string().min(1) }),
  z.strictObject({ Regex: z.string().min(1) }),
]);

export type Pattern = z.infer<typeof pattern>;

const normalizerStep = z.discriminatedUnion("type", [
  z.strictObject({ type: z.enum(["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Nmt", "ByteLevel"]) }),
  z.strictObject({ type: z.literal("Prepend"), prepend: z.string() }),
  z.strictObject({ type: z.literal("Strip"), strip_left: z.boolean(), strip_right: z.boolean() }),
  z.strictObject({ type: z.literal("Replace"), pattern, content: z.string() }),
]);

export type NormalizerStep = z.infer<typeof normalizerStep>;

type NormalizerJson =
  | NormalizerStep
  | { readonly type: "Sequence"; readonly normalizers: readonly NormalizerJson[] };

export const normalizerSchema: z.ZodType<NormalizerJson> = z.discriminatedUnion(
  "type",
  [
    ...normalizerStep.options,
    z.strictObject({ type: z.literal("Sequence"), normalizers: z.array(z.lazy(() => normalizerSchema)) }),
  ],
  named,
);

const behavior = z.enum(behaviors);

const preTokenizerStep = z.discriminatedUnion("type", [
  z.strictObject({ type: z.enum(["Whitespace", "WhitespaceSplit", "BertPreTokenizer"]) }),
  z.strictObject({
    type: z.literal("ByteLevel"),
    add_prefix_space: z.boolean(),
    // Moves offsets, which are not kept here.
    trim_offsets: z.boolean(),
    use_regex: z.boolean().default(true),
  }),
  z.strictObject({ type: z.literal("Digits"), individual_digits: z.boolean() }),
  z.strictObject({ type: z.literal("Punctuation"), behavior: behavior.default("Isolated") }),
  z.strictObject({ type: z.literal("CharDelimiterSplit"), delimiter: z.string().regex(/^.$/su) }),
  z.strictObject({ type: z.literal("FixedLength"), length: z.int().min(1).default(5) }),
  z.strictObject({ type: z.literal("Split"), pattern, behavior, invert: z.boolean() }),
  z.strictObject({
    type: z.literal("Metaspace"),
    replacement: z.string().regex(/^.$/su),
    prepend_scheme: z.enum(["always", "first", "never"]).optional(),
    // Older files have it: false goes with "never" alone.
    add_prefix_space: z.boolean().optional(),
    str_rep: z.string().optional(),
    split: z.boolean().default(true),
  }),
]);

export type PreTokenizerStep = z.infer<typeof preTokenizerStep>;

type PreTokenizerJson =
  | PreTokenizerStep
  | { readonly type: "Sequence"; readonly pretokenizers: readonly PreTokenizerJson[] };

export const preTokenizerSchema: z.ZodType<PreTokenizerJson> = z.discriminatedUnion(
  "type",
  [
    ...preTokenizerStep.options,
    z.strictObject({ type: z.literal("Sequence"), pretokenizers: z.array(z.lazy(() => preTokenizerSchema)) }),
  ],
  named,
);

/** The steps of a field `normalizer`, sequences within sequences laid out. */
export function normalizerSteps(json: NormalizerJson | null): readonly NormalizerStep[] {
  if (json === null) return [];
  return json.type === "Sequence" ? json.normalizers.flatMap(normalizerSteps) : [json];
}

/** The steps of a field `pre_tokenizer`, sequences within sequences laid out. */
export function preTokenizerSteps(json: PreTokenizerJson | null): readonly PreTokenizerStep[] {
  if (json === null) return [];
  return json.type === "Sequence" ? json.pretokenizers.flatMap(preTokenizerSteps) : [json];
}

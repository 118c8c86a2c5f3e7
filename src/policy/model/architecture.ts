// Which network a config.json describes, asked before anything else of it is read: a network that is not served has other fields.
import { z } from "zod";
import { showValue } from "../../base/check.js";
import { nearest } from "../../base/nearest.js";
import { showJson } from "./show-json.js";

export type Architecture = "llama" | "qwen2" | "qwen3" | "mistral";

/** What names the network in config.json; the fields of the network itself may be anywhere. */
export const architectureSchema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  model_type: z.string().nullish(),
});

/**
 * @param fail  makes the error that names the file: (expected, got)
 * @throws what `fail` makes, naming the nearest that is served, when the network is another or wrapped in one for images or sound
 */
export function readArchitecture(
  raw: z.infer<typeof architectureSchema>,
  fail: (expected: string, got: string) => Error,
): Architecture {
  const names = raw.architectures ?? [];
  const [name] = names;
  const found = kServed.find((each) =>
    typeof raw.model_type === "string" ? each === raw.model_type : name === kClassNames[each],
  );
  if (found === undefined) {
    const got = `${showValue(raw.model_type)} with architectures ${showJson(names)}`;
    throw fail(`model_type to be one of ${kServed.join(", ")}`, `${got}; ${remedyFor(raw)}`);
  }
  if (names.length > 0 && !(names.length === 1 && name === kClassNames[found])) {
    const got = `${showJson(names)}; save the model as ${kClassNames[found]}`;
    throw fail(`architectures to be ${kClassNames[found]} for model_type ${found}`, got);
  }
  return found;
}

// --- internal ---

const kClassNames: Readonly<Record<Architecture, string>> = {
  llama: "LlamaForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
  mistral: "MistralForCausalLM",
};
const kServed = Object.keys(kClassNames) as readonly Architecture[];
const kExamples: Readonly<Record<Architecture, string>> = {
  llama: "SmolLM2 or Llama 3",
  qwen2: "Qwen2.5",
  qwen3: "Qwen3 without experts",
  mistral: "Mistral 7B",
};

/** Families by a part of their name, those before the others first. */
const kFamilies: readonly (readonly [RegExp, Architecture])[] = [
  [/qwen[3-9]/, "qwen3"],
  [/qwen|qwq/, "qwen2"],
  [/[sx]tral/, "mistral"],
  // Decoders of text that are built like Llama, but for a step here and there.
  [
    /llama|smol|granite|olmo|phi|gemma|deepseek|internlm|exaone|stablelm|cohere|minicpm|baichuan|glm|falcon|ernie|hunyuan|seed_?oss|yi\b|gpt_?oss|lfm/,
    "llama",
  ],
];

function remedyFor(raw: Readonly<Record<string, unknown>>): string {
  const inner = innerType(raw);
  const part =
    inner === undefined ? "" : `the model of text inside it is a ${showValue(inner[1])} (${inner[0]}); `;
  if (inner !== undefined && kServed.some((each) => each === inner[1]))
    return `${part}save that one alone as a model, with its tokenizer, and load it`;
  const names = [inner?.[1], raw.model_type, [raw.architectures].flat()[0]];
  for (const name of names) {
    const found = typeof name === "string" ? nearestServed(name) : undefined;
    if (found !== undefined)
      return `${part}the nearest that is served is ${found}, as in ${kExamples[found]}`;
  }
  return `served are ${kServed.map((each) => `${each} (${kExamples[each]})`).join(", ")}`;
}

function nearestServed(name: string): Architecture | undefined {
  const known = name.toLowerCase();
  const family = kFamilies.find(([pattern]) => pattern.test(known))?.[1];
  const spelled = nearest(known.replace(/forcausallm$/, ""), kServed, 0.34);
  return family ?? kServed.find((each) => each === spelled);
}

/** Models that see or hear hold the configuration of their text model in a field of its own. */
function innerType(
  raw: Readonly<Record<string, unknown>>,
): readonly [field: string, modelType: string] | undefined {
  for (const field of ["text_config", "llm_config", "language_config", "thinker_config", "decoder"]) {
    const config: unknown = raw[field];
    if (typeof config !== "object" || config === null) continue;
    const { model_type: type, text_config: deeper } = config as Record<string, unknown>;
    if (typeof deeper === "object" && deeper !== null) {
      const found = innerType({ text_config: deeper });
      if (found !== undefined) return [`${field}.${found[0]}`, found[1]];
    }
    if (typeof type === "string") return [field, type];
  }
  return undefined;
}

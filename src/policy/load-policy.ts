// loadPolicy: a Hugging Face folder becomes a policy. It reads headers, hands the engine the places of the weights, and adds the first
// adapter; what can be refused is refused before memory is taken.
import { checkText } from "../base/check.js";
import { planAdapter } from "./adapters/adapter-layout.js";
import { createAdapterTable } from "./adapters/adapter-table.js";
import { requireFolder } from "./adapters/missing-folder.js";
import { addAdapter } from "./adapters.js";
import { assemblePolicy } from "./assemble-policy.js";
import { checkChatOptions } from "./chat/chat-options.js";
import { loadChatTemplate, renderChat } from "./chat/chat-template.js";
import { checkTemplate, kDefaultDate } from "./chat/template-options.js";
import { createConstraintTable } from "./constraints/constraint-table.js";
import { readTokenTable } from "./constraints/token-table.js";
import { native } from "./engine/binding.js";
import { createSeeds } from "./engine/seeds.js";
import { type EngineOptions, loadEngines } from "./load-engines.js";
import { checkLoadNames } from "./load-names.js";
import { checkFamily, checkLoadOptions, type LoadPlan, type LoadPolicyOptions } from "./load-options.js";
import { createBaseDigest } from "./model/base-digest.js";
import { baseModelName } from "./model/base-model-name.js";
import { type ModelFolder, readModelFolder } from "./model/model-folder.js";
import type { Policy } from "./policy.js";
import type { PolicyParts } from "./policy-parts.js";
import { createStates } from "./states.js";
import { withTokenizerEos } from "./tokenizer/stop-tokens.js";
import { loadTokenizer } from "./tokenizer/tokenizer.js";

/**
 * Loads a model folder: config.json, safetensors, tokenizer.json, chat template.
 * With train: "adapter" (default) it has one adapter, "default", which changes nothing until trained; `adapter` describes another.
 * @throws E_ARGUMENT naming the option; E_MODEL naming file and field; E_MEMORY with the numbers; E_DEVICE and E_NATIVE with the remedy
 */
export async function loadPolicy(dir: string, options: LoadPolicyOptions = {}): Promise<Policy> {
  checkText(
    kWho,
    "the path of a model folder",
    dir,
    Object(dir) instanceof URL ? "write fileURLToPath(url)" : undefined,
  );
  checkLoadNames(kWho, options);
  requireFolder(kWho, "model", dir);
  if (typeof options.adapter === "string") requireFolder(`${kWho}: adapter`, "adapter", options.adapter);
  const folder = readModelFolder(dir);
  const { config } = folder;
  const template = loadChatTemplate(dir, checkTemplate(kWho, options));
  const toolCalls = checkFamily(kWho, options, template);
  const { places, seed, carriesSamples, ...plan } = checkLoadOptions(kWho, options, folder);
  const adapter = options.adapter ?? {};
  // Refuses a wrong adapter before the weights are read.
  if (!plan.trainAll) planAdapter(kWho, config, adapter, () => 0n);
  const tokenizer = loadTokenizer(dir);
  const baseDigest = createBaseDigest(folder);
  const { engine, lanes, device } = await loadEngines(kWho, toEngineOptions(folder, plan), places);
  try {
    const parts: PolicyParts = {
      engine,
      lanes,
      states: createStates("the policy", carriesSamples ? (held) => engine.holdSampler(held) : undefined),
      adapters: createAdapterTable(config, plan.trainAll),
      constraints: createConstraintTable(
        async () => new (native().Constraints)(await readTokenTable(tokenizer, config.vocabulary)),
      ),
      config: withTokenizerEos(dir, config, tokenizer),
      dir,
      baseModel: baseModelName(dir),
      baseDigest,
      tokenizer,
      contextLength: plan.contextLength,
      device,
      arithmetic: engine.arithmetic(),
      date: options.date ?? kDefaultDate,
      template: options.template ?? {},
      toolCalls,
      thoughtsIn: template.thoughtsIn,
      renderChat: (messages, chat = {}) => {
        checkChatOptions(chat);
        return renderChat(template, tokenizer, messages, chat);
      },
      nextSeed: createSeeds(seed, "sample"),
      nextAdapterSeed: createSeeds(seed, "adapter"),
      nextId: createCounter(),
    };
    if (!plan.trainAll) await addAdapter(parts, kFirstAdapter, adapter);
    return assemblePolicy(parts);
  } catch (error) {
    engine.close();
    throw error;
  }
}

// --- internal ---

const kWho = "loadPolicy";
const kFirstAdapter = "default";

function toEngineOptions(
  { config, files, tensors }: ModelFolder,
  plan: Omit<LoadPlan, "places" | "seed" | "carriesSamples">,
): EngineOptions {
  const { rope } = config;
  const factors = { factor: 1, lowFrequencyFactor: 1, highFrequencyFactor: 1, originalMaxPositions: 1 };
  return {
    hidden: config.hidden,
    layers: config.layers,
    heads: config.heads,
    kvHeads: config.kvHeads,
    headSize: config.headSize,
    intermediate: config.intermediate,
    vocabulary: config.vocabulary,
    tie: config.tie,
    normEps: config.normEps,
    rope: { ...factors, ...rope },
    files,
    tensors: tensors.map((tensor) => ({ ...tensor, layer: tensor.layer ?? 0 })),
    ...plan,
  };
}

function createCounter(): () => number {
  let next = 0;
  return () => next++;
}

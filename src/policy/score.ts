// policy.score: log-probabilities and entropies of given tokens. No gradients.
import { argumentError } from "../base/check.js";
import { LightningError } from "../base/error.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import {
  createScores,
  divideBatch,
  forEachMicroBatch,
  forward,
  place,
  splitBySequence,
} from "./micro-batches.js";
import type { ScoreOptions, SequenceScores } from "./policy.js";
import type { PolicyParts } from "./policy-parts.js";
import { checkTemperature } from "./temperature.js";
import { flattenSequences } from "./token-ids.js";

/** Of `score` and `forwardBackward`. */
export const scoreNames: OptionNames<ScoreOptions> = {
  adapter: ["model", "lora", "adapter_name"],
  temperature: ["temp"],
};

/** @throws as Policy.score */
export async function score(
  parts: PolicyParts,
  sequences: readonly ArrayLike<number>[],
  options: ScoreOptions = {},
): Promise<SequenceScores[]> {
  parts.states.checkOpen(kWho);
  checkOptions(kWho, options, scoreNames);
  if (!Array.isArray(sequences)) throw argumentError(kWho, "an array of sequences", sequences);
  const limits = { vocabulary: parts.config.vocabulary, contextLength: parts.contextLength };
  const batch = flattenSequences(kWho, sequences, limits, (s) => `sequences[${s}]`);
  const temperature = checkTemperature(kWho, options.temperature) || 1;
  return parts.states.alone(kWho, async (stop) => {
    const adapter = parts.adapters.resolve(kWho, options.adapter).handle;
    if (sequences.length === 0) return [];
    const all = createScores(batch);
    await forEachMicroBatch(divideBatch(parts.lanes, batch), async (micro) => {
      stop.throwIfAborted();
      place(await forward(kWho, micro, { adapter, temperature, keep: false }), batch, micro, all);
    });
    if (all.logprobs.some(Number.isNaN))
      throw new LightningError(
        "E_NONFINITE",
        `${kWho}: expected finite logits, got a log-probability of NaN; the weights are damaged`,
      );
    const entropies = splitBySequence(all.entropies, batch);
    return splitBySequence(all.logprobs, batch).map((logprobs, s) => ({
      logprobs,
      entropy: entropies[s] ?? new Float32Array(0),
    }));
  });
}

// --- internal ---

const kWho = "policy.score";

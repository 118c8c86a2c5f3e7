// What a caller says of a fresh LoRA adapter, with the defaults. LoRA: Hu et al. 2021, arXiv:2106.09685.
import { argumentError, checkBoolean, checkInteger, checkNumber, showValue } from "../../base/check.js";
import { nearest } from "../../base/nearest.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import type { Projection } from "../engine/binding.js";
import { checkSeed } from "../engine/seeds.js";
import { projectionPath, projections } from "../model/tensors.js";

export interface AdapterOptions {
  /** Default 16. */
  readonly rank?: number;
  /** The adapter's output is scaled by alpha / rank. Default 32. */
  readonly alpha?: number;
  /** Scale by alpha / sqrt(rank) instead. Default false. */
  readonly rslora?: boolean;
  /** Projections of every layer that get a pair, by our names or PEFT's. Default all seven, as "all-linear". */
  readonly targets?: "all-linear" | readonly (Projection | `${Projection}_proj`)[];
  /** Of A's random start; B starts at zero. Default: follows from the policy's seed. */
  readonly seed?: number | bigint;
}

export interface FreshAdapter {
  readonly rank: number;
  readonly alpha: number;
  readonly useRslora: boolean;
  /** In the order of `projections`, without repeats. */
  readonly targets: readonly Projection[];
  readonly seed: bigint | undefined;
}

/** @throws E_ARGUMENT naming the option */
export function checkAdapterOptions(who: string, options: AdapterOptions): FreshAdapter {
  if (typeof options !== "object" || options === null)
    throw argumentError(who, "adapter to be options or the path of a PEFT folder", options);
  checkOptions(`${who}: adapter`, options, kNames, kElsewhere);
  const { rslora = false, targets = kAllLinear } = options;
  checkBoolean(who, "adapter.rslora", rslora);
  const named = targetsOf(who, targets);
  return {
    rank: checkInteger(who, "adapter.rank", options.rank ?? 16, { min: 1, max: 4096 }),
    alpha: checkNumber(who, "adapter.alpha", options.alpha ?? 32, { min: 0 }),
    useRslora: rslora,
    targets: projections.filter((projection) => named.has(projection)),
    seed: options.seed === undefined ? undefined : checkSeed(who, options.seed),
  };
}

// --- internal ---

const kAllLinear = "all-linear";
// Beside each name, PEFT's and unsloth's.
const kNames: OptionNames<AdapterOptions> = {
  rank: ["r", "lora_r", "lora_rank"],
  alpha: ["lora_alpha"],
  rslora: ["use_rslora"],
  targets: ["target_modules", "lora_target_modules", "modules"],
  seed: ["random_state"],
};
const kElsewhere = {
  lora_dropout: "adapters are trained without dropout, leave it out",
  dropout: "adapters are trained without dropout, leave it out",
  bias: "biases are not trained, leave it out",
  modules_to_save: "no module is trained whole, leave it out",
  use_dora: "DoRA is not supported, leave it out",
  task_type: "every adapter is one of a causal language model, leave it out",
  lr: "the algorithm has the rate, as in agl.grpo({ lr })",
  learning_rate: "the algorithm has the rate, as in agl.grpo({ lr })",
  name: 'the name comes first, as in policy.addAdapter("name", { rank })',
};

function targetsOf(who: string, targets: unknown): ReadonlySet<Projection> {
  if (targets === kAllLinear) return new Set(projections);
  const expected = `adapter.targets to be "${kAllLinear}" or a list of ${projections.join(", ")}`;
  if (!Array.isArray(targets) || targets.length === 0) {
    const isOne = typeof targets === "string" && toProjection(targets) !== undefined;
    throw argumentError(who, expected, targets, isOne ? `write [${showValue(targets)}]` : undefined);
  }
  return new Set(
    targets.map((target: unknown) => {
      const found = typeof target === "string" ? toProjection(target) : undefined;
      if (found !== undefined) return found;
      const near = typeof target === "string" ? nearest(target, kTargetNames, 0.4) : undefined;
      throw argumentError(who, expected, target, near === undefined ? undefined : `did you mean ${near}?`);
    }),
  );
}

const kTargetNames = projections.flatMap((projection) => [projection, `${projection}_proj`]);

/** PEFT takes the end of a module's path as well: "self_attn.q_proj". */
function toProjection(target: string): Projection | undefined {
  return projections.find(
    (projection) =>
      target === projection ||
      target === `${projection}_proj` ||
      projectionPath(0, projection).slice("model.layers.0.".length) === target,
  );
}

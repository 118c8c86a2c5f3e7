// What a caller says of a fresh LoRA adapter, with the defaults. LoRA: Hu et al. 2021, arXiv:2106.09685.
import { argumentError, checkInteger, checkNumber, checkOneOf } from "../base/check.js";
import type { Projection } from "./binding.js";
import { checkSeed } from "./seeds.js";
import { projections } from "./tensors.js";

export interface AdapterOptions {
  /** Default 16. */
  readonly rank?: number;
  /** The adapter's output is scaled by alpha / rank. Default 32. */
  readonly alpha?: number;
  /** Scale by alpha / sqrt(rank) instead. Default false. */
  readonly rslora?: boolean;
  /** Projections of every layer that get a pair. Default all seven. */
  readonly targets?: readonly Projection[];
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
  const { rslora = false, targets = projections } = options;
  if (typeof rslora !== "boolean") throw argumentError(who, "adapter.rslora to be true or false", rslora);
  if (!Array.isArray(targets) || targets.length === 0)
    throw argumentError(who, `adapter.targets to name some of ${projections.join(", ")}`, targets);
  const named = new Set(targets.map((target) => checkOneOf(who, "adapter.targets", target, projections)));
  return {
    rank: checkInteger(who, "adapter.rank", options.rank ?? 16, { min: 1, max: 4096 }),
    alpha: checkNumber(who, "adapter.alpha", options.alpha ?? 32, { min: 0 }),
    useRslora: rslora,
    targets: projections.filter((projection) => named.has(projection)),
    seed: options.seed === undefined ? undefined : checkSeed(who, options.seed),
  };
}

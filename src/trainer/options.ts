// A trainer's options with their defaults, checked before anything runs.

import type { Algorithm } from "../algorithms/algorithm.js";
import { grpo } from "../algorithms/grpo.js";
import { argumentError, checkInteger, checkNumber } from "../base/check.js";
import { toModelRoute } from "../tracing/provider-hosts.js";
import type { RouteAction } from "../types/model-call.js";
import type { TrainerOptions } from "./trainer.js";

export interface Settings {
  readonly algorithm: Algorithm;
  readonly adapter: string;
  readonly concurrency: number;
  readonly timeoutMs: number | null;
  readonly rewardOnError: number | "exclude";
  readonly temperature: number;
  readonly maxTokens: number;
  readonly validationMaxTokens: number;
  readonly seed: bigint;
  readonly checkpointEvery: number;
  route(host: string, model: string | null): RouteAction;
}

/** @throws E_ARGUMENT naming the option */
export function toSettings<Task>(options: TrainerOptions<Task>): Settings {
  const who = "createTrainer";
  if (typeof options.agent !== "function") throw argumentError(who, "agent to be a function", options.agent);
  if (typeof options.policy?.sample !== "function") {
    throw argumentError(who, "policy to be what loadPolicy gives", options.policy);
  }
  const algorithm = options.algorithm ?? grpo();
  const adapter = options.adapter ?? options.policy.adapters[0] ?? "base";
  algorithm.prepare?.(options.policy, adapter);
  const { timeoutMs = 600_000, rewardOnError = 0 } = options;
  const maxTokens = checkInteger(who, "sampling.maxTokens", options.sampling?.maxTokens ?? 512, { min: 1 });
  const validation = options.validationMaxTokens ?? maxTokens;
  const temperature = checkNumber(who, "sampling.temperature", options.sampling?.temperature ?? 1, {
    min: 0,
  });
  if (temperature === 0) {
    throw argumentError(who, "sampling.temperature above 0, since equal answers teach nothing", temperature);
  }
  return {
    algorithm,
    adapter,
    concurrency: checkInteger(who, "concurrency", options.concurrency ?? 64, { min: 1 }),
    timeoutMs: timeoutMs === null ? null : checkNumber(who, "timeoutMs", timeoutMs, { min: 1 }),
    rewardOnError:
      rewardOnError === "exclude" ? rewardOnError : checkNumber(who, "rewardOnError", rewardOnError),
    temperature,
    maxTokens,
    validationMaxTokens: checkInteger(who, "validationMaxTokens", validation, { min: 1 }),
    seed: toSeed(who, options.seed ?? 0),
    checkpointEvery: checkInteger(who, "checkpointEvery", options.checkpointEvery ?? 1, { min: 1 }),
    route: toModelRoute(options.routes),
  };
}

// --- internal ---

function toSeed(who: string, seed: number | bigint): bigint {
  const valid =
    typeof seed === "bigint" ? BigInt.asUintN(64, seed) === seed : Number.isSafeInteger(seed) && seed >= 0;
  if (!valid)
    throw argumentError(who, "seed to be an integer from 0 to 2^53 - 1 or a bigint from 0 to 2^64 - 1", seed);
  return BigInt(seed);
}

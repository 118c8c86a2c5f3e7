// How the tokens of an update share its loss. Every denominator is a count over the whole update, so the result does not depend
// on how it is divided into micro-batches. An update split by hand over several calls passes the denominator as `total`.
import { argumentError, checkOneOf, checkPositive } from "../../base/check.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import type { NativeAggregate } from "../engine/native-math.js";
import type { TokenInput, TokenNumbers } from "./policy-loss.js";

/**
 * Only tokens whose mask is 1 count, and only sequences, rollouts and groups that have one.
 *   token          mean over tokens (DAPO, arXiv:2503.14476)                          total: tokens
 *   sequence-mean  mean over sequences of the mean over their tokens (GRPO)           total: sequences
 *   sequence-sum   mean over sequences of the sum over their tokens                   total: sequences
 *   constant       the same divided by a constant length (Dr. GRPO, arXiv:2503.20783) total: sequences
 *   rollout        mean over rollouts of the mean over the tokens of their sequences  total: rollouts
 *   group          mean over groups of the mean over the tokens of their sequences    total: groups
 *   sum            sum over tokens
 * With `total`, the sequences of one rollout or group must be in one call.
 */
export type Aggregate =
  | { readonly by: "sum" }
  | {
      readonly by: "token" | "sequence-mean" | "sequence-sum" | "rollout" | "group";
      readonly total?: number;
    }
  | {
      readonly by: "constant";
      /** In tokens, usually the most that may be sampled. */
      readonly length: number;
      readonly total?: number;
    };

/** @returns a copy without surprises. @throws E_ARGUMENT naming the field */
export function checkAggregate(who: string, aggregate: Aggregate): Aggregate {
  if (typeof aggregate !== "object" || aggregate === null)
    throw argumentError(who, 'aggregate to be an object such as { by: "token" }', aggregate);
  checkOptions(`${who}: aggregate`, aggregate, kNames);
  const by = checkOneOf(who, "aggregate.by", aggregate.by, [
    "token",
    "sequence-mean",
    "sequence-sum",
    "constant",
    "rollout",
    "group",
    "sum",
  ]);
  const given = aggregate as { readonly total?: number; readonly length?: number };
  if (by !== "constant" && given.length !== undefined)
    throw argumentError(who, 'aggregate.length together with by: "constant" alone', given.length);
  if (by === "sum") {
    if (given.total !== undefined) throw argumentError(who, "no aggregate.total for a sum", given.total);
    return { by };
  }
  const total =
    given.total === undefined ? {} : { total: checkPositive(who, "aggregate.total", given.total) };
  if (by !== "constant") return { by, ...total };
  return { by, length: checkPositive(who, "aggregate.length", given.length), ...total };
}

/** What an aggregation reads. */
export function aggregateReads({ by }: Aggregate): readonly TokenInput[] {
  if (by === "rollout") return ["rollouts"];
  return by === "group" ? ["groups"] : [];
}

/** @throws E_ARGUMENT when the ids of the units are absent */
export function toNativeAggregate(who: string, aggregate: Aggregate, tokens: TokenNumbers): NativeAggregate {
  if (aggregate.by !== "rollout" && aggregate.by !== "group") return { ...aggregate, by: aggregate.by };
  const units = aggregate.by === "rollout" ? tokens.rollouts : tokens.groups;
  if (units === undefined)
    throw argumentError(
      who,
      `${aggregate.by}s for aggregate by ${aggregate.by}`,
      units,
      "give every sequence one",
    );
  return {
    ...aggregate,
    by: "unit",
    units,
    unitCount: units.reduce((most, id) => Math.max(most, id + 1), 0),
  };
}

// --- internal ---

const kNames: OptionNames<{ by: unknown; total: unknown; length: unknown }> = {
  by: ["mode", "loss_agg_mode", "loss_type"],
  total: ["denominator", "count"],
  length: ["max_completion_length", "max_length"],
};

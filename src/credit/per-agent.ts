// Credit by agent: a call is worth what its own agent earned, among the rollouts of the group.
//   A = z over the group of the reward part that bears the name of the call's agent
// A rollout counts once for an agent, however many of its calls that agent made; so the rule compares for itself, where terms by call would weigh
// by calls. Deviations are taken from the first number, so that equal parts give exactly 0.
import { checkNumber } from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import type { Credit, CreditRollout } from "../types/credit.js";
import { checkScale, type TermScale, termScaleNames } from "./term-scale.js";

export interface PerAgentOptions {
  /** "std" (default) or "mean". */
  readonly scale?: TermScale;
  /** Added to the deviation. Default 1e-6. */
  readonly epsilon?: number;
}

/**
 * An agent without a part of its name in a rollout learns nothing from that rollout, and the rollout is left out of the comparison.
 * @throws E_ARGUMENT naming the option
 */
export function perAgent(options: PerAgentOptions = {}): Credit {
  const who = "credit.perAgent";
  checkOptions(who, options, kNames);
  const scale = checkScale(who, options.scale);
  const epsilon = checkNumber(who, "epsilon", options.epsilon ?? 1e-6, { min: 0 });
  return ({ rollouts }) => {
    const agents = [...new Set(rollouts.flatMap(({ calls }) => calls.map(({ agent }) => agent)))];
    const worth = new Map(agents.map((agent) => [agent, compare(partsOf(rollouts, agent), scale, epsilon)]));
    return [
      {
        of: "call",
        values: rollouts.flatMap(({ calls }, i) =>
          calls.map(({ agent }) => worth.get(agent)?.[i] ?? Number.NaN),
        ),
        sets: rollouts.flatMap(({ calls }) => calls.map(({ agent }) => agents.indexOf(agent))),
        ...{ scale: "none", weight: 1 },
      },
    ];
  };
}

// --- internal ---

const kNames: OptionNames<PerAgentOptions> = { ...termScaleNames, epsilon: ["eps"] };

/** (G) NaN where there is none. */
function partsOf(rollouts: readonly CreditRollout[], agent: string): number[] {
  return rollouts.map(({ parts }) =>
    Object.hasOwn(parts, agent) ? (parts[agent] ?? Number.NaN) : Number.NaN,
  );
}

/** (G) as advantages.group has them, NaN where there was none. */
function compare(values_G: readonly number[], scale: TermScale, epsilon: number): number[] {
  const known = values_G.filter((value) => !Number.isNaN(value));
  const origin = known[0] ?? Number.NaN;
  const mean = known.reduce((sum, value) => sum + (value - origin), 0) / known.length;
  const away = (value: number) => value - origin - mean;
  const squares = known.reduce((sum, value) => sum + away(value) ** 2, 0);
  const deviation = known.length < 2 ? 0 : Math.sqrt(squares / (known.length - 1));
  const by = scale === "mean" || deviation === 0 ? 1 : deviation + epsilon;
  return values_G.map((value) => away(value) / by);
}

// Automatic Intermediate Rewarding: what the run itself says about each model call, as small rewards of that call.
// Agent Lightning, Luo et al. 2025, arXiv:2508.03680 §3.3 (the mechanism; signals and numbers are ours).
//   score of a call = sum over signals of worth x share, share = of the calls that the answer makes (well formed or not) those that the signal is
//   true of; exception and truncated are of the whole answer: 0 or 1
import { checkNumber } from "../base/check.js";
import { parseJson } from "../base/json-text.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import { spellSorted } from "../grammar/json-spelling.js";
import type { Reward, RolloutScore } from "../types/reward.js";
import type { CallView, RolloutView, ToolCallView } from "../types/rollout-view.js";

/** What each signal is worth; 0 leaves it out. */
export interface SignalOptions {
  /** The tool answered with an error. Default -0.05. */
  readonly toolError?: number;
  /** Arguments that are no JSON, or not what the tool's own JSON schema allows. Default -0.1. */
  readonly invalidArguments?: number;
  /** A tool that was not offered. Default -0.1. */
  readonly unknownTool?: number;
  /** A tool call that cannot be parsed and so is text. Default -0.1. */
  readonly malformedCall?: number;
  /** The agent's own code threw in an operation, or emitted an error, after the call. Default 0: it may not be the policy's fault. */
  readonly exception?: number;
  /** The answer was cut at its most tokens. Default -0.1. */
  readonly truncated?: number;
  /** The same tool with the same arguments as the same agent called before. Default 0: asking again may be right. */
  readonly repeatedCall?: number;
  /** The tool answered, and not with an error. Default 0: a policy that earns by calling learns to call. */
  readonly toolOk?: number;
}

/**
 * A reward of kind "process", part "signals".
 * @throws E_ARGUMENT for another name, or a worth that is not finite
 */
export function signals(options: SignalOptions = {}): Reward {
  checkOptions(kWho, options, kNames);
  const worth = { ...kDefaults };
  for (const name of Object.keys(kDefaults) as (keyof SignalOptions)[])
    worth[name] = checkNumber(kWho, name, options[name] ?? kDefaults[name]);
  return {
    name: "signals",
    kind: "process",
    score: ({ rollouts }) => rollouts.map((view) => scoreOf(view, worth)),
  };
}

// --- internal ---

const kWho = "rewards.signals";
type Worth = Record<keyof SignalOptions, number>;

const kDefaults: Readonly<Worth> = {
  toolError: -0.05,
  invalidArguments: -0.1,
  unknownTool: -0.1,
  malformedCall: -0.1,
  exception: 0,
  truncated: -0.1,
  repeatedCall: 0,
  toolOk: 0,
};

const kNames: OptionNames<SignalOptions> = {
  toolError: ["tool_error", "error"],
  invalidArguments: ["invalid_args", "badArguments", "schema"],
  unknownTool: ["unknown_tool", "noSuchTool"],
  malformedCall: ["malformed", "parse_error"],
  exception: ["thrown", "crash"],
  truncated: ["length", "cut"],
  repeatedCall: ["repeat", "duplicate"],
  toolOk: ["ok", "success", "tool_success"],
};

function scoreOf({ calls }: RolloutView, worth: Worth): RolloutScore {
  const made = new Set<string>();
  const found: string[] = [];
  const scores = calls.map((call, i) => {
    const shares = sharesOf(call, made);
    let score = 0;
    for (const [name, share] of Object.entries(shares) as [keyof SignalOptions, number][]) {
      if (share === 0 || worth[name] === 0) continue;
      score += worth[name] * share;
      found.push(`call ${i + 1}: ${name}`);
    }
    return { spanId: call.spanId, score };
  });
  return { score: null, calls: scores, ...(found.length === 0 ? {} : { feedback: found.join("; ") }) };
}

/** @param made  calls of the rollout before this answer; those of the answer are added */
function sharesOf(call: CallView, made: Set<string>): Worth {
  const { toolCalls, malformedCalls } = call;
  const all = toolCalls.length + malformedCalls;
  const share = (is: (one: ToolCallView) => boolean) => (all === 0 ? 0 : toolCalls.filter(is).length / all);
  return {
    toolError: share(({ problem, result }) => problem === null && result?.isError === true),
    invalidArguments: share(({ problem }) => problem === "invalid-arguments"),
    unknownTool: share(({ problem }) => problem === "unknown-tool"),
    malformedCall: all === 0 ? 0 : malformedCalls / all,
    exception: call.exceptions.length > 0 ? 1 : 0,
    truncated: call.finishReason === "length" ? 1 : 0,
    repeatedCall: share((one) => isMade(call.agent, one, made)),
    toolOk: share(({ problem, result }) => problem === null && result?.isError === false),
  };
}

function isMade(agent: string, { name, arguments: args }: ToolCallView, made: Set<string>): boolean {
  // Equal whatever their white space and the order of their names, where they are JSON.
  const spelled = parseJson(args) === undefined ? undefined : spellSorted(JSON.parse(args));
  const key = JSON.stringify([agent, name, spelled ?? args]);
  const isKnown = made.has(key);
  made.add(key);
  return isKnown;
}

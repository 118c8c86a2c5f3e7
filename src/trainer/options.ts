// A trainer's options with their defaults, checked before anything runs.
import type { Algorithm } from "../algorithms/algorithm.js";
import { grpo } from "../algorithms/grpo.js";
import { argumentError, checkInteger, checkNumber, checkOneOf } from "../base/check.js";
import { isPathLike } from "../policy/adapters/adapter-name.js";
import { checkTemplate, type TemplateVariables } from "../policy/chat/template-options.js";
import { kLongestTimerMs } from "../store/waiters.js";
import { toModelRoute } from "../tracing/provider-hosts.js";
import type { RouteAction } from "../types/model-call.js";
import type { Reward } from "../types/reward.js";
import { checkTrainerOptions } from "./option-names.js";
import type { TrainerOptions } from "./trainer.js";

export interface Settings {
  readonly algorithm: Algorithm;
  readonly adapter: string;
  readonly concurrency: number;
  readonly runners: "here" | "queue";
  readonly claimTimeoutMs: number;
  readonly timeoutMs: number | null;
  readonly rewardOnError: number | "exclude";
  readonly noCall: "excluded" | "allowed";
  readonly rewards: readonly Reward<never>[];
  readonly combine: "sum" | "normalize";
  readonly temperature: number;
  readonly maxTokens: number;
  readonly validationMaxTokens: number;
  readonly seed: bigint;
  /** Over the policy's. */
  readonly template: TemplateVariables;
  /** Absent: the policy's. */
  readonly date: string | undefined;
  readonly thoughts: "sent" | "keep";
  readonly checkpointEvery: number;
  /** Null is never. */
  readonly klEvery: number | null;
  route(host: string, model: string | null): RouteAction;
}

/** @throws E_ARGUMENT naming the option */
export function toSettings<Task>(options: TrainerOptions<Task>): Settings {
  const who = "createTrainer";
  checkTrainerOptions(who, options);
  const algorithm = options.algorithm ?? grpo();
  checkInteger(who, "algorithm.groupSize", algorithm.groupSize, { min: 1 });
  const adapter = options.adapter ?? options.policy.adapters[0] ?? "base";
  checkAdapter(who, adapter, options.policy.adapters);
  checkOutputs(who, options);
  checkTemplate(who, options);
  checkTrains(who, algorithm.trains);
  algorithm.prepare?.({ policy: options.policy, adapters: [adapter] });
  const { timeoutMs = 600_000, rewardOnError = 0 } = options;
  const maxTokens = checkInteger(who, "sampling.maxTokens", options.sampling?.maxTokens ?? 512, { min: 1 });
  const validation = options.validationMaxTokens ?? maxTokens;
  const temperature = checkNumber(who, "sampling.temperature", options.sampling?.temperature ?? 1, {
    min: 0,
  });
  if (temperature === 0) {
    const remedy = "leave it out in training, and give trainer.evaluate { temperature: 0 }";
    throw argumentError(
      who,
      "sampling.temperature above 0, since equal answers teach nothing",
      temperature,
      remedy,
    );
  }
  return {
    algorithm,
    adapter,
    runners: checkOneOf(who, "runners", options.runners ?? "here", ["here", "queue"]),
    claimTimeoutMs: checkNumber(who, "claimTimeoutMs", options.claimTimeoutMs ?? 60_000, {
      ...{ min: 1, max: kLongestTimerMs },
    }),
    concurrency: checkInteger(who, "concurrency", options.concurrency ?? 64, { min: 1 }),
    timeoutMs:
      timeoutMs === null ? null : checkNumber(who, "timeoutMs", timeoutMs, { min: 1, max: kLongestTimerMs }),
    rewardOnError:
      rewardOnError === "exclude" ? rewardOnError : checkNumber(who, "rewardOnError", rewardOnError),
    rewards: checkRewards(who, options.rewards ?? []),
    combine: checkOneOf(who, "combine", options.combine ?? "sum", ["sum", "normalize"]),
    noCall: checkOneOf(who, "noCall", options.noCall ?? "excluded", ["excluded", "allowed"]),
    temperature,
    maxTokens,
    validationMaxTokens: checkInteger(who, "validationMaxTokens", validation, { min: 1 }),
    template: options.template ?? {},
    date: options.date,
    thoughts: checkOneOf(who, "thoughts", options.thoughts ?? "sent", ["sent", "keep"]),
    seed: toSeed(who, options.seed ?? 0),
    checkpointEvery: checkInteger(who, "checkpointEvery", options.checkpointEvery ?? 1, { min: 1 }),
    klEvery:
      options.klEvery === null ? null : checkInteger(who, "klEvery", options.klEvery ?? 10, { min: 1 }),
    route: toModelRoute(checkRoutes(who, options.routes)),
  };
}

// --- internal ---

function checkTrains(who: string, trains: unknown): void {
  if (Array.isArray(trains) && trains.every((what) => what === "weights")) return;
  throw argumentError(who, 'algorithm.trains to be ["weights"], or [] for one that learns nothing', trains);
}

function checkOutputs<Task>(who: string, options: TrainerOptions<Task>): void {
  for (const name of ["metricsFile", "checkpointFile"] as const) {
    const file: unknown = options[name];
    if (file !== undefined && (typeof file !== "string" || file === ""))
      throw argumentError(who, `${name} to be a path`, file);
  }
}

function checkRewards<R extends Reward<never>>(who: string, rewards: readonly R[]): readonly R[] {
  if (!Array.isArray(rewards))
    throw argumentError(who, "rewards to be a list", rewards, "one is a list, too: [reward]");
  const names = new Set(["agent"]);
  for (const [i, reward] of rewards.entries()) {
    const { name, kind, score, weight = 1, when = "always" } = Object(reward) as Reward;
    const at = `rewards[${i}]`;
    if (typeof score !== "function")
      throw argumentError(
        who,
        `${at} to be a reward`,
        reward,
        "as in agl.rewards.signals(), or an object with name, kind and score",
      );
    if (typeof name !== "string" || name === "" || names.has(name))
      throw argumentError(who, `${at}.name to be a name of its own`, name, 'the agent\'s part is "agent"');
    names.add(name);
    checkOneOf(who, `${at}.kind`, kind, ["outcome", "process"]);
    checkOneOf(who, `${at}.when`, when, ["train", "always"]);
    checkNumber(who, `${at}.weight`, weight);
  }
  return rewards;
}

function checkAdapter(who: string, adapter: unknown, adapters: readonly string[]): void {
  const names = [...adapters, "base"];
  if (names.some((name) => name === adapter)) return;
  const isPath = typeof adapter === "string" && isPathLike(adapter);
  const remedy = isPath
    ? `add the folder first, as in policy.addAdapter("mine", ${JSON.stringify(adapter)})`
    : typeof adapter === "object"
      ? "a fresh one is made with the policy, as in agl.loadPolicy(folder, { adapter: { rank: 16 } })"
      : undefined;
  throw argumentError(who, `adapter to be one of ${names.join(", ")}`, adapter, remedy);
}

function checkRoutes<T extends TrainerOptions<never>["routes"]>(who: string, routes: T): T {
  for (const name of ["forward", "ignore", "hosts"] as const) {
    const list: unknown = routes?.[name] ?? [];
    if (!Array.isArray(list) || list.some((item) => typeof item !== "string"))
      throw argumentError(who, `routes.${name} to be a list of strings`, list);
  }
  for (const host of routes?.hosts ?? []) checkHost(who, host);
  return routes;
}

/** What is no host as a request's address has it would match none. */
function checkHost(who: string, host: string): void {
  const bare = host.replace(/^\*\.?/, "");
  const address = bare.includes("://") ? bare : `http://${bare}`;
  const meant = URL.canParse(address) ? new URL(address).host : "";
  const isBare = bare === meant || bare === `${meant}:80`;
  if (host === "*" || (isBare && bare !== "")) return;
  const remedy = meant === "" ? 'as in "localhost:8000"' : `write ${JSON.stringify(meant)}`;
  throw argumentError(who, "routes.hosts to hold hosts with their port", host, remedy);
}

function toSeed(who: string, seed: number | bigint): bigint {
  const valid =
    typeof seed === "bigint" ? BigInt.asUintN(64, seed) === seed : Number.isSafeInteger(seed) && seed >= 0;
  if (!valid)
    throw argumentError(who, "seed to be an integer from 0 to 2^53 - 1 or a bigint from 0 to 2^64 - 1", seed);
  return BigInt(seed);
}

// What a trainer and its calls may be told, by name, with what TRL, verl, unsloth and others call it.
import {
  argumentError,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkSignal,
  checkText,
} from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import { isLoopback } from "../server/store-api/keys.js";
import type { EvaluateOptions, FitOptions, ListenOptions, RunSignal, TrainerOptions } from "./trainer.js";

/** Names, nested ones too, and that what others make was made. @throws E_ARGUMENT */
export function checkTrainerOptions<Task>(who: string, options: TrainerOptions<Task>): void {
  checkOptions(who, options, kTrainer, kElsewhere);
  const { sampling, routes, policy, algorithm, store, listen } = options;
  if (listen !== undefined) checkListen(who, listen);
  if (sampling !== undefined) checkOptions(`${who}: sampling`, sampling, kSampling, kNotSampled);
  if (routes !== undefined) checkOptions(`${who}: routes`, routes, kRoutes);
  checkMade(
    who,
    "policy to be what loadPolicy resolves to",
    policy,
    "sample",
    "await agl.loadPolicy(folder)",
  );
  if (options.runners === "queue" && listen === undefined) {
    const remedy = "give listen: { port: 4747 }, where runners reach the policy";
    throw argumentError(who, 'listen with runners: "queue"', listen, remedy);
  }
  const isElsewhere = options.runners === "queue" && options.agent === undefined;
  if (!isElsewhere && typeof options.agent !== "function") {
    const remedy = "give the function itself, as in agent: async (task) => reward";
    throw argumentError(who, "agent to be a function", options.agent, remedy);
  }
  if (algorithm !== undefined) {
    const expected = "algorithm to be what agl.grpo() and its like give";
    checkMade(who, expected, algorithm, "update", "agl.grpo()");
  }
  if (store !== undefined)
    checkMade(
      who,
      "store to be what openStore resolves to",
      store,
      "startRollout",
      "await agl.openStore(url)",
    );
  checkFunction(who, "redact", options.redact);
  checkBoolean(who, "progress", options.progress);
}

/** @returns the options. @throws E_ARGUMENT */
export function checkRunOptions(who: string, options: RunSignal): RunSignal {
  checkOptions(who, options, kRun);
  checkSignal(who, options.signal);
  return options;
}

/** @returns the options. @throws E_ARGUMENT */
export function checkEvaluateOptions(who: string, options: EvaluateOptions): EvaluateOptions {
  checkOptions(who, options, kEvaluate, kNotEvaluated);
  checkSignal(who, options.signal);
  if (options.prefix !== undefined && typeof options.prefix !== "string")
    throw argumentError(who, "prefix to be text", options.prefix);
  if (options.prefix === "" || options.prefix?.startsWith("time/")) {
    const remedy = 'as in "eval/" or "test/"';
    throw argumentError(who, "prefix to keep its numbers apart from those of steps", options.prefix, remedy);
  }
  return options;
}

/** @returns the options. @throws E_ARGUMENT */
export function checkFitOptions<Task>(who: string, options: FitOptions<Task>): FitOptions<Task> {
  checkOptions(who, options, kFit, kNotFitted);
  checkSignal(who, options.signal);
  const { validation } = options;
  if (validation !== undefined && !(Array.isArray(validation) && validation.length > 0))
    throw argumentError(who, "validation to be a list of at least one task", validation);
  checkFunction(who, "stop", options.stop);
  return options;
}

// --- internal ---

/** Before anything runs: an address that is refused later would be refused in the middle of a run. */
function checkListen(who: string, listen: ListenOptions): void {
  checkOptions(`${who}: listen`, listen, kListen);
  const { port, host = "127.0.0.1", key, publicUrl } = listen;
  checkInteger(who, "listen.port", port, { min: 0, max: 65535 });
  checkText(who, "listen.host to be an address", host);
  if (key !== undefined) checkText(who, "listen.key to be a text that is not empty", key);
  if (publicUrl !== undefined && !(URL.canParse(publicUrl) && /^https?:/.test(publicUrl)))
    throw argumentError(who, "listen.publicUrl to be an http address", publicUrl);
  const reached = publicUrl === undefined ? [host] : [host, new URL(publicUrl).hostname];
  const open = reached.find((one) => !isLoopback(one));
  if (open !== undefined && key === undefined)
    throw argumentError(who, "listen.key for an address that other machines reach", open);
}

/** That a value has the method by which it is known; a promise, a maker that was not called and an address say what to do. */
function checkMade(who: string, expected: string, value: unknown, method: string, maker: string): void {
  const made: unknown = Object(value)[method];
  if (typeof made === "function") return;
  throw argumentError(who, expected, value, remedyFor(value, maker));
}

function remedyFor(value: unknown, maker: string): string {
  if (value instanceof Promise) return `await it, as in ${maker}`;
  if (typeof value === "function") return `call it, as in ${maker}`;
  return `make it, as in ${maker}`;
}

const kTrainer: OptionNames<TrainerOptions<never>> = {
  policy: ["model", "llm"],
  agent: ["fn", "run", "rollout", "rollout_fn", "func", "agents"],
  algorithm: ["algo", "trainer", "optimizer"],
  adapter: ["adapter_name", "lora"],
  store: ["storage", "database"],
  runners: ["runner", "execution", "strategy"],
  claimTimeoutMs: ["claim_timeout", "queue_timeout"],
  concurrency: ["n_runners", "num_workers", "workers", "parallel", "max_concurrency"],
  timeoutMs: ["timeout", "deadline", "rollout_timeout"],
  rewardOnError: ["error_reward", "onError"],
  noCall: ["no_calls"],
  rewards: ["reward_funcs", "reward_fn", "reward_functions", "judges"],
  combine: ["reward_aggregation", "multi_objective_aggregation"],
  sampling: ["sampling_params", "generation_kwargs", "generation"],
  validationMaxTokens: ["eval_max_tokens", "max_eval_tokens"],
  routes: ["routing", "route"],
  redact: ["redactor", "filter"],
  listen: ["serve", "server", "socket", "endpoint"],
  template: ["chat_template_kwargs", "template_kwargs"],
  thoughts: ["reasoning", "keep_thoughts", "preserve_thinking"],
  date: ["date_string", "today"],
  seed: ["random_seed", "data_seed"],
  metricsFile: ["log_file", "metrics", "logging_dir"],
  checkpointFile: ["checkpoint", "checkpoint_path", "resume_from_checkpoint", "output_dir"],
  checkpointEvery: ["save_steps", "save_every"],
  klEvery: ["kl_steps"],
  progress: ["verbose", "logging", "log", "disable_tqdm"],
};
const kInAlgorithm = "the algorithm has it, as in algorithm: agl.grpo({ groupSize: 8, lr: 1e-4 })";
const kInOptimizer =
  "the algorithm has it, as in algorithm: agl.grpo({ optimizer: { weightDecay: 0.01, maxGradNorm: 1 } })";
const kInSampling = "give it inside sampling, as in sampling: { temperature: 1, maxTokens: 512 }";
const kInAdapter = "the policy's adapter has it, as in agl.loadPolicy(folder, { adapter: { rank: 16 } })";
const kInCall =
  "tasks are given to the call, as in trainer.step(tasks) or trainer.fit(batches, { validation })";
const kInRoutes = 'give it inside routes, as in routes: { hosts: ["localhost:8000"] }';
const kElsewhere = {
  groupSize: kInAlgorithm,
  group_size: kInAlgorithm,
  num_generations: kInAlgorithm,
  lr: kInAlgorithm,
  learning_rate: kInAlgorithm,
  learningRate: kInAlgorithm,
  beta: 'the algorithm has it, as in agl.grpo({ loss: { kl: { kind: "k3", coefficient: 0.001 } } })',
  weight_decay: kInOptimizer,
  max_grad_norm: kInOptimizer,
  temperature: kInSampling,
  maxTokens: kInSampling,
  max_tokens: kInSampling,
  max_new_tokens: kInSampling,
  max_completion_length: kInSampling,
  rank: kInAdapter,
  r: kInAdapter,
  lora_alpha: kInAdapter,
  peft_config: kInAdapter,
  tasks: kInCall,
  train_dataset: kInCall,
  eval_dataset: kInCall,
  dataset: kInCall,
  validation: kInCall,
  signal: "it is given to the call, as in trainer.step(tasks, { signal })",
  batch_size: "a step's batch is its list of tasks, as in trainer.step(tasks)",
  epochs: "an epoch is one pass of the batches given to trainer.fit(batches)",
  max_steps: "a step is one batch, so give trainer.fit as many batches",
  num_train_epochs: "an epoch is one pass of the batches given to trainer.fit(batches)",
  reward: "the agent returns its reward, as in agent: async (task) => (isRight ? 1 : 0)",
  hosts: kInRoutes,
  forward: kInRoutes,
  ignore: kInRoutes,
};

const kSampling: OptionNames<NonNullable<TrainerOptions<never>["sampling"]>> = {
  temperature: ["temp"],
  maxTokens: ["max_tokens", "max_new_tokens", "max_completion_tokens", "max_completion_length"],
};
const kWhole = "training samples from the whole distribution, leave it out";
const kNotSampled = {
  topP: kWhole,
  topK: kWhole,
  minP: kWhole,
  n: kInAlgorithm,
  seed: "give it beside sampling, as in createTrainer({ seed })",
  stop: "the agent's own calls say where they stop",
};
const kRoutes: OptionNames<NonNullable<TrainerOptions<never>["routes"]>> = {
  forward: ["record", "pass", "passthrough"],
  ignore: ["skip", "exclude"],
  hosts: ["base_urls", "base_url", "servers", "origins", "urls"],
};
const kListen: OptionNames<ListenOptions> = {
  port: [],
  host: ["hostname", "address", "bind"],
  key: ["api_key", "token", "password"],
  publicUrl: ["url", "base_url", "external_url"],
};
const kRun: OptionNames<RunSignal> = { signal: ["abort_signal", "abort"] };
const kEvaluate: OptionNames<EvaluateOptions> = {
  ...kRun,
  temperature: ["temp"],
  prefix: ["metric_key_prefix", "name"],
  samples: ["n", "num_samples", "num_generations", "k", "groupSize"],
};
const kNotEvaluated = { maxTokens: "the trainer has it, as in createTrainer({ validationMaxTokens })" };
const kFit: OptionNames<FitOptions<never>> = {
  ...kRun,
  validation: ["eval_dataset", "val", "validation_tasks", "evaluation", "test", "dev"],
  every: ["eval_steps", "eval_every", "test_freq", "evaluate_every"],
  stop: ["should_stop", "early_stopping", "until"],
};
const kNotFitted = {
  epochs: "an epoch is one pass of the batches, so give them as often as wanted",
  steps: "a step is one batch, so give as many batches",
  max_steps: "a step is one batch, so give as many batches",
  batch_size: "a batch is a list of tasks, as in trainer.fit([[first, second], [third, fourth]])",
  callbacks: 'listen instead, as in trainer.events.on("step", (report) => ...)',
};

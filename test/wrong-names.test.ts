// What others call an option: refused, with what it is called here.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as agl from "../src/index.js";
import { outcome, refused } from "./call-outcome.js";
import { qwen2 } from "./policy/fixture-models.js";

let policy: agl.Policy;
beforeAll(async () => {
  policy = await agl.loadPolicy(qwen2, { contextLength: 64, cacheTokens: 256 });
});
afterAll(() => policy.close());

const train = (options: object) => agl.createTrainer({ policy, agent: () => 1, ...options });
const row = { tokens: [1, 2, 3], advantages: 1 };

describe("a wrong name", () => {
  it.each<[string, (o: never) => unknown, object, string]>([
    ["r", (o) => policy.addAdapter("x", o), { r: 8 }, "did you mean rank?"],
    ["lora_alpha", (o) => policy.addAdapter("x", o), { lora_alpha: 8 }, "did you mean alpha?"],
    [
      "target_modules",
      (o) => policy.addAdapter("x", o),
      { target_modules: ["q_proj"] },
      "did you mean targets?",
    ],
    [
      "lora_dropout",
      (o) => policy.addAdapter("x", o),
      { lora_dropout: 0.1 },
      "without dropout, leave it out",
    ],
    ["max_tokens", (o) => policy.sample(o), { prompt: [1], max_tokens: 3 }, "did you mean maxTokens?"],
    [
      "max_new_tokens",
      (o) => policy.sample(o),
      { prompt: [1], max_new_tokens: 3 },
      "did you mean maxTokens?",
    ],
    ["top_p", (o) => policy.sample(o), { prompt: [1], top_p: 0.9 }, "did you mean topP?"],
    ["temprature", (o) => policy.sample(o), { prompt: [1], temprature: 0 }, "did you mean temperature?"],
    ["messages", (o) => policy.sample(o), { messages: [] }, "policy.renderChat(messages).ids"],
    ["weight_decay", (o) => policy.optimStep(o), { lr: 1, weight_decay: 0.1 }, "did you mean weightDecay?"],
    ["learningRate", (o) => policy.optimStep(o), { learningRate: 1 }, "did you mean lr?"],
    ["max_grad_norm", (o) => policy.optimStep(o), { lr: 1, max_grad_norm: 1 }, "did you mean maxGradNorm?"],
    ["beta1", (o) => policy.optimStep(o), { lr: 1, beta1: 0.9 }, "write betas: [0.9, 0.95]"],
    ["adaptr", (o) => policy.score([[1, 2]], o), { adaptr: "base" }, "did you mean adapter?"],
    ["adaptr", (o) => agl.loadPolicy("nowhere", o), { adaptr: {} }, "did you mean adapter?"],
    ["rank", (o) => agl.loadPolicy("nowhere", o), { rank: 8 }, "inside adapter"],
    ["dtype", (o) => agl.loadPolicy("nowhere", o), { dtype: "bf16" }, "did you mean compute?"],
    [
      "max_seq_length",
      (o) => agl.loadPolicy("nowhere", o),
      { max_seq_length: 9 },
      "did you mean contextLength?",
    ],
    ["groupSize", (o) => agl.createTrainer(o), { groupSize: 4 }, "agl.grpo({ groupSize: 8, lr: 1e-4 })"],
    [
      "learningRate",
      (o) => agl.createTrainer(o),
      { learningRate: 1 },
      "agl.grpo({ groupSize: 8, lr: 1e-4 })",
    ],
    ["max_tokens", (o) => agl.createTrainer(o), { max_tokens: 4 }, "inside sampling"],
    ["maxSteps", (o) => agl.createTrainer(o), { maxSteps: 4 }, "give trainer.fit as many batches"],
    ["model", (o) => agl.createTrainer(o), { model: {} }, "did you mean policy?"],
    ["reward", (o) => agl.createTrainer(o), { reward: 1 }, "the agent returns its reward"],
    ["reward_funcs", (o) => agl.createTrainer(o), { reward_funcs: [] }, "did you mean rewards?"],
    ["train_dataset", (o) => agl.createTrainer(o), { train_dataset: [] }, "trainer.step(tasks)"],
    ["timeout", (o) => agl.createTrainer(o), { timeout: 1 }, "did you mean timeoutMs?"],
    ["nocall", (o) => agl.createTrainer(o), { nocall: "allowed" }, "did you mean noCall?"],
    ["checkpiontFile", (o) => agl.createTrainer(o), { checkpiontFile: "a" }, "did you mean checkpointFile?"],
    ["hosts", (o) => agl.createTrainer(o), { hosts: [] }, "inside routes"],
    ["max_new_tokens", (o) => train({ sampling: o }), { max_new_tokens: 4 }, "did you mean maxTokens?"],
    ["top_p", (o) => train({ sampling: o }), { top_p: 0.9 }, "whole distribution, leave it out"],
    ["host", (o) => train({ routes: o }), { host: ["localhost"] }, "did you mean hosts?"],
    ["api_key", (o) => agl.openStore("memory:", o), { api_key: "k" }, "did you mean key?"],
    ["poolsize", (o) => agl.openStore("memory:", o), { poolsize: 3 }, "did you mean poolSize?"],
    ["cors_origins", (o) => agl.serve(o), { cors_origins: [] }, "did you mean corsOrigins?"],
    ["metadata", (o) => agl.emitMessage("a", o), { metadata: {} }, "did you mean attributes?"],
    ["primary_key", (o) => agl.emitReward(1, o), { primary_key: "a" }, "did you mean primaryKey?"],
    ["id_prefix", (o) => agl.parseToolCalls("", o), { id_prefix: "a" }, "did you mean idPrefix?"],
    [
      "skip_special_tokens",
      (o) => policy.tokenizer.decode([1], o),
      { skip_special_tokens: true },
      "did you mean skipSpecial?",
    ],
    ["group_size", (o) => agl.grpo(o), { group_size: 4 }, "did you mean groupSize?"],
    ["num_generations", (o) => agl.grpo(o), { num_generations: 4 }, "did you mean groupSize?"],
    ["learningRate", (o) => agl.grpo(o), { learningRate: 1e-4 }, "did you mean lr?"],
    ["learning_rate", (o) => agl.sft(o), { learning_rate: 1e-4 }, "did you mean lr?"],
    ["weight_decay", (o) => agl.grpo(o), { weight_decay: 0.1 }, "inside optimizer"],
    ["weight_decay", (o) => agl.grpo({ optimizer: o }), { weight_decay: 0.1 }, "did you mean weightDecay?"],
    ["lr", (o) => agl.grpo({ optimizer: o }), { lr: 1e-4 }, "beside optimizer, as in grpo({ lr })"],
    ["beta", (o) => agl.grpo(o), { beta: 0.04 }, 'loss: { kl: { kind: "k3", coefficient: 0.001 } }'],
    ["max_completion_length", (o) => agl.grpo(o), { max_completion_length: 9 }, "createTrainer({ sampling"],
    ["scale_rewards", (o) => agl.grpo(o), { scale_rewards: false }, "inside advantage"],
    ["num_iterations", (o) => agl.grpo(o), { num_iterations: 2 }, "did you mean updates?"],
    ["groupsize", (o) => agl.baseline(o), { groupsize: 2 }, "did you mean groupSize?"],
    ["clip_range", (o) => agl.losses.ppoClip(o), { clip_range: 0.2 }, "did you mean low?"],
    ["epsilon_high", (o) => agl.losses.ppoClip(o), { epsilon_high: 0.2 }, "did you mean high?"],
    ["beta", (o) => agl.losses.ppoClip(o), { beta: 0.04 }, 'write kl: { kind: "k3", coefficient }'],
    ["coef", (o) => agl.losses.ppoClip(o), { kl: { kind: "k3", coef: 1 } }, "did you mean coefficient?"],
    [
      "lenght",
      (o) => agl.losses.ppoClip(o),
      { aggregate: { by: "constant", lenght: 9 } },
      "did you mean length?",
    ],
    [
      "scale_rewards",
      (o) => agl.advantages.group([0], [0], o),
      { scale_rewards: false },
      "did you mean scale?",
    ],
    ["lam", (o) => agl.advantages.gae(o), { rewards: [0], values: [0], lam: 1 }, "did you mean lambda?"],
    [
      "tool",
      (o) => policy.renderChat([{ role: "user", content: "a" }], o),
      { tool: [] },
      "did you mean tools?",
    ],
    [
      "add_generation_prompt",
      (o) => policy.renderChat([{ role: "user", content: "a" }], o),
      { add_generation_prompt: false },
      "did you mean addGenerationPrompt?",
    ],
    [
      "old_logprobs",
      (o) => policy.forwardBackward([o], agl.losses.ppoClip()),
      { ...row, old_logprobs: [0, 0] },
      "did you mean oldLogprobs?",
    ],
    [
      "hidden_size",
      (o) => agl.createModel("never-written", o, { seed: 0 }),
      { architecture: "qwen2", hidden_size: 8 },
      "did you mean hidden?",
    ],
    [
      "seed",
      (o) => agl.createModel("never-written", o, { seed: 0 }),
      { architecture: "qwen2", seed: 1 },
      "third argument",
    ],
  ])("%s is refused with what was meant", async (name, call, options, remedy) => {
    const error = await outcome(() => call(options as never));
    expect(error).toEqual(refused(new RegExp(`got .*"${name}".*; `)));
    expect(String(error)).toContain(remedy);
  });

  it("may be a variable of the template", () => {
    const prompt = policy.renderChat([{ role: "user", content: "a" }], { enable_thinking: false, data: 1 });
    expect(prompt.text).toContain("a");
  });
});

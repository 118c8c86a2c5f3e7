// Mistakes of somebody's first hour, as they write them, and the whole message that each gets: it must name the remedy.
import { cpSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import * as agl from "../src/index.js";
import { outcome } from "./call-outcome.js";
import { qwen2, temporaryFolder } from "./policy/fixture-models.js";

// What the compiler would refuse is written by those who have none.
// biome-ignore lint/suspicious/noExplicitAny: a newcomer's JavaScript
type Untyped = any;
const js: Untyped = agl;

let policy: Untyped;
beforeAll(async () => {
  policy = await agl.loadPolicy(qwen2, { contextLength: 64, cacheTokens: 256 });
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => policy.close());

const answer = async () => 1;
const trainerOf = (options: Untyped = {}) =>
  js.createTrainer({ policy, agent: answer, algorithm: agl.grpo({ groupSize: 2 }), ...options });

async function ask(baseURL?: string): Promise<string> {
  const client = new OpenAI({
    apiKey: "none",
    maxRetries: 0,
    ...(baseURL === undefined ? {} : { baseURL }),
  });
  const messages = [{ role: "user" as const, content: "a" }];
  const completion = await client.chat.completions.create({ model: "m", messages, max_tokens: 2 });
  return completion.choices[0]?.message.content ?? "";
}

async function oneStep(agent: Untyped): Promise<unknown> {
  const trainer = trainerOf({ agent });
  try {
    return await trainer.step(["task"]);
  } finally {
    await trainer.close();
  }
}

const kNone =
  "trainer.step 0: expected at least one rollout that can be used, got none of 2; nothing was learned or counted, and " +
  "trainer.dev(task) shows one rollout whole\n";

/** What differs from run to run under one name. */
async function inPlace(shown: string, name: string, run: () => unknown): Promise<unknown> {
  const error = await outcome(run);
  if (error instanceof agl.LightningError)
    throw new agl.LightningError(error.code, error.message.replaceAll(shown, name));
  return error;
}

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

type Mistake = readonly [code: string, run: () => unknown, errorCode: agl.ErrorCode, message: string];

const loading: readonly Mistake[] = [
  [
    `loadPolicy("Qwen/Qwen2.5-0.5B-Instruct")`,
    () => {
      vi.stubEnv("HF_HOME", temporaryFolder({}));
      return agl.loadPolicy("Qwen/Qwen2.5-0.5B-Instruct");
    },
    "E_MODEL",
    'loadPolicy: expected the folder of a model, got "Qwen/Qwen2.5-0.5B-Instruct", which is no folder here and reads as a name on ' +
      "the Hugging Face Hub; nothing is fetched by itself: run `hf download Qwen/Qwen2.5-0.5B-Instruct --local-dir " +
      './Qwen2.5-0.5B-Instruct` once, and give "./Qwen2.5-0.5B-Instruct"',
  ],
  [
    `loadPolicy("gemma-3-1b-it")`,
    () => {
      const dir = temporaryFolder({});
      cpSync(qwen2, dir, { recursive: true });
      const config = { model_type: "gemma3", architectures: ["Gemma3ForConditionalGeneration"] };
      writeFileSync(
        join(dir, "config.json"),
        JSON.stringify({ ...config, text_config: { model_type: "gemma3_text" } }),
      );
      return inPlace(dir, "FOLDER", () => agl.loadPolicy(dir));
    },
    "E_MODEL",
    'FOLDER/config.json: expected model_type to be one of llama, qwen2, qwen3, mistral, got "gemma3" with architectures ' +
      '["Gemma3ForConditionalGeneration"]; the model of text inside it is a "gemma3_text" (text_config); the nearest that is ' +
      "served is llama, as in SmolLM2 or Llama 3",
  ],
  [
    `loadPolicy(dir, { adapter: { r: 8, lora_alpha: 16, target_modules: ["q_proj"] } })`,
    () => js.loadPolicy(qwen2, { adapter: { r: 8, lora_alpha: 16, target_modules: ["q_proj"] } }),
    "E_ARGUMENT",
    'loadPolicy: adapter: expected options among rank, alpha, rslora, targets, seed, got "r", "lora_alpha", "target_modules"; ' +
      "did you mean rank for r, alpha for lora_alpha, targets for target_modules?",
  ],
  [
    `loadPolicy(dir, { adapter: { targets: "q_proj" } })`,
    () => js.loadPolicy(qwen2, { adapter: { targets: "q_proj" } }),
    "E_ARGUMENT",
    'loadPolicy: expected adapter.targets to be "all-linear" or a list of q, k, v, o, gate, up, down, got "q_proj"; write ["q_proj"]',
  ],
  [
    `loadPolicy(dir, { train: "all", adapter: { rank: 8 } })`,
    () => agl.loadPolicy(qwen2, { train: "all", adapter: { rank: 8 } }),
    "E_ARGUMENT",
    'loadPolicy: expected no adapter together with train: "all", got object Object; leave train out to train the adapter',
  ],
  [
    `loadPolicy(dir, { device: "gpu" })`,
    () => js.loadPolicy(qwen2, { device: "gpu" }),
    "E_ARGUMENT",
    'loadPolicy: expected device to be "auto", "all", "cpu", "cuda", "cuda:N" or a list of names, got "gpu"; the first GPU is "cuda"',
  ],
];

const making: readonly Mistake[] = [
  [
    "createTrainer({ policy: loadPolicy(dir), agent })",
    () => trainerOf({ policy: Promise.resolve(policy) }),
    "E_ARGUMENT",
    "createTrainer: expected policy to be what loadPolicy resolves to, got object Promise; await it, as in await agl.loadPolicy(folder)",
  ],
  [
    "createTrainer({ policy, agent, algorithm: grpo })",
    () => trainerOf({ algorithm: agl.grpo }),
    "E_ARGUMENT",
    "createTrainer: expected algorithm to be what agl.grpo() and its like give, got a function; call it, as in agl.grpo()",
  ],
  [
    "createTrainer({ policy, agent: answer(task) })",
    () => trainerOf({ agent: answer() }),
    "E_ARGUMENT",
    "createTrainer: expected agent to be a function, got object Promise; give the function itself, as in agent: async (task) => reward",
  ],
  [
    "createTrainer({ policy, agent, sampling: { max_tokens: 256 } })",
    () => trainerOf({ sampling: { max_tokens: 256 } }),
    "E_ARGUMENT",
    'createTrainer: sampling: expected options among temperature, maxTokens, got "max_tokens"; did you mean maxTokens?',
  ],
  [
    "createTrainer({ policy, agent, sampling: { temperature: 0 } })",
    () => trainerOf({ sampling: { temperature: 0 } }),
    "E_ARGUMENT",
    "createTrainer: expected sampling.temperature above 0, since equal answers teach nothing, got 0; leave it out in training, and " +
      "give trainer.evaluate { temperature: 0 }",
  ],
  [
    `createTrainer({ policy, agent, routes: { hosts: ["http://localhost:8000/v1"] } })`,
    () => trainerOf({ routes: { hosts: ["http://localhost:8000/v1"] } }),
    "E_ARGUMENT",
    'createTrainer: expected routes.hosts to hold hosts with their port, got "http://localhost:8000/v1"; write "localhost:8000"',
  ],
  [
    "grpo({ optimizer: { weight_decay: 0.01 } })",
    () => js.grpo({ optimizer: { weight_decay: 0.01 } }),
    "E_ARGUMENT",
    'grpo: optimizer: expected options among betas, eps, weightDecay, maxGradNorm, got "weight_decay"; did you mean weightDecay?',
  ],
  [
    "grpo({ loss: { beta: 0.04 } })",
    () => js.grpo({ loss: { beta: 0.04 } }),
    "E_ARGUMENT",
    'grpo: loss: expected options among low, high, dualClip, kl, entropy, aggregate, correction, offPolicyMask, entropyShare, got "beta"; write kl: { kind: "k3", coefficient }',
  ],
  [
    `openStore("runs.db")`,
    () => agl.openStore("runs.db"),
    "E_ARGUMENT",
    'openStore: expected memory:, sqlite:PATH, postgres://... or http://HOST:PORT, got "runs.db"; for a file, write "sqlite:runs.db"',
  ],
  [
    `serve({ store, host: "0.0.0.0" })`,
    () => agl.serve({ store: agl.createMemoryStore(), host: "0.0.0.0" }),
    "E_ARGUMENT",
    'serve: expected a key for a host that other machines reach, got "0.0.0.0"; pass key or bind to 127.0.0.1',
  ],
];

const running: readonly Mistake[] = [
  [
    `trainer.step("task")`,
    () => trainerOf().step("task"),
    "E_ARGUMENT",
    'trainer.step: expected tasks to be a list of tasks, got "task"; one task is a list, too: [task]',
  ],
  [
    `trainer.fit(["first", "second"])`,
    () => trainerOf().fit(["first", "second"]),
    "E_ARGUMENT",
    'trainer.fit: expected batch 0 of the batches to be a list of tasks, got "first"; one task is a list, too: [task]',
  ],
  [
    "trainer.step(tasks, signal)",
    () => trainerOf().step(["task"], new AbortController().signal),
    "E_ARGUMENT",
    "trainer.step: expected an object of options, got object AbortSignal; pass { signal }",
  ],
  [
    "an agent that returns nothing",
    () => oneStep(async () => void (await ask())),
    "E_ROLLOUT",
    `${kNone}  2 no-reward: the agent returned nothing and emitted no reward; return a number or call emitReward`,
  ],
  [
    "an agent that asks no model",
    () => oneStep(answer),
    "E_ROLLOUT",
    `${kNone}  2 no-call: the agent made no model call of its own; if its calls go through a queue that rollouts share: make the client ` +
      "inside the agent with the rollout's base URL (context.endpoint.openai), or queue agl.bind(fn); if it may answer without a call, " +
      'say noCall: "allowed"',
  ],
  [
    "an agent that asks a server of its own machine",
    async () => {
      const port = await closedPort();
      const step = () => oneStep(async () => (await ask(`http://localhost:${port}/v1`)).length);
      return inPlace(`localhost:${port}`, "localhost:PORT", step);
    },
    "E_ROLLOUT",
    `${kNone}  2 provider-error: Error: Connection error.; 1 model call went to a host that is not routed (localhost:PORT/v1/chat/completions); ` +
      'routes: { hosts: ["localhost:PORT"] } lets the policy answer',
  ],
];

const sampling: readonly Mistake[] = [
  [
    "policy.sample({ messages })",
    () => policy.sample({ messages: [{ role: "user", content: "a" }] }),
    "E_ARGUMENT",
    'policy.sample: expected options among OPTIONS, got "messages"; a conversation becomes a prompt by policy.renderChat(messages).ids',
  ],
  [
    `policy.sample({ prompt: "a", max_new_tokens: 8 })`,
    () => policy.sample({ prompt: "a", max_new_tokens: 8 }),
    "E_ARGUMENT",
    'policy.sample: expected options among OPTIONS, got "max_new_tokens"; did you mean maxTokens?',
  ],
  [
    `policy.renderChat("Hello")`,
    () => policy.renderChat("Hello"),
    "E_ARGUMENT",
    'policy.renderChat: expected at least one message, got "Hello"; as in [{ role: "user", content: "Hello" }]',
  ],
  [
    `policy.addAdapter("./mine")`,
    () => policy.addAdapter("./mine"),
    "E_ARGUMENT",
    'policy.addAdapter: expected the adapter\'s name, not a path, got "./mine"; give the name first and then the folder, as in ' +
      'policy.addAdapter("mine", "./mine")',
  ],
  [
    `policy.sample({ prompt: "a", adapter: "defualt" })`,
    () => policy.sample({ prompt: "a", adapter: "defualt" }),
    "E_ARGUMENT",
    'policy.sample: expected adapter to be one of "base", "default", got "defualt"; did you mean "default"?',
  ],
  [
    `policy.sample({ prompt: pages })`,
    () => policy.sample({ prompt: new Int32Array(200) }),
    "E_ARGUMENT",
    "policy.sample: expected at most 63 prompt tokens, got 200; shorten it or load with a larger contextLength",
  ],
  [
    "policy.saveAdapter()",
    () => policy.saveAdapter(),
    "E_ARGUMENT",
    'policy.saveAdapter: expected a path, got undefined; as in policy.saveAdapter("./adapter")',
  ],
  [
    "sft().trainOn(policy, [{ messages }])",
    () => js.sft().trainOn(policy, [{ messages: [] }]),
    "E_ARGUMENT",
    "sft: expected demonstrations[0].tokens to be an array of numbers, got undefined; policy.renderChat(messages).ids gives a dialogue's tokens",
  ],
];

describe.each([
  ["loading a model", loading],
  ["making a trainer", making],
  ["running it", running],
  ["using the policy", sampling],
])("a newcomer who is %s", (_what, mistakes) => {
  it.each(mistakes)("and writes %s is told what to write", async (_code, run, errorCode, message) => {
    const error = await outcome(run);
    expect(error).toBeInstanceOf(agl.LightningError);
    const { code, message: got } = error as agl.LightningError;
    const shortened = got.replace(/(^policy\.sample: expected options among )[^"]*(?=, got)/, "$1OPTIONS");
    expect({ code, message: shortened }).toEqual({ code: errorCode, message });
  });
});

it("writes down at least twenty mistakes", () => {
  expect([...loading, ...making, ...running, ...sampling].length).toBeGreaterThanOrEqual(20);
});

// A policy whose engine is the fake: real tokenizer, configuration, states and checks.
import { createAdapterTable } from "../../src/policy/adapter-table.js";
import { assemblePolicy } from "../../src/policy/assemble-policy.js";
import { loadChatTemplate, renderChat } from "../../src/policy/chat-template.js";
import { readModelConfig } from "../../src/policy/model-config.js";
import type { Policy } from "../../src/policy/policy.js";
import { createSeeds } from "../../src/policy/seeds.js";
import { createStates } from "../../src/policy/states.js";
import { adapterPair, projections } from "../../src/policy/tensors.js";
import { loadTokenizer } from "../../src/policy/tokenizer.js";
import { FakeEngine } from "./fake-engine.js";
import { qwen2 } from "./fixture-models.js";

export interface FakePolicy {
  readonly policy: Policy;
  readonly engine: FakeEngine;
}

/** With one adapter, "default", unless all weights are trained. Context length 64. */
export async function fakePolicy({ trainAll = false } = {}): Promise<FakePolicy> {
  const engine = new FakeEngine();
  const config = readModelConfig(qwen2);
  engine.sizes = Array.from({ length: config.layers }, (_, layer) =>
    projections.flatMap((projection) =>
      adapterPair(config, layer, projection, 2).map(({ rows, columns }) => rows * columns),
    ),
  ).flat();
  const tokenizer = loadTokenizer(qwen2);
  const template = loadChatTemplate(qwen2);
  let id = 0;
  const policy = assemblePolicy({
    engine,
    states: createStates("the policy"),
    adapters: createAdapterTable(config, trainAll),
    config,
    dir: qwen2,
    tokenizer,
    contextLength: 64,
    device: "cpu",
    arithmetic: engine.arithmetic(),
    renderChat: (messages, options) => renderChat(template, tokenizer, messages, options),
    nextSeed: createSeeds(0n, "sample"),
    nextAdapterSeed: createSeeds(0n, "adapter"),
    nextId: () => id++,
  });
  if (!trainAll) await policy.addAdapter("default", { rank: 2 });
  engine.log.length = 0;
  return { policy, engine };
}

/** Lets every promise that can go on do so. */
export const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 5));

/** Whether a promise is still open after a while. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const ended = promise.then(
    () => false,
    () => false,
  );
  return Promise.race([ended, settle().then(() => true)]);
}

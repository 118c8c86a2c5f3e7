// A policy whose engine is the fake: real tokenizer, configuration, states and checks.
import { createAdapterTable } from "../../src/policy/adapters/adapter-table.js";
import { assemblePolicy } from "../../src/policy/assemble-policy.js";
import { loadChatTemplate, renderChat } from "../../src/policy/chat/chat-template.js";
import { kDefaultDate } from "../../src/policy/chat/template-options.js";
import { createConstraintTable } from "../../src/policy/constraints/constraint-table.js";
import { createSeeds } from "../../src/policy/engine/seeds.js";
import { readModelConfig } from "../../src/policy/model/model-config.js";
import { adapterPair, projections } from "../../src/policy/model/tensors.js";
import type { Policy } from "../../src/policy/policy.js";
import { createReplicas, type Replicas } from "../../src/policy/replicas.js";
import { createStates } from "../../src/policy/states.js";
import { loadTokenizer } from "../../src/policy/tokenizer/tokenizer.js";
import { FakeEngine } from "./fake-engine.js";
import { qwen2 } from "./fixture-models.js";

export interface FakePolicy {
  readonly policy: Policy;
  readonly engine: FakeEngine;
  /** All of its engines, the first of which is `engine`. */
  readonly engines: readonly FakeEngine[];
}

/** With one adapter, "default", unless all weights are trained. Context length 64. */
export async function fakePolicy({ trainAll = false, replicas = 1 } = {}): Promise<FakePolicy> {
  const engine = new FakeEngine();
  const engines = [engine, ...Array.from({ length: replicas - 1 }, () => new FakeEngine())];
  const config = readModelConfig(qwen2);
  const sizes = Array.from({ length: config.layers }, (_, layer) =>
    projections.flatMap((projection) =>
      adapterPair(config, layer, projection, 2).map(({ rows, columns }) => rows * columns),
    ),
  ).flat();
  for (const each of engines) each.sizes = sizes;
  const tokenizer = loadTokenizer(qwen2);
  const template = loadChatTemplate(qwen2);
  let id = 0;
  const policy = assemblePolicy({
    ...(replicas === 1
      ? { engine, lanes: [engine] as const }
      : createReplicas(toReplicas(engines), kCacheTokens)),
    states: createStates("the policy"),
    adapters: createAdapterTable(config, trainAll),
    constraints: createConstraintTable(async () => ({
      make: async (grammar) => ({ handle: grammar.length, bytes: 4 * grammar.length }),
      close: () => undefined,
    })),
    config,
    dir: qwen2,
    baseModel: qwen2,
    baseDigest: async () => ({ problem: "it has no weights" }),
    tokenizer,
    contextLength: 64,
    device: "cpu",
    arithmetic: engine.arithmetic(),
    date: kDefaultDate,
    template: {},
    toolCalls: template.family,
    thoughtsIn: template.thoughtsIn,
    renderChat: (messages, options) => renderChat(template, tokenizer, messages, options),
    nextSeed: createSeeds(0n, "sample"),
    nextAdapterSeed: createSeeds(0n, "adapter"),
    nextId: () => id++,
  });
  if (!trainAll) await policy.addAdapter("default", { rank: 2 });
  for (const each of engines) each.log.length = 0;
  return { policy, engine, engines };
}

const kCacheTokens = 256;

function toReplicas(engines: readonly FakeEngine[]): Replicas {
  const [first, ...others] = engines.map((engine, i) => ({ name: `fake:${i}`, engine }));
  if (first === undefined) throw new Error("expected an engine");
  return [first, ...others];
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

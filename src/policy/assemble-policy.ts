// A Policy out of its parts. No logic but that of closing: every method is a function of a file of its own.
import { addAdapter, removeAdapter, saveAdapter } from "./adapters.js";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.js";
import { constrain } from "./constrain.js";
import { forwardBackward } from "./forward-backward.js";
import type { Policy } from "./policy.js";
import type { PolicyParts } from "./policy-parts.js";
import { sample } from "./sample.js";
import { saveModel } from "./save-model.js";
import { score } from "./score.js";
import { gradients, optimStep, zeroGradients } from "./train.js";

export function assemblePolicy(parts: PolicyParts): Policy {
  const { engine, states, adapters } = parts;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= stop(parts);
    return closing;
  };
  return {
    config: parts.config,
    tokenizer: parts.tokenizer,
    contextLength: parts.contextLength,
    device: parts.device,
    arithmetic: parts.arithmetic,
    get plan() {
      states.checkOpen("policy.plan");
      return engine.plan();
    },
    get counters() {
      states.checkOpen("policy.counters");
      return engine.counters();
    },
    get adapters() {
      return adapters.names();
    },
    version(adapter) {
      states.checkOpen("policy.version");
      return adapters.resolve("policy.version", adapter).version;
    },
    date: parts.date,
    template: parts.template,
    toolCalls: parts.toolCalls,
    thoughtsIn: parts.thoughtsIn,
    renderChat: parts.renderChat,
    constrain: (given) => constrain(parts, given),
    sample: (options) => sample(parts, options),
    score: (sequences, options) => score(parts, sequences, options),
    forwardBackward: (sequences, loss, options) => forwardBackward(parts, sequences, loss, options),
    gradients: (adapter) => gradients(parts, adapter),
    zeroGradients: (adapter) => zeroGradients(parts, adapter),
    optimStep: (options) => optimStep(parts, options),
    addAdapter: (name, adapter) => addAdapter(parts, name, adapter),
    removeAdapter: (name) => removeAdapter(parts, name),
    saveAdapter: (dir, options) => saveAdapter(parts, dir, options),
    saveModel: (dir) => saveModel(parts, dir),
    saveCheckpoint: (file, state) => saveCheckpoint(parts, file, state),
    loadCheckpoint: (file) => loadCheckpoint(parts, file),
    close,
    [Symbol.asyncDispose]: close,
  };
}

// --- internal ---

// Callers are answered first; the engine then ends its pass, and every answer it owed has come before this resolves.
async function stop({ states, engine, constraints }: PolicyParts): Promise<void> {
  const ended = states.close();
  constraints.close();
  engine.close();
  await ended;
}

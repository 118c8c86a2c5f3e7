// The policy by itself, without an agent: a tiny random model, rewarded for tokens with an "e", learns to write them.
//   node examples/policy.mjs [MODEL_FOLDER], after npm run build
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { advantages, createModel, loadPolicy, losses } from "agentlightning";
import { createTokenizer } from "./quickstart/tokenizer.js";

// A model of yours learns by an adapter; one that knows nothing has to learn with all its weights.
const [, , given] = process.argv;
const lr = given === undefined ? 1e-2 : 1e-4;
const trained = given === undefined ? { train: "all" } : { adapter: { rank: 16, alpha: 32 } };
const policy = await loadPolicy(given ?? (await tinyModel()), { seed: 1, contextLength: 256, ...trained });
const prompt = policy.renderChat([{ role: "user", content: "Write something." }]).ids;
const groupSize = 16;
const steps = 20;

for (let step = 0; step < steps; step++) {
  const answers = await policy.sample({ prompt, n: groupSize, maxTokens: 24, seed: step, ignoreEos: true });
  const rewards = answers.map(({ tokens }) => shareWithLetterE(tokens));
  const scores = advantages.group(rewards, new Int32Array(groupSize));
  const sequences = answers.map((answer, i) => toSequence(answer, scores[i]));
  await policy.forwardBackward(sequences, losses.ppoClip());
  const { version } = await policy.optimStep({ lr });
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / groupSize;
  console.log(`version ${String(version).padStart(2)}   reward ${mean.toFixed(3)}`);
}
await policy.close();

// --- internal ---

async function tinyModel() {
  const dir = join(mkdtempSync(join(tmpdir(), "agl-example-")), "tiny");
  const sizes = {
    hidden: 64,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    headSize: 16,
    intermediate: 128,
    vocabulary: 1024,
  };
  const model = { architecture: "qwen2", tie: true, tokenizer: createTokenizer(), ...sizes };
  await createModel(dir, model, { seed: 1 });
  return dir;
}

function shareWithLetterE(tokens) {
  const withE = Array.from(tokens).filter((token) => policy.tokenizer.decode([token]).includes("e"));
  return withE.length / tokens.length;
}

/** What the loss reads is one number for each of tokens[1..]; on the prompt's the mask is 0. */
function toSequence({ tokens, logprobs }, advantage) {
  const length = prompt.length - 1 + tokens.length;
  const onAnswer = (value) =>
    Float32Array.from({ length }, (_, t) => (t < prompt.length - 1 ? 0 : value(t - prompt.length + 1)));
  return {
    tokens: Int32Array.from([...prompt, ...tokens]),
    mask: onAnswer(() => 1),
    advantages: onAnswer(() => advantage),
    oldLogprobs: onAnswer((t) => logprobs[t]),
  };
}

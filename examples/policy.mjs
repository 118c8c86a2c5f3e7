// The policy by itself, without an agent: a tiny random model, rewarded for tokens with an "e", learns to write them.
//   node examples/policy.mjs [MODEL_FOLDER], after npm run build
import { fileURLToPath } from "node:url";
import { advantages, loadPolicy, losses } from "agentlightning";

const tiny = fileURLToPath(new URL("../test/fixtures/models/qwen2", import.meta.url));
const policy = await loadPolicy(process.argv[2] ?? tiny, { seed: 1, adapter: { rank: 16, alpha: 32 } });
const prompt = policy.renderChat([{ role: "user", content: "Write something." }]).ids;
const groupSize = 16;
const steps = 20;

for (let step = 0; step < steps; step++) {
  const answers = await policy.sample({ prompt, n: groupSize, maxTokens: 24, seed: step, ignoreEos: true });
  const rewards = answers.map(({ tokens }) => shareWithLetterE(tokens));
  const scores = advantages.group(rewards, new Int32Array(groupSize));
  const sequences = answers.map((answer, i) => toSequence(answer, scores[i]));
  await policy.forwardBackward(sequences, losses.ppoClip());
  const { version } = await policy.optimStep({ lr: 5e-3 });
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / groupSize;
  console.log(`version ${String(version).padStart(2)}   reward ${mean.toFixed(3)}`);
}
await policy.close();

// --- internal ---

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

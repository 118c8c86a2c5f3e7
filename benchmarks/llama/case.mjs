// One measurement of llama.cpp through node-llama-cpp in a process of its own, beside policy-case.mjs:
//   node benchmarks/llama/case.mjs '{"kind":"decode","file":"model.gguf","batch":8,"prompt":16,"steps":16,"repeats":1,"threads":2}'
// Prints one JSON line as policy-case.mjs does. A batch is decoded in lockstep, greedily: left to run freely, node-llama-cpp
// hardly batches.
import { getLlama } from "node-llama-cpp";

const given = JSON.parse(process.argv[2]);
const kinds = { decode, prefill, agree };
const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", maxThreads: given.threads });
const model = await llama.loadModel({ modelPath: given.file });
const context = await model.createContext({
  contextSize: 1024,
  batchSize: 512,
  threads: given.threads,
  sequences: given.batch ?? 1,
  flashAttention: true,
});
const sequences = Array.from({ length: given.batch ?? 1 }, () => context.getSequence());
const result = await kinds[given.kind]();
const { user, system } = process.cpuUsage();
const { maxRSS } = process.resourceUsage();
const used = { cpuSeconds: (user + system) / 1e6, peakBytes: maxRSS * 1024, about: llama.systemInfo };
await llama.dispose();
console.log(JSON.stringify({ ...result, ...used }));

// --- internal ---

function tokensOf(seed, count) {
  return Array.from({ length: count }, (_, i) => (seed * 7919 + i * 104_729 + 11) % given.vocabulary);
}

async function decode() {
  const { batch, prompt, steps, repeats } = given;
  const seconds = [];
  for (let repeat = 0; repeat <= repeats; repeat++) {
    for (const sequence of sequences) await sequence.clearHistory();
    const running = sequences.map((sequence, i) =>
      sequence.evaluate(tokensOf(repeat * batch + i + 1, prompt), { temperature: 0, yieldEogToken: true }),
    );
    const advance = async () => {
      const tokens = await Promise.all(running.map((iterator) => iterator.next()));
      if (tokens.some(({ done }) => done)) throw new Error("a sequence ended early");
    };
    await advance();
    const begin = performance.now();
    for (let step = 0; step < steps; step++) await advance();
    if (repeat > 0) seconds.push((performance.now() - begin) / 1000 / steps);
    for (const iterator of running) await iterator.return();
  }
  return { seconds, tokens: batch };
}

async function prefill() {
  const seconds = [];
  for (let repeat = 0; repeat <= given.repeats; repeat++) {
    await sequences[0].clearHistory();
    const begin = performance.now();
    await sequences[0].evaluateWithoutGeneratingNewTokens(tokensOf(repeat + 1, given.length - 1));
    if (repeat > 0) seconds.push((performance.now() - begin) / 1000);
  }
  return { seconds, tokens: given.length - 1 };
}

async function agree() {
  const tokens = [...given.tokens];
  const last = tokens.pop();
  const input = [...tokens, [last, { generateNext: { probabilities: true } }]];
  const next = (await sequences[0].controlledEvaluate(input)).at(-1).next;
  const top = [...next.probabilities].sort(([, p], [, q]) => q - p).slice(0, 200);
  return { top: top.map(([token, probability]) => [token, Math.log(probability)]) };
}

// Run by worker-threads.test.ts in a process of its own with --expose-gc: loads, uses and gives up policies, and prints by how many MiB
// the process grew after the first ten.
//   node --expose-gc memory-loop.mjs close|forget MODEL_DIR
// Not the whole package, which takes longer to load than the rest.
import { loadPolicy } from "../../../dist/policy/load-policy.js";
import { losses } from "../../../dist/policy/losses/index.js";

const [, , kind, dir] = process.argv;
const tokens = Array.from({ length: 60 }, (_, i) => i);
const update = [{ tokens, weights: tokens.slice(1).map(() => 0.1) }];

async function once() {
  const policy = await loadPolicy(dir, { contextLength: 256, cacheTokens: 8192, threads: 2 });
  await policy.sample({ prompt: tokens, n: 4, maxTokens: 8 });
  await policy.forwardBackward(update, losses.logLikelihood());
  await policy.optimStep({ lr: 1e-3 });
  const bytes = policy.plan.total;
  if (kind === "close") await policy.close();
  return bytes;
}

async function settle() {
  for (let i = 0; i < 3; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

let bytes = 0;
let start = 0;
for (let i = 0; i < 40; i++) {
  bytes = await once();
  await settle();
  if (i === 9) start = process.memoryUsage.rss();
}
console.log(JSON.stringify({ grownBytes: process.memoryUsage.rss() - start, policyBytes: bytes }));

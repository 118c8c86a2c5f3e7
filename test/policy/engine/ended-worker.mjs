// Run by worker-threads.test.ts in a process of its own: ends a worker thread, or with "exit" this process, in the middle of a job.
//   node ended-worker.mjs KIND MODEL_DIR TIMES|exit
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
// Not the whole package, which takes longer to load than the rest.
import { loadPolicy } from "../../../dist/policy/load-policy.js";
import { losses } from "../../../dist/policy/losses/index.js";

const options = { contextLength: 512, cacheTokens: 4096, threads: 2, runningSamples: "carry" };
const tokens = Array.from({ length: 400 }, (_, i) => i % 300);

async function sampleForever(policy, busy) {
  for (let seed = 0; ; seed++) {
    const requests = [1, 2, 3].map((token) =>
      policy.sample({
        prompt: Array(40).fill(token),
        n: 4,
        maxTokens: 200,
        seed,
        ignoreEos: true,
        onToken: busy,
      }),
    );
    await Promise.all(requests);
  }
}

async function trainForever(policy, busy) {
  const update = [{ tokens, weights: tokens.slice(1).map(() => 0.1) }];
  for (;;) {
    const step = policy.forwardBackward(update, losses.logLikelihood());
    busy();
    await step;
    await policy.optimStep({ lr: 1e-4 });
  }
}

/** What is called again and again, its promise under way when the end comes. */
const forever = (call) => async (policy, busy) => {
  for (;;) {
    const under = call(policy);
    busy();
    await under;
  }
};

const kinds = {
  sample: sampleForever,
  train: trainForever,
  score: forever((policy) => policy.score([tokens, tokens.slice(7)])),
  load: forever(async () => (await loadPolicy(dir, options)).close()),
  save: forever((policy) => policy.saveCheckpoint(join(out, "checkpoint"))),
  adapters: forever(async (policy) => {
    await policy.addAdapter("other", { rank: 64 });
    await policy.removeAdapter("other");
  }),
  both: (policy, busy) => Promise.all([sampleForever(policy, busy), trainForever(policy, busy)]),
};

async function work(kind, busy) {
  const policy = await loadPolicy(dir, options);
  await kinds[kind](policy, busy);
}

const [, , kind, dir, times, out] = isMainThread
  ? [...process.argv, mkdtempSync(join(tmpdir(), "agl-ended-"))]
  : workerData;
if (isMainThread) process.on("exit", () => rmSync(out, { recursive: true }));

if (!isMainThread) {
  await work(kind, () => parentPort.postMessage("busy"));
} else if (times === "exit") {
  let calls = 0;
  await work(kind, () => {
    if (++calls === 3) process.exit(0);
  });
} else {
  for (let i = 0; i < Number(times); i++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: [...process.argv, out] });
    const failed = new Promise((_resolve, reject) => worker.on("error", reject));
    const busy = new Promise((resolve) => worker.once("message", resolve));
    await Promise.race([busy, failed]);
    // Ended at different moments of a pass.
    await Promise.race([new Promise((resolve) => setTimeout(resolve, (i * 3) % 20)), failed]);
    await worker.terminate();
  }
  // The process that ended them still works.
  const policy = await loadPolicy(dir, options);
  await policy.sample({ prompt: [1, 2], maxTokens: 4 });
  await policy.close();
  console.log(`ended ${times}`);
}

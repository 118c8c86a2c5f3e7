// Run by worker-threads.test.ts in a process of its own: ends a worker thread in the middle of sampling or training, many times.
//   node ended-worker.mjs sample|train MODEL_DIR TIMES
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { loadPolicy, losses } from "../../dist/index.js";

const options = { contextLength: 512, cacheTokens: 4096, threads: 2 };

async function sampleForever(policy) {
  for (let seed = 0; ; seed++) {
    const requests = [1, 2, 3].map((token) =>
      policy.sample({
        prompt: Array(40).fill(token),
        n: 4,
        maxTokens: 200,
        seed,
        ignoreEos: true,
        onToken: () => parentPort.postMessage("busy"),
      }),
    );
    await Promise.all(requests);
  }
}

async function trainForever(policy) {
  const tokens = Array.from({ length: 400 }, (_, i) => i % 300);
  const update = [{ tokens, weights: tokens.slice(1).map(() => 0.1) }];
  for (;;) {
    const step = policy.forwardBackward(update, losses.logLikelihood());
    parentPort.postMessage("busy");
    await step;
    await policy.optimStep({ lr: 1e-4 });
  }
}

if (isMainThread) {
  const [, , kind, dir, times] = process.argv;
  for (let i = 0; i < Number(times); i++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { kind, dir } });
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
} else {
  const policy = await loadPolicy(workerData.dir, options);
  await (workerData.kind === "sample" ? sampleForever(policy) : trainForever(policy));
}

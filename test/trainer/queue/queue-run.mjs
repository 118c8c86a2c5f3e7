// A run of four steps that may be killed and started again: node queue-run.mjs FOLDER here|queue STORE
// Writes FOLDER/{checkpoint.safetensors, adapter}; prints "rollout N" after the N-th rollout of this process.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as agl from "agentlightning";
import { agent } from "./runner-agent.mjs";

const [folder, runners, url] = process.argv.slice(2);
const model = fileURLToPath(new URL("../../fixtures/models/qwen2", import.meta.url));
const policy = await agl.loadPolicy(model, { contextLength: 256, threads: 1, seed: 1, adapter: { rank: 4 } });
const store = await agl.openStore(url);
const trainer = agl.createTrainer({
  ...{ policy, store, runners, seed: 5, sampling: { maxTokens: 6 } },
  ...(runners === "queue" ? { listen: { port: 0 } } : { agent }),
  algorithm: agl.grpo({ groupSize: 4, lr: 1e-2, warmup: 3, updates: 2, schedule: "cosine", totalUpdates: 8 }),
  checkpointFile: join(folder, "checkpoint.safetensors"),
});
let count = 0;
trainer.events.on("rollout", () => console.log(`rollout ${++count}`));
await trainer.fit(Array.from({ length: 4 }, (_, i) => [`first ${i}`, `second ${i}`, `third ${i}`]));
await policy.saveAdapter(join(folder, "adapter"));
await trainer.close();
await store.close();
await policy.close();

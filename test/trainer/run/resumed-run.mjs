// A run of twenty-four steps that may be killed and started again: node resumed-run.mjs FOLDER STORE
// Writes FOLDER/{checkpoint.safetensors, metrics.jsonl, adapter}; prints "step N" after every step.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as agl from "agentlightning";
import OpenAI from "openai";

const [folder, url] = process.argv.slice(2);
const model = fileURLToPath(new URL("../../fixtures/models/qwen2", import.meta.url));
const client = new OpenAI({ apiKey: "not-needed" });
const policy = await agl.loadPolicy(model, { contextLength: 256, threads: 1, seed: 1, adapter: { rank: 4 } });
const store = await agl.openStore(url);
const trainer = agl.createTrainer({
  policy,
  store,
  agent: async (task) => {
    const messages = [{ role: "user", content: task }];
    const { choices } = await client.chat.completions.create({ model: "m", messages });
    const text = choices[0].message.content ?? "";
    return [...text].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 7;
  },
  algorithm: agl.grpo({
    groupSize: 4,
    lr: 1e-2,
    warmup: 3,
    updates: 2,
    schedule: "cosine",
    totalUpdates: 48,
  }),
  sampling: { maxTokens: 6 },
  seed: 5,
  metricsFile: join(folder, "metrics.jsonl"),
  checkpointFile: join(folder, "checkpoint.safetensors"),
});
trainer.events.on("step", ({ step }) => console.log(`step ${step}`));
const batches = Array.from({ length: 24 }, (_, i) => [`first ${i}`, `second ${i}`, `third ${i}`]);
await trainer.fit(batches, { validation: ["one", "two"], every: 3 });
await policy.saveAdapter(join(folder, "adapter"));
const { items } = await store.queryRollouts();
const open = items.filter(({ status }) => !["succeeded", "failed", "cancelled"].includes(status)).length;
console.log(JSON.stringify({ open, rollouts: items.length }));
await trainer.close();
await store.close();
await policy.close();

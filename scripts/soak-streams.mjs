// node scripts/soak-streams.mjs [--minutes N] [--streams N]: as many streams at once, each of the three wires that most agents use, answered by a
// small policy in rollouts, for N minutes. Prints memory as it goes; fails when it grows by a tenth from the third quarter to the last. The prompts repeat:
// the endpoint keeps ids of the texts that it encoded lately, up to a bound, which would look like growth.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as agl from "agentlightning";
import { writeScriptedModel } from "../test/frameworks/scripted-model.mjs";
import { giveUp } from "./command.mjs";
import { readOptions } from "./options.mjs";

const options = readOptions("node scripts/soak-streams.mjs [--minutes N] [--streams N]", {
  minutes: { type: "string", default: "1" },
  streams: { type: "string", default: "200" },
});
const streams = Number(options.streams);
const wires = [
  ["https://api.openai.com/v1/chat/completions", (content) => ({ messages: [{ role: "user", content }] })],
  ["https://api.openai.com/v1/responses", (input) => ({ input })],
  [
    "https://api.anthropic.com/v1/messages",
    (content) => ({ max_tokens: 128, messages: [{ role: "user", content }] }),
  ],
];
let done = 0;
let bytes = 0;

/** One stream, read to its end. */
async function readStream(task) {
  const [url, body] = wires[task % wires.length];
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "m", stream: true, ...body(`Say ${task % 100}.`) }),
  });
  if (!response.ok) throw new Error(await response.text());
  for await (const chunk of response.body) bytes += chunk.length;
  done++;
  return done % 2;
}

const dir = mkdtempSync(join(tmpdir(), "agl-streams-"));
writeScriptedModel(dir, {});
const policy = await agl.loadPolicy(dir, { contextLength: 512, cacheTokens: 131_072, seed: 1 });
const trainer = agl.createTrainer({
  policy,
  agent: readStream,
  concurrency: streams,
  sampling: { maxTokens: 128 },
});
const seconds = Number(options.minutes) * 60;
const started = performance.now();
const elapsed = () => (performance.now() - started) / 1000;
const samples = [];
// Four times as many rollouts as streams, so that as many are open nearly throughout.
for (let round = 0; elapsed() < seconds; round++) {
  await trainer.evaluate(Array.from({ length: streams * 4 }, (_, i) => round * streams * 4 + i));
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  samples.push({ at: elapsed(), rss: rss / 2 ** 20, heap: heapUsed / 2 ** 20 });
}
await trainer.close();
await policy.close();
rmSync(dir, { recursive: true });

/** The median of a part of the samples. */
function median(part, name) {
  const sorted = part.map((sample) => sample[name]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const every = Math.max(1, Math.floor(samples.length / 10));
for (const { at, rss, heap } of samples.filter((_, i) => i % every === 0))
  console.log(`${at.toFixed(0).padStart(4)} s  rss ${rss.toFixed(0)} MiB  heap ${heap.toFixed(1)} MiB`);
if (samples.length < 8)
  giveUp(`soak-streams: expected at least 8 rounds, got ${samples.length}; give it more minutes`);
const quarter = Math.floor(samples.length / 4);
const [early, late] = [samples.slice(2 * quarter, 3 * quarter), samples.slice(3 * quarter)];
const growth = {
  rss: median(late, "rss") - median(early, "rss"),
  heap: median(late, "heap") - median(early, "heap"),
};
console.log(
  `${done} streams, ${streams} at once, ${(bytes / 1e6).toFixed(0)} MB in ${elapsed().toFixed(0)} s`,
);
console.log(
  `from the third quarter to the last: rss ${growth.rss.toFixed(1)} MiB, heap ${growth.heap.toFixed(1)} MiB`,
);
const isFlat = growth.rss < 0.1 * median(early, "rss") && growth.heap < 0.1 * median(early, "heap");
console.log(isFlat ? "1 passed, 0 failed" : "0 passed, 1 failed");
process.exitCode = isFlat ? 0 : 1;

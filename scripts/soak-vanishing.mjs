// node --expose-gc scripts/soak-vanishing.mjs [--minutes N] [--clients N]: as many clients of a trainer's socket at once, each of which begins a stream,
// reads a little and vanishes, for N minutes. Prints memory as it goes; fails when a call is left running, or when memory grows by a tenth from the third
// quarter to the last.
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as agl from "agentlightning";
import { writeScriptedModel } from "../test/frameworks/scripted-model.mjs";
import { giveUp } from "./command.mjs";
import { readOptions } from "./options.mjs";

const options = readOptions("node --expose-gc scripts/soak-vanishing.mjs [--minutes N] [--clients N]", {
  minutes: { type: "string", default: "1" },
  clients: { type: "string", default: "200" },
});
const clients = Number(options.clients);
const body = JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "Say it." }] });

/** Resolves when the client has read its first bytes and is gone. */
function vanish({ endpoint }) {
  const url = new URL(`${endpoint.openai}/chat/completions`);
  const head = [`POST ${url.pathname} HTTP/1.1`, `host: ${url.host}`, `x-api-key: ${endpoint.env.AGL_KEY}`];
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname);
    socket.once("error", reject);
    socket.once("data", () => {
      socket.destroy();
      resolve();
    });
    socket.write(`${head.join("\r\n")}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
}

const dir = mkdtempSync(join(tmpdir(), "agl-vanishing-"));
writeScriptedModel(dir, {});
const policy = await agl.loadPolicy(dir, { contextLength: 512, cacheTokens: 131_072, seed: 1 });
const seconds = Number(options.minutes) * 60;
const started = performance.now();
const elapsed = () => (performance.now() - started) / 1000;
const samples = [];
let vanished = 0;
const trainer = agl.createTrainer({
  policy,
  listen: { port: 0 },
  sampling: { maxTokens: 400 },
  agent: async (_, context) => {
    await Promise.all(Array.from({ length: clients }, () => vanish(context)));
    vanished += clients;
    // The same way, and to its end: what vanished runs no more.
    const before = policy.counters.sampledTokens;
    const response = await fetch(`${context.endpoint.openai}/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ ...JSON.parse(body), stream: false }),
    });
    if (!response.ok) throw new Error(await response.text());
    await response.text();
    const sampled = policy.counters.sampledTokens - before;
    if (sampled > 400 + clients * 40)
      giveUp(`soak-vanishing: expected about the tokens of one call, got ${sampled}: vanished ones went on`);
    return 1;
  },
});
for (let round = 0; elapsed() < seconds; round++) {
  await trainer.evaluate([round]);
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  samples.push({ at: elapsed(), rss: rss / 2 ** 20, heap: heapUsed / 2 ** 20 });
}
await trainer.close();
await policy.close();
rmSync(dir, { recursive: true });

if (samples.length < 8)
  giveUp(`soak-vanishing: expected at least 8 rounds, got ${samples.length}; give it more minutes`);
const medianOf = (part, name) => part.map((sample) => sample[name]).sort((a, b) => a - b)[part.length >> 1];
const quarter = Math.floor(samples.length / 4);
const [early, late] = [samples.slice(2 * quarter, 3 * quarter), samples.slice(3 * quarter)];
const show = (name) =>
  `${name} ${medianOf(early, name).toFixed(1)} to ${medianOf(late, name).toFixed(1)} MiB`;
console.log(`${vanished} clients vanished, ${clients} at once, in ${elapsed().toFixed(0)} s`);
console.log(`from the third quarter to the last: ${show("rss")}, ${show("heap")}`);
const isFlat = ["rss", "heap"].every((name) => medianOf(late, name) < 1.1 * medianOf(early, name));
console.log(isFlat ? "1 passed, 0 failed" : "0 passed, 1 failed");
process.exitCode = isFlat ? 0 : 1;

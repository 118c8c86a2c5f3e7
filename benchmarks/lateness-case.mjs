// Delays of the event loop in three kinds of work, in a process of its own.
//   node benchmarks/lateness-case.mjs '{"model":"hidden 128","compute":"f32","seconds":4,"threads":2}'
// Prints one JSON line: for each kind the 99th percentile and the maximum in milliseconds, and how many ticks there were.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { losses } from "agentlightning";
import { freshTokens, openCase, printCase } from "./policy-process.mjs";

const given = JSON.parse(process.argv[2]);
const isLarge = given.model === "0.5B";
const [groups, samples, promptLength, maxTokens] = isLarge ? [2, 4, 64, 16] : [8, 8, 110, 48];
const policy = await openCase(given, {
  contextLength: 256,
  trainTokens: 512,
  cacheTokens: 16_384,
  adapter: { rank: 16, alpha: 32 },
  runningSamples: "carry",
});
const loss = losses.ppoClip({ aggregate: { by: "rollout" } });
const resolution = 1;
let seed = 0;
let rows = [];
for (const warmUp of [sampled, trained]) await warmUp();
const delays = {
  sampling: await delaysOf([sampled]),
  training: await delaysOf([trained]),
  both: await delaysOf([sampled, trained]),
};
await printCase(policy, { delays });

// --- internal ---

/** Groups of samples as a GRPO step draws them, every token streamed; they become the rows of the next updates. */
async function sampled() {
  let streamed = 0;
  const onToken = () => {
    streamed++;
  };
  const drawn = await Promise.all(
    Array.from({ length: groups }, async () => {
      const prompt = freshTokens(given.model, ++seed, promptLength);
      const asked = { prompt, n: samples, maxTokens, ignoreEos: true, seed, onToken };
      const choices = await policy.sample(asked);
      return choices.map(({ tokens }, i) => ({
        tokens: [...prompt, ...tokens],
        mask: Array.from({ length: promptLength + tokens.length - 1 }, (_, t) =>
          Number(t >= promptLength - 1),
        ),
        advantages: i % 2 === 0 ? 1 : -1,
        rollout: `${seed}-${i}`,
      }));
    }),
  );
  if (streamed !== groups * samples * maxTokens) throw new Error(`expected every token, got ${streamed}`);
  rows = drawn.flat();
  return rows;
}

async function trained() {
  await policy.forwardBackward(rows, loss);
  await policy.optimStep({ lr: 1e-5 });
}

/** Repeats each kind of work, all at the same time, and watches the loop. */
async function delaysOf(kinds) {
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  const end = performance.now() + 1000 * given.seconds;
  const repeat = async (work) => {
    while (performance.now() < end) await work();
  };
  await Promise.all(kinds.map(repeat));
  histogram.disable();
  // What it counts is the time between two ticks.
  const milliseconds = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - resolution);
  return {
    p99: milliseconds(histogram.percentile(99)),
    max: milliseconds(histogram.max),
    ticks: histogram.count,
  };
}

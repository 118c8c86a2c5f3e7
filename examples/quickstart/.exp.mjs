import * as agl from "agentlightning";
import { calculate, isRight } from "./agent.js";
import { createRandom, heldOutQuestions, randomQuestion } from "./questions.js";

const o = JSON.parse(process.argv[2]);
const policy = await agl.loadPolicy(o.start ?? "/tmp/parity/start1", {
  adapter: { rank: o.rank ?? 16, alpha: o.alpha ?? 32 },
  contextLength: 192,
  seed: 1,
  threads: 1,
});
let w = new Map();
const trainer = agl.createTrainer({
  policy,
  agent: async (t) => {
    const s = await calculate(t.text);
    w.set(t, s);
    return isRight(t, s);
  },
  algorithm: agl.grpo({
    groupSize: o.G ?? 8,
    lr: o.lr ?? 3e-3,
    warmup: 20,
    updates: o.updates ?? 4,
    ...(o.g ?? {}),
  }),
  sampling: { maxTokens: 48 },
  concurrency: 256,
  seed: 1,
});
const held = heldOutQuestions(240);
const rnd = createRandom(104729 + 2);
const t0 = process.cpuUsage();
for (let s = 0; s < (o.steps ?? 50); s++) {
  const r = await trainer.step(
    Array.from({ length: o.tasks ?? 16 }, () => randomQuestion(rnd, { heldOut: false })),
  );
  if ((s + 1) % 10 == 0) {
    const out = [];
    for (const T of [1, 0]) {
      w = new Map();
      const e = await trainer.evaluate(held, { temperature: T });
      out.push(e.reward.toFixed(3));
      if (T == 1) {
        const by = {};
        let argsBad = 0,
          ansBad = 0;
        for (const [t, x] of w) {
          const c = x.calls[0];
          by[t.tool] ??= [0, 0];
          by[t.tool][1]++;
          if (isRight(t, x)) by[t.tool][0]++;
          else if (c && c.name == t.tool) {
            if (c.a !== t.a || c.b !== t.b) argsBad++;
            else ansBad++;
          }
        }
        out.push(
          Object.entries(by)
            .map(([k, [a, b]]) => k + ":" + (a / b).toFixed(2))
            .join(" "),
          "argsBad",
          argsBad,
          "ansBad",
          ansBad,
        );
      }
    }
    const c = process.cpuUsage(t0);
    console.log(
      JSON.stringify(o).slice(0, 80),
      s + 1,
      "train",
      r.metrics["reward/mean"].toFixed(3),
      "ent",
      r.metrics["update/entropy"]?.toFixed(3),
      ...out,
      "cpu",
      ((c.user + c.system) / 1e6).toFixed(0),
    );
  }
}
process.exit(0);
